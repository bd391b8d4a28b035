//! The worker as a client in another language meets it: Python's `pika`, with none of our code
//! between.

mod database;
mod shipped;

use crate::harness::python;
use crate::harness::system::{On, PATIENCE, System};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

const CLIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/clients/pika_client.py"
);

async fn ask(system: &System, job: &Value) -> Value {
    ask_with_nested_header(system, job, 0).await
}

/// A header of so many lists within each other, which most clients could not even read.
async fn ask_with_nested_header(system: &System, job: &Value, levels: usize) -> Value {
    let mut client = Command::new(python::program("python3", "INVOICE_WORKER_TEST_PYTHON"));
    client.args([
        CLIENT,
        system.config.broker.urls[0].expose(),
        &system.config.broker.jobs_queue,
        &job.to_string(),
        &levels.to_string(),
    ]);
    let output = timeout(PATIENCE, client.kill_on_drop(true).output())
        .await
        .expect("a client in time")
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_persistent_typed_and_names_what_it_answers() {
    let system = System::start(On::RabbitMq).await;
    let key = system.sample("01-beijing-outpatient").await;
    let told = ask(&system, &json!({ "job_id": "理赔-1", "image": { "key": key }, "metadata": { "claim": [1, 2.50, null] } })).await;
    let properties = &told["properties"];
    assert_eq!(properties["content_type"], "application/json");
    assert_eq!(properties["delivery_mode"], 2);
    assert_eq!(properties["correlation_id"], told["sent_correlation_id"]);
    assert_eq!(properties["type"], "invoice.result");
    let run = properties["message_id"].as_str().unwrap();
    assert!(
        run.len() == 64 && run.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{run}"
    );
    let sent = jiff::Timestamp::from_second(properties["timestamp"].as_i64().unwrap()).unwrap();
    let finished: jiff::Timestamp = told["body"]["finished"].as_str().unwrap().parse().unwrap();
    assert!(
        sent.duration_since(finished).as_secs().abs() <= 60,
        "{told}"
    );

    let body = &told["body"];
    assert_eq!(
        (&body["schema"], &body["job_id"]),
        (&"invoice.result/1".into(), &"理赔-1".into())
    );
    assert_eq!(
        (&body["status"], &body["verdict"]),
        (&"completed".into(), &"genuine".into())
    );
    assert_eq!(body["metadata"], json!({ "claim": [1, 2.5, null] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_at_fault_is_answered_as_well() {
    let system = System::start(On::RabbitMq).await;
    let told = ask(&system, &json!({ "job_id": "no-image" })).await;
    assert_eq!(
        told["properties"]["correlation_id"],
        told["sent_correlation_id"]
    );
    assert_eq!(
        (&told["body"]["status"], &told["body"]["error"]["code"]),
        (&"invalid_job".into(), &"job.malformed".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_nested_without_end_does_not_end_the_worker() {
    let system = System::start(On::RabbitMq).await;
    // Answered, and copied to the failed queue with its headers.
    let told = ask_with_nested_header(&system, &json!({ "job_id": "deep" }), 3_000).await;
    assert_eq!(told["body"]["status"], "invalid_job");
    let told = ask(&system, &json!({ "job_id": "after it" })).await;
    assert_eq!(told["body"]["job_id"], "after it");
}
