//! Paid answers, read by another worker than the one that paid.

use super::{Server, Shelf};
use bytes::Bytes;
use invoice_worker::checkpoint::{
    Checkpoints, Config, StoreKind, StoredResult, Verification, VerificationAnswer,
};
use invoice_worker::dev::{StoreScript, scripted_store};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::domain::progress::Totals;
use invoice_worker::domain::result::{JobError, RecognitionPart, Status, Verdict};
use invoice_worker::seal::{SealKey, Sealer};
use invoice_worker::store::WriteOutcome;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

promises![
    a_checkpoint_of_one_worker_is_found_by_another,
    the_first_of_two_results_stands,
    an_answer_that_another_worker_stored_since_is_not_asked_again,
    an_unreadable_object_is_none,
    a_checkpoint_of_another_key_or_name_is_absent_and_is_replaced,
    a_bucket_and_a_prefix_of_their_own,
    workers_of_a_fleet_find_out_that_they_seal_with_different_keys,
];

fn sealer(key: &str) -> Sealer {
    Sealer::new(SealKey::of(key), None)
}

/// As another process would have them: nothing in memory.
fn worker(shelf: &Shelf, config: &Config) -> Checkpoints {
    Checkpoints::new(config, &shelf.store, &shelf.config.bucket, sealer("key"))
}

fn result() -> StoredResult {
    StoredResult {
        run: "run".into(),
        status: Status::Completed,
        verdict: Some(Verdict::Genuine),
        error: None,
        totals: Totals::default(),
        recovered: Vec::new(),
        body: RawValue::from_string("{\"job_id\": \"理赔-1\"}".into()).unwrap(),
    }
}

async fn a_checkpoint_of_one_worker_is_found_by_another(server: Server) {
    let shelf = Shelf::new(server).await;
    let (one, another) = (
        worker(&shelf, &Config::default()),
        worker(&shelf, &Config::default()),
    );
    assert!(another.result("question").await.unwrap().is_none());
    one.keep_result("question", &result(), |_| true)
        .await
        .unwrap();
    let found = another
        .result("question")
        .await
        .unwrap()
        .expect("it was kept");
    assert_eq!(
        (found.run, found.status, found.verdict, found.body.get()),
        (
            "run".into(),
            Status::Completed,
            Some(Verdict::Genuine),
            result().body.get()
        )
    );

    let error = JobError::new(&Failure::new(Stage::Verification, "300", "not found"), 1);
    let (today, tomorrow) = (
        jiff::civil::date(2026, 11, 22),
        jiff::civil::date(2026, 11, 23),
    );
    one.keep_verification(
        "image",
        today,
        &VerificationAnswer::Negative {
            verdict: Verdict::NotFound,
            error,
        },
        None,
    )
    .await
    .unwrap();
    let found = another.verification("image", today).await.unwrap();
    assert!(matches!(
        found,
        Some(Verification::Answered(VerificationAnswer::Negative {
            verdict: Verdict::NotFound,
            ..
        }))
    ));
    assert!(
        another
            .verification("image", tomorrow)
            .await
            .unwrap()
            .is_none(),
        "tomorrow's answer may be another"
    );
}

/// What a process remembers may be older than what the store has: it is believed only where it is
/// the last word.
async fn an_answer_that_another_worker_stored_since_is_not_asked_again(server: Server) {
    let shelf = Shelf::new(server).await;
    let (one, another) = (
        worker(&shelf, &Config::default()),
        worker(&shelf, &Config::default()),
    );
    let today = jiff::civil::date(2026, 11, 22);
    one.keep_unread("image", today, "306", None).await.unwrap();
    assert!(matches!(
        one.verification("image", today).await.unwrap(),
        Some(Verification::Unread { .. })
    ));
    let error = JobError::new(&Failure::new(Stage::Verification, "300", "not found"), 1);
    another
        .keep_verification(
            "image",
            today,
            &VerificationAnswer::Negative {
                verdict: Verdict::NotFound,
                error,
            },
            None,
        )
        .await
        .unwrap();
    assert!(
        matches!(
            one.verification("image", today).await.unwrap(),
            Some(Verification::Answered(_))
        ),
        "the other one turned it"
    );

    let failed = StoredResult {
        run: "first".into(),
        status: Status::Undetermined,
        verdict: None,
        ..result()
    };
    let unless_completed = |kept: &StoredResult| kept.status != Status::Completed;
    assert!(
        one.keep_result("question", &failed, unless_completed)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        another
            .keep_result("question", &result(), unless_completed)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        one.result("question").await.unwrap().map(|kept| kept.run),
        Some(result().run)
    );
    let third = StoredResult {
        run: "third".into(),
        ..result()
    };
    let first = one
        .keep_result("question", &third, unless_completed)
        .await
        .unwrap();
    assert_eq!(
        first.map(|first| first.run),
        Some(result().run),
        "a completed run is not replaced"
    );
}

/// Takes nothing the first time.
#[derive(Default)]
struct Hesitant {
    writes: AtomicU32,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl StoreScript for Hesitant {
    fn read(&self, key: &str) -> Result<Bytes, Failure> {
        let missing = Failure {
            http_status: Some(404),
            ..Failure::new(Stage::Storage, "NoSuchKey", "")
        };
        self.objects
            .lock()
            .unwrap()
            .get(key)
            .cloned()
            .ok_or(missing)
    }

    fn write(&self, key: &str, bytes: Bytes, _new: bool) -> Result<WriteOutcome, Failure> {
        if key.contains("result/") && self.writes.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Failure::new(Stage::Storage, "SlowDown", ""));
        }
        self.objects.lock().unwrap().insert(key.to_owned(), bytes);
        Ok(WriteOutcome::New)
    }
}

#[tokio::test]
async fn a_result_whose_first_write_fails_is_in_the_store_after_the_second() {
    let hesitant = Hesitant::default();
    let objects = Arc::clone(&hesitant.objects);
    let checkpoints = Checkpoints::new(
        &Config::default(),
        &scripted_store(hesitant),
        "bucket",
        sealer("key"),
    );
    assert!(
        checkpoints
            .keep_result("question", &result(), |_| false)
            .await
            .is_err()
    );
    assert!(
        checkpoints
            .keep_result("question", &result(), |_| false)
            .await
            .unwrap()
            .is_none(),
        "nothing stands in its place"
    );
    assert!(
        objects
            .lock()
            .unwrap()
            .keys()
            .any(|key| key.contains("result/"))
    );
}

async fn an_unreadable_object_is_none(server: Server) {
    let shelf = Shelf::new(server).await;
    for (question, bytes) in [
        ("empty", &b""[..]),
        ("text", b"<html>It works!</html>"),
        ("half", b"{\"v\":1,\"value\":{\"run\":"),
        ("other", b"{\"v\":1,\"value\":{}}"),
        ("before", br#"{"v":1,"value":{"run":"r","status":"completed","verdict":null,"body":"{}"}}"#),
        ("unsealed", b"{\"v\":1,\"value\":{\"run\":\"r\",\"status\":\"completed\",\"verdict\":null,\"result\":{}}}"),
        ("without a seal", b"{\"v\":2,\"seal\":\"\",\"value\":{\"run\":\"r\",\"status\":\"completed\",\"verdict\":null,\"result\":{}}}"),
        ("later", b"{\"v\":3,\"value\":{\"run\":\"r\",\"status\":\"completed\",\"verdict\":null,\"result\":{}}}"),
    ] {
        shelf.put(&format!("checkpoints/result/{question}.json"), bytes).await;
        let checkpoints = worker(&shelf, &Config::default());
        assert!(checkpoints.result(question).await.unwrap().is_none(), "{question}");
        checkpoints.keep_result(question, &result(), |_| true).await.unwrap();
        assert!(worker(&shelf, &Config::default()).result(question).await.unwrap().is_some(), "{question} is replaced");
    }
}

/// Whoever may write to the bucket may also copy and rename what our workers wrote.
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

async fn a_bucket_and_a_prefix_of_their_own(server: Server) {
    let shelf = Shelf::new(server).await;
    let elsewhere = Config {
        bucket: "nobodys-bucket".into(),
        ..Config::default()
    };
    let failure = worker(&shelf, &elsewhere)
        .keep_result("question", &result(), |_| true)
        .await
        .err()
        .expect("refused");
    assert_eq!(
        (failure.stage, failure.code.as_str()),
        (Stage::Storage, "NoSuchBucket")
    );
    let prefixed = Config {
        prefix: "team/a/".into(),
        ..Config::default()
    };
    worker(&shelf, &prefixed)
        .keep_result("question", &result(), |_| true)
        .await
        .unwrap();
    assert!(
        !shelf
            .read("team/a/result/question.json", None)
            .await
            .is_empty()
    );
    assert!(
        worker(&shelf, &Config::default())
            .result("question")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn memory_and_none_leave_the_store_alone() {
    let shelf = Shelf::new(Server::Sandbox).await;
    for (store, remembered) in [(StoreKind::Memory, true), (StoreKind::None, false)] {
        let config = Config {
            store,
            ..Config::default()
        };
        let checkpoints = worker(&shelf, &config);
        checkpoints
            .keep_result("question", &result(), |_| true)
            .await
            .unwrap();
        assert_eq!(
            checkpoints.result("question").await.unwrap().is_some(),
            remembered
        );
        assert!(
            worker(&shelf, &Config::default())
                .result("question")
                .await
                .unwrap()
                .is_none()
        );
    }
}

async fn the_first_of_two_results_stands(server: Server) {
    let shelf = Shelf::new(server).await;
    for is_probed in [false, true] {
        let question = format!("question {is_probed}");
        let (one, another) = (
            worker(&shelf, &Config::default()),
            worker(&shelf, &Config::default()),
        );
        if is_probed {
            assert_eq!(
                one.probe().await.unwrap(),
                Some(true),
                "both servers honour conditions"
            );
            assert_eq!(another.probe().await.unwrap(), Some(true));
        }
        let later = StoredResult {
            body: RawValue::from_string("{}".into()).unwrap(),
            ..result()
        };
        assert!(
            one.keep_result(&question, &result(), |_| false)
                .await
                .unwrap()
                .is_none()
        );
        let first = another
            .keep_result(&question, &later, |_| false)
            .await
            .unwrap();
        assert_eq!(
            first.map(|first| first.body.to_string()),
            Some(result().body.to_string())
        );
        assert_eq!(
            another
                .result(&question)
                .await
                .unwrap()
                .map(|kept| kept.body.to_string()),
            Some(result().body.to_string())
        );
        assert!(
            another
                .keep_result(&question, &later, |_| true)
                .await
                .unwrap()
                .is_none(),
            "it is asked again"
        );
        let third = worker(&shelf, &Config::default());
        assert_eq!(
            third
                .result(&question)
                .await
                .unwrap()
                .map(|kept| kept.body.to_string()),
            Some(later.body.to_string())
        );
    }
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
