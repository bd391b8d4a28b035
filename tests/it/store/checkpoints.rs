//! Paid answers, read by another worker than the one that paid.

use super::{Server, Shelf};
use invoice_worker::checkpoint::{
    Checkpoints, Config, StoreKind, StoredResult, Verification, VerificationAnswer,
};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::progress::Totals;
use invoice_worker::domain::result::{JobError, Status, Verdict};
use invoice_worker::seal::{SealKey, Sealer};
use serde_json::value::RawValue;

promises![
    a_checkpoint_of_one_worker_is_found_by_another,
    an_answer_that_another_worker_stored_since_is_not_asked_again,
    an_unreadable_object_is_none,
    a_bucket_and_a_prefix_of_their_own,
];

pub(super) fn sealer(key: &str) -> Sealer {
    Sealer::new(SealKey::of(key), None)
}

/// As another process would have them: nothing in memory.
pub(super) fn worker(shelf: &Shelf, config: &Config) -> Checkpoints {
    Checkpoints::new(config, &shelf.store, &shelf.config.bucket, sealer("key"))
}

pub(super) fn result() -> StoredResult {
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
