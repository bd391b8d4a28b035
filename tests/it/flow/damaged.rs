//! Pictures that are damaged, or no pictures at all: refused without a call, and nothing that other
//! jobs notice.

use super::paid_calls;
use crate::harness::hostile_files::hostile_files;
use crate::harness::system::{BUCKET, On, Setup};
use invoice_worker::telemetry::health::HealthState;
use serde_json::{Value, json};
use std::collections::HashMap;

promises![damaged_files_in_a_row_cost_nothing_and_delay_no_other_job];

/// Far more than any streak that pauses a stage.
const FILES: usize = 200;

async fn damaged_files_in_a_row_cost_nothing_and_delay_no_other_job(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let files = hostile_files(15, FILES);
    for (number, file) in files.iter().enumerate() {
        let key = format!("{number}.jpg");
        let bytes = file.bytes.clone();
        system.sandbox.put(BUCKET, &key, bytes).await.unwrap();
        system.submit(&system.job(&number.to_string(), &key)).await;
    }
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("sound", &key)).await;
    let mut results: HashMap<String, Value> = HashMap::new();
    while results.len() <= FILES {
        let result = system.result().await;
        let id = result["job_id"].as_str().unwrap().to_owned();
        results.insert(id, result);
    }
    for (number, file) in files.iter().enumerate() {
        let (result, what) = (&results[&number.to_string()], file.what);
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("invalid_job"), &json!(file.code)),
            "{what}: {result}"
        );
        let image = &result["image"];
        assert_eq!(image["bytes"], file.bytes.len(), "{what}");
        assert_eq!(image["sha256"].as_str().map(str::len), Some(64), "{what}");
        let is_named = image["format"].is_string();
        assert!(is_named || file.bytes.len() <= 1, "{what}: {image}");
    }
    assert_eq!(results["sound"]["verdict"], "genuine");
    assert_eq!(results["sound"]["calls"].as_array().unwrap().len(), 2);
    assert_eq!(paid_calls(&system), 2, "one call of each stage");
    system.workers[0].becomes(HealthState::is_ready).await;
}
