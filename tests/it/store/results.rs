//! Final results: the first one of a run stands.

use super::checkpoints::{result, sealer, worker};
use super::{Server, Shelf};
use bytes::Bytes;
use invoice_worker::checkpoint::{Checkpoints, Config, StoredResult};
use invoice_worker::dev::{StoreScript, scripted_store};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::store::WriteOutcome;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

promises![the_first_of_two_results_stands,];

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
