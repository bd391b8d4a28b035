//! What a job may not name: another's bucket, and the worker's own queues.

use super::paid_calls;
use crate::harness::system::{On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};

promises![
    a_job_reads_the_buckets_that_it_may_name_and_no_other,
    a_reply_to_one_of_our_own_queues_is_refused_and_the_result_kept,
    a_reply_to_has_to_match_the_pattern,
];

async fn a_job_reads_the_buckets_that_it_may_name_and_no_other(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.storage.buckets = vec!["archive".into()];
    let mut system = setup.start().await;
    let bytes = samples::named("01-beijing-outpatient").unwrap().bytes;
    let ask = |bucket: &str| {
        json!({ "job_id": bucket, "image": { "bucket": bucket, "key": "a.jpg" }, "metadata": { "n": 1 } }).to_string()
    };
    for bucket in ["claims", "archive", "secrets"] {
        system.sandbox.put(bucket, "a.jpg", bytes).await.unwrap();
    }
    for bucket in ["secrets", "nowhere", "claims2", "Claims"] {
        let result = system.ask(&system.message(bucket, ask(bucket))).await;
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("invalid_job"), &json!("image.forbidden")),
            "{result}"
        );
        assert!(
            result["error"]["message"]
                .as_str()
                .unwrap()
                .contains("storage.buckets"),
            "{result}"
        );
        assert_eq!(
            (&result["job_id"], &result["metadata"]["n"]),
            (&json!(bucket), &json!(1))
        );
    }
    assert!(
        system
            .sandbox
            .calls()
            .about(Stage::Storage, "get a.jpg")
            .is_empty(),
        "no request was made for it"
    );
    for bucket in ["archive", "claims"] {
        assert_eq!(
            system.ask(&system.message(bucket, ask(bucket))).await["verdict"],
            "genuine",
            "{bucket}"
        );
    }
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 4);
}

/// The result, which is in the results queue.
async fn refused(system: &System, reply_to: &str, body: String) -> Value {
    let mut job = system.message(reply_to, body);
    job.properties.reply_to = Some(reply_to.to_owned());
    system.submit(&job).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(
        kept.properties.correlation_id,
        job.properties.correlation_id
    );
    serde_json::from_slice(&kept.body).unwrap()
}

async fn a_reply_to_one_of_our_own_queues_is_refused_and_the_result_kept(on: On) {
    let system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let queues = system.config.broker.clone();
    let retry_queues = queues
        .retry_delays
        .iter()
        .map(|delay| queues.retry_queue(delay));
    let ours: Vec<String> = [
        &queues.jobs_queue,
        &queues.due_queue,
        &queues.results_queue,
        &queues.failed_queue,
    ]
    .into_iter()
    .cloned()
    .chain(retry_queues)
    .collect();
    for (queue, number) in ours.iter().zip(1..) {
        let body = json!({ "job_id": queue, "image": { "key": key }, "progress": true, "metadata": { "n": 1 } });
        let result = refused(&system, queue, body.to_string()).await;
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("invalid_job"), &json!("job.malformed")),
            "{result}"
        );
        assert!(
            result["error"]["message"]
                .as_str()
                .unwrap()
                .contains("broker.reply_to"),
            "{result}"
        );
        assert_eq!(
            (&result["job_id"], &result["metadata"]["n"]),
            (&json!(queue), &json!(1))
        );
        system.holds(&queues.failed_queue, number).await;
    }
    let result = refused(&system, &queues.jobs_queue, "not a job".into()).await;
    assert!(
        result["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not JSON"),
        "{result}"
    );
    for queue in ours.iter().filter(|queue| **queue != queues.failed_queue) {
        assert_eq!(system.depth(queue).await, 0, "{queue}");
    }
    assert_eq!(paid_calls(&system), 0);
}

async fn a_reply_to_has_to_match_the_pattern(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.broker.reply_to = format!(r"{}\.replies", setup.config.broker.jobs_queue)
        .parse()
        .unwrap();
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let other = format!("{}2", system.reply_to);
    system.session.temporary_queue(&other).await.unwrap();
    let body = json!({ "job_id": "job", "image": { "key": key } }).to_string();
    assert_eq!(
        refused(&system, &other, body.clone()).await["error"]["code"],
        "job.malformed"
    );
    assert_eq!(system.depth(&other).await, 0);
    assert_eq!(paid_calls(&system), 0);
    assert_eq!(
        system.ask(&system.message("job", body.clone())).await["verdict"],
        "genuine"
    );
    // A job that asks for no reply asks for nothing that could be forbidden.
    let mut unasked = system.message("unasked", body);
    unasked.properties.reply_to = Some(String::new());
    system.submit(&unasked).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(
        serde_json::from_slice::<Value>(&kept.body).unwrap()["verdict"],
        "genuine"
    );
}
