//! Checkpoints with a seal of another key or for another name, and workers whose keys differ.

use super::checkpoints::{sealer, worker};
use super::{Server, Shelf};
use bytes::Bytes;
use invoice_worker::checkpoint::{Checkpoints, Config, Verification, VerificationAnswer};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::domain::result::{JobError, RecognitionPart, Verdict};
use invoice_worker::seal::{SealKey, Sealer};

promises![
    a_checkpoint_of_another_key_or_name_is_absent_and_is_replaced,
    workers_of_a_fleet_find_out_that_they_seal_with_different_keys,
];

/// A client that may write to the bucket may also copy and rename what our workers wrote.
async fn a_checkpoint_of_another_key_or_name_is_absent_and_is_replaced(server: Server) {
    let shelf = Shelf::new(server).await;
    let today = jiff::civil::date(2026, 11, 22);
    let error = JobError::new(&Failure::new(Stage::Verification, "300", "not found"), 1);
    let answer = VerificationAnswer::Negative {
        verdict: Verdict::NotFound,
        error,
    };
    let foreign = Checkpoints::new(
        &Config::default(),
        &shelf.store,
        &shelf.config.bucket,
        sealer("another key"),
    );
    foreign
        .keep_verification("foreign", today, &answer, None)
        .await
        .unwrap();
    worker(&shelf, &Config::default())
        .keep_verification("ours", today, &answer, None)
        .await
        .unwrap();
    let ours = shelf
        .read(&format!("checkpoints/verification/{today}/ours.json"), None)
        .await;
    shelf
        .put(
            &format!("checkpoints/verification/{today}/copied.json"),
            &ours,
        )
        .await;
    for image in ["foreign", "copied"] {
        assert!(
            worker(&shelf, &Config::default())
                .verification(image, today)
                .await
                .unwrap()
                .is_none(),
            "{image}"
        );
        // What is not ours keeps nothing of ours out.
        worker(&shelf, &Config::default())
            .keep_unread(image, today, "306", None)
            .await
            .unwrap();
        let found = worker(&shelf, &Config::default())
            .verification(image, today)
            .await
            .unwrap();
        assert!(
            matches!(found, Some(Verification::Unread { .. })),
            "{image}"
        );
    }
    let rotating = Sealer::new(SealKey::of("new key"), Some(SealKey::of("key")));
    let rotating = Checkpoints::new(
        &Config::default(),
        &shelf.store,
        &shelf.config.bucket,
        rotating,
    );
    assert!(
        rotating
            .verification("ours", today)
            .await
            .unwrap()
            .is_some(),
        "the previous key is accepted"
    );
    rotating
        .keep_recognition(
            "image",
            &RecognitionPart {
                invoice: Invoice::default(),
                request_id: None,
            },
            None,
        )
        .await
        .unwrap();
    assert!(
        worker(&shelf, &Config::default())
            .recognition("image")
            .await
            .unwrap()
            .is_some(),
        "and used, for workers that have no other"
    );
}

async fn workers_of_a_fleet_find_out_that_they_seal_with_different_keys(server: Server) {
    let shelf = Shelf::new(server).await;
    let config = Config::default();
    let with = |sealer| Checkpoints::new(&config, &shelf.store, &shelf.config.bucket, sealer);
    let rotating = Sealer::new(SealKey::of("new"), Some(SealKey::of("old")));
    let object = Some("checkpoints/seal-fleet.json".to_owned());
    for (sealer, expected) in [
        (sealer("old"), None),
        (sealer("another"), object.clone()),
        (sealer("new"), object.clone()),
        (rotating.clone(), None),
        // While both keys are in use.
        (sealer("old"), None),
        (rotating, None),
        (sealer("new"), None),
        (sealer("old"), object),
    ] {
        assert_eq!(
            with(sealer).seal_of_another_key("fleet").await.unwrap(),
            expected
        );
    }
    // What carries no seal keeps no worker from starting.
    for stray in [
        "",
        "{}",
        "no JSON",
        r#"{"v":2,"seal":"","value":{}}"#,
        r#"{"v":1,"seal":"00","value":{}}"#,
    ] {
        shelf
            .store
            .put(
                &shelf.config.bucket,
                "checkpoints/seal-fleet.json",
                Bytes::from_static(stray.as_bytes()),
            )
            .await
            .unwrap();
        assert_eq!(
            with(sealer("new"))
                .seal_of_another_key("fleet")
                .await
                .unwrap(),
            None,
            "{stray}"
        );
        assert!(
            with(sealer("old"))
                .seal_of_another_key("fleet")
                .await
                .unwrap()
                .is_some(),
            "{stray}: it was sealed anew"
        );
    }
    assert_eq!(
        with(sealer("old"))
            .seal_of_another_key("another fleet")
            .await
            .unwrap(),
        None
    );
}
