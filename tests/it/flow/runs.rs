//! The same run, another run, a redelivery, a fork: who is answered with what, and what is not paid
//! for again.

use super::{SHORT_316, codes, paid_calls};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, PROGRESS, run_id};
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::units::span;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use serde_json::{Value, json};
use std::time::Duration;

promises![
    the_same_message_twice_is_answered_with_the_same_bytes_and_paid_once,
    another_run_of_the_same_job_gets_the_same_answer_with_its_own_metadata,
    a_failed_run_that_is_submitted_again_is_asked_again_and_answered,
    a_redelivered_job_waits_before_it_is_tried_again,
    every_redelivery_waits_and_the_third_in_a_row_makes_a_suspect,
    a_redelivery_past_its_deadline_replays_what_was_found_before,
    an_answer_to_what_is_no_job_is_repeated_byte_for_byte,
    a_stopped_worker_finishes_its_call_and_hands_the_job_on,
    a_strangers_progress_starts_the_job_afresh,
];

async fn the_same_message_twice_is_answered_with_the_same_bytes_and_paid_once(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let first = system.reply().await;
    system.submit(&job).await;
    let second = system.reply().await;
    assert_eq!(first.body, second.body);
    assert_eq!(first.properties.message_id, second.properties.message_id);
    assert_eq!(paid_calls(&system), 2);
}

async fn another_run_of_the_same_job_gets_the_same_answer_with_its_own_metadata(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let first = system.reply().await;
    let mut again = system.message(
        "job",
        json!({ "job_id": "job", "image": { "key": key }, "metadata": { "claim": "another" } })
            .to_string(),
    );
    again.properties.message_id = Some("resubmitted".into());
    system.submit(&again).await;
    let second = system.reply().await;
    assert_ne!(first.properties.message_id, second.properties.message_id);
    let (first, second): (Value, Value) = (
        serde_json::from_slice(&first.body).unwrap(),
        serde_json::from_slice(&second.body).unwrap(),
    );
    assert_eq!(second["metadata"]["claim"], "another");
    assert_eq!(second["calls"], json!([]), "this run made none");
    for field in ["verdict", "recognition", "verification", "checks", "image"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    assert_eq!(paid_calls(&system), 2);
}

async fn a_failed_run_that_is_submitted_again_is_asked_again_and_answered(on: On) {
    let faults = r#"
        [[fault]]
        stage = "verification"
        answer = "319"
        calls = [1]
        [[fault]]
        stage = "verification"
        answer = "316"
        calls = [2]
    "#;
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(SHORT_316)
        .start()
        .await;
    let key = system.sample("02-henan-inpatient").await;
    let job = system.job("job", &key);
    assert_eq!(system.ask(&job).await["error"]["code"], "319");
    // The same message once more: a failure is really tried again, through being parked, and this
    // copy is answered.
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
}

async fn a_redelivered_job_waits_before_it_is_tried_again(on: On) {
    let mut system = Setup::new(on).await.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    hand_out_and_lose(&system, &job).await;
    system.work().await;
    let result = system.result().await;
    assert_eq!(result["verdict"], "genuine");
    let JobEvent::Parked(waits) = system.event().await else {
        panic!("it waits first")
    };
    assert_eq!(
        (waits.stage, waits.code.as_str(), waits.totals.calls),
        (Stage::Worker, "redelivered", 0)
    );
    assert!(
        matches!(system.event().await, JobEvent::Answered(_)),
        "and not again, where it was not redelivered again"
    );
}

async fn every_redelivery_waits_and_the_third_in_a_row_makes_a_suspect(on: On) {
    let mut setup = Setup::new(on).await;
    // Clearly more than the longest delay: parked a little late it still waits in that queue.
    setup.config.worker.redelivery_wait = span("15s");
    let mut system = setup.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    hand_out_and_lose(&system, &system.job("job", &key)).await;
    for returns in [1, 2] {
        system.work().await;
        let JobEvent::Parked(waits) = system.event().await else {
            panic!("it waits")
        };
        assert_eq!(
            (waits.code.as_str(), waits.totals.calls),
            ("redelivered", 0)
        );
        assert_eq!(system.drain().await, Drained::Yes);
        let parked = system.take(&system.longest_wait()).await;
        let progress: Value =
            serde_json::from_str(&parked.properties.headers.text(PROGRESS).unwrap()).unwrap();
        assert_eq!(
            progress["returns"], returns,
            "the broker counts a parked copy anew"
        );
        hand_out_and_lose_from(
            &system,
            &system.config.broker.due_queue,
            &system.due_now(&parked),
        )
        .await;
    }
    system.work().await;
    assert!(
        matches!(system.event().await, JobEvent::Answered(_)),
        "a suspect does not wait for others: it runs alone"
    );
    assert_eq!(system.result().await["verdict"], "genuine");
}

async fn a_redelivery_past_its_deadline_replays_what_was_found_before(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(15);
    let body =
        json!({ "job_id": "job", "image": { "key": key }, "deadline": deadline }).to_string();
    let job = system.message("job", body);
    let first = system.ask(&job).await;
    assert_eq!(first["verdict"], "genuine");
    assert_eq!(system.drain().await, Drained::Yes);
    hand_out_and_lose(&system, &job).await;
    tokio::time::sleep(
        Duration::try_from(deadline.duration_since(jiff::Timestamp::now())).unwrap_or_default(),
    )
    .await;
    system.work().await;
    assert_eq!(system.result().await, first);
    assert_eq!(paid_calls(&system), 2);
}

async fn an_answer_to_what_is_no_job_is_repeated_byte_for_byte(on: On) {
    let mut system = System::start(on).await;
    for job in [
        system.message("malformed", "{"),
        system.job("without its image", "samples/none.jpg"),
    ] {
        system.submit(&job).await;
        let first = system.reply().await;
        assert_eq!(system.drain().await, Drained::Yes);
        hand_out_and_lose(&system, &job).await;
        system.work().await;
        let again = system.reply().await;
        assert_eq!(
            (again.body, again.properties.message_id),
            (first.body, first.properties.message_id)
        );
    }
}

async fn a_stopped_worker_finishes_its_call_and_hands_the_job_on(on: On) {
    let mut setup = Setup::new(on).await;
    setup.scenario.recognition.latency = Duration::from_secs(2);
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let calls = system.sandbox.calls();
    system.is_called(Stage::Recognition).await;
    assert_eq!(system.drain().await, Drained::Yes);
    assert_eq!(
        calls.count(Stage::Recognition).billed,
        1,
        "the call in the air was finished"
    );
    assert_eq!(
        calls.count(Stage::Verification).calls,
        0,
        "no further call was started"
    );
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("handed on")
    };
    assert_eq!(parked.code, "worker.stopping");
    // The next worker goes on where the first one stopped.
    system.work().await;
    let reply = system.reply().await;
    assert_eq!(reply.properties.message_id, Some(run_id(&job)));
    let result: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification OK yes"]
    );
    assert_eq!(
        (
            calls.count(Stage::Recognition).billed,
            calls.count(Stage::Verification).billed
        ),
        (1, 1)
    );
}

async fn a_strangers_progress_starts_the_job_afresh(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("job", &key);
    let forged = json!({ "v": 1, "run": "ab".repeat(32), "first_seen": "9990-01-01T00:00:00Z", "rotated_for": "307" });
    job.properties
        .headers
        .set_text(PROGRESS, &forged.to_string());
    let reply = {
        system.submit(&job).await;
        system.reply().await
    };
    assert_eq!(reply.properties.message_id, Some(run_id(&job)));
    let result: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification OK yes"]
    );
}

/// Somebody receives the job, and goes away without settling it.
pub(super) async fn hand_out_and_lose(system: &System, job: &Message) {
    hand_out_and_lose_from(system, &system.config.broker.jobs_queue, job).await;
}

async fn hand_out_and_lose_from(system: &System, queue: &str, job: &Message) {
    system
        .session
        .publisher()
        .publish(queue, job)
        .await
        .unwrap();
    system.hand_out_and_lose(queue).await;
}
