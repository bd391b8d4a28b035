//! What a job that asked for it is told while it waits.

use super::{SHORT_316, text};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, run_id};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

promises![
    each_wait_is_reported_once_however_many_hops_it_takes,
    a_job_that_did_not_ask_gets_no_progress_message,
    a_reply_queue_that_is_gone_does_not_disturb_the_job,
];

/// One hop of a second and several of a tenth of one.
const WAIT: Duration = Duration::from_millis(1_400);

async fn each_wait_is_reported_once_however_many_hops_it_takes(on: On) {
    let mut system = twice_in_maintenance(on).await;
    let mut job = asking(&system, true).await;
    job.properties.headers.set_text(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    system.submit(&job).await;
    let run = run_id(&job);
    let mut earliest = Timestamp::now();
    for attempt in [1, 2] {
        let told = system.reply().await;
        let properties = &told.properties;
        assert_eq!(properties.kind.as_deref(), Some("invoice.progress"));
        assert_eq!(properties.correlation_id, job.properties.correlation_id);
        assert_eq!(
            properties.message_id,
            Some(format!("{run}.{attempt}")),
            "consumers know a result by the run id alone"
        );
        assert_eq!(
            properties.headers.text("traceparent"),
            job.properties.headers.text("traceparent")
        );
        let body: Value = serde_json::from_slice(&told.body).unwrap();
        let next: Timestamp = text(&body["next_attempt_at"]).parse().unwrap();
        assert!(next >= earliest.checked_add(WAIT).unwrap(), "{next}");
        earliest = next;
        let expected = json!({
            "schema": "invoice.progress/1", "job_id": "job", "stage": "verification", "code": "316",
            "attempt": attempt, "next_attempt_at": body["next_attempt_at"],
        });
        assert_eq!(body, expected);
    }
    let result = system.reply().await;
    assert_eq!(
        (
            result.properties.kind.as_deref(),
            result.properties.message_id
        ),
        (Some("invoice.result"), Some(run))
    );
}

async fn a_job_that_did_not_ask_gets_no_progress_message(on: On) {
    let mut system = twice_in_maintenance(on).await;
    let job = asking(&system, false).await;
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
    assert_eq!(system.depth(&system.config.broker.results_queue).await, 0);
}

async fn a_reply_queue_that_is_gone_does_not_disturb_the_job(on: On) {
    let system = twice_in_maintenance(on).await;
    let mut job = asking(&system, true).await;
    job.properties.reply_to = Some(format!("{}.gone", system.reply_to));
    system.submit(&job).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(
        (kept.properties.kind.as_deref(), kept.properties.message_id),
        (Some("invoice.result"), Some(run_id(&job)))
    );
    let result: Value = serde_json::from_slice(&kept.body).unwrap();
    assert_eq!(
        (
            &result["verdict"],
            result["calls"].as_array().unwrap().len()
        ),
        (&json!("genuine"), 4)
    );
    assert_eq!(
        system.depth(&system.config.broker.results_queue).await,
        0,
        "progress is kept for nobody"
    );
}

async fn twice_in_maintenance(on: On) -> System {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1, 2]\n";
    let wait = format!("\"{}ms\"", WAIT.as_millis());
    Setup::new(on)
        .await
        .faults(faults)
        .rules(&SHORT_316.replace("\"300ms\", \"600ms\"", &wait))
        .start()
        .await
}

async fn asking(system: &System, progress: bool) -> Message {
    let key = system.sample("02-henan-inpatient").await;
    let body = json!({ "job_id": "job", "image": { "key": key }, "progress": progress });
    system.message("job", body.to_string())
}
