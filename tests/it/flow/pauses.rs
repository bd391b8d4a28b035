//! The account, the keys or the provider as a whole: nobody gets past a stage, so nothing is taken,
//! and nothing is lost.

use super::codes;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::PROGRESS;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::units::span;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::health::Paused;
use invoice_worker::telemetry::job_event::{JobEvent, JobParked};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

promises![
    while_recognition_is_paused_jobs_stay_in_their_queue,
    while_verification_is_paused_jobs_stay_in_their_queue,
    jobs_in_hand_when_a_pause_begins_are_parked_uncharged,
    a_probe_that_is_answered_well_ends_the_pause,
    a_probe_that_fails_prolongs_the_pause,
    a_job_held_up_by_a_pause_past_its_deadline_is_answered_by_the_probe,
    the_workers_limit_stands_still_during_a_pause,
    a_restart_forgets_nothing_of_the_time_spent_paused,
];

/// The one that meets with the pause; its picture is refused, once.
const CAUSE: &str = "01-beijing-outpatient";
/// From the beginning of a pause to its first probe.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
const OTHERS: [&str; 3] = [
    "02-henan-inpatient",
    "03-zhejiang-outpatient",
    "04-shanghai-outpatient",
];

async fn while_recognition_is_paused_jobs_stay_in_their_queue(on: On) {
    nothing_is_taken(on, Stage::Recognition, "APIG.0301").await;
}

async fn while_verification_is_paused_jobs_stay_in_their_queue(on: On) {
    nothing_is_taken(on, Stage::Verification, "UNAUTHORIZED").await;
}

async fn nothing_is_taken(on: On, stage: Stage, code: &str) {
    let mut system = refusing(on, stage, code, "[1]").await;
    let parked = submit_the_cause(&mut system).await;
    assert_eq!((parked.stage, parked.code.as_str()), (stage, code));
    assert!(
        parked.until <= Timestamp::now(),
        "another worker may take it at once"
    );
    let [paused] = &paused_stages(&system).await[..] else {
        panic!("one stage is paused")
    };
    assert_eq!(
        (paused.account.as_str(), paused.code.as_str()),
        (stage.as_str(), code)
    );
    assert_eq!(paused.next_probe.duration_since(paused.since), FIRST_WAIT);
    assert!(!paused.reason.is_empty());
    submit_the_others(&system).await;
    all_jobs_are_answered(&mut system).await;
    // No call was made before the first probe.
    let calls = system.sandbox.calls().of(stage);
    assert!(
        calls[1].at >= calls[0].at + FIRST_WAIT.unsigned_abs(),
        "{calls:?}"
    );
    assert_eq!(system.workers[0].health.state(), HealthState::Consuming);
}

async fn jobs_in_hand_when_a_pause_begins_are_parked_uncharged(on: On) {
    let faults = format!(
        "[[fault]]\nstage = \"verification\"\nanswer = \"UNAUTHORIZED\"\nsample = \"{CAUSE}\"\ncalls = [1]\ndelay = \"5s\"\n"
    );
    let mut setup = Setup::new(on).await.faults(&faults);
    // The shortest wait, so that what is handed back stays where the test can look at it.
    setup.config.broker.retry_delays = vec![span("50s")];
    // While the first call is in the air the others stand in line.
    setup.config.verification.rate_per_second = 0.1;
    let mut system = setup.start().await;
    submit(&system, CAUSE).await;
    let calls = system.sandbox.calls();
    system.is_called(Stage::Verification).await;
    submit_the_others(&system).await;
    for _ in 0..4 {
        let JobEvent::Parked(parked) = system.event().await else {
            panic!("parked")
        };
        assert_eq!(
            (parked.stage, parked.code.as_str(), parked.brief),
            (Stage::Verification, "UNAUTHORIZED", false)
        );
        assert!(parked.until <= Timestamp::now(), "{}", parked.until);
    }
    for _ in 0..4 {
        let waiting = system.take(&system.longest_wait()).await;
        let progress: Value =
            serde_json::from_str(&waiting.properties.headers.text(PROGRESS).unwrap()).unwrap();
        assert_eq!(
            (&progress["steps"], &progress["totals"]["parked"]),
            (&Value::Null, &json!(1)),
            "{progress}"
        );
    }
    assert_eq!(calls.count(Stage::Verification).calls, 1);
    for queue in [
        &system.config.broker.jobs_queue,
        &system.config.broker.failed_queue,
        &system.config.broker.results_queue,
    ] {
        assert_eq!(system.depth(queue).await, 0, "{queue}");
    }
}

async fn a_probe_that_is_answered_well_ends_the_pause(on: On) {
    let mut system = refusing(on, Stage::Verification, "UNAUTHORIZED", "[1]").await;
    submit_the_cause(&mut system).await;
    paused_stages(&system).await;
    submit_the_others(&system).await;
    all_jobs_are_answered(&mut system).await;
}

async fn a_probe_that_fails_prolongs_the_pause(on: On) {
    let mut system = refusing(on, Stage::Verification, "UNAUTHORIZED", "[1, 2]").await;
    submit_the_cause(&mut system).await;
    paused_stages(&system).await;
    let JobEvent::Parked(again) = system.event().await else {
        panic!("still paused")
    };
    assert_eq!(
        (again.code.as_str(), again.totals.parked),
        ("UNAUTHORIZED", 2)
    );
    let both = SignedDuration::from_secs(20);
    let is_later = |paused: &Paused| paused.next_probe.duration_since(paused.since) >= both;
    system.workers[0]
        .becomes(|state| stages(state).iter().any(is_later))
        .await;
    assert_eq!(
        system.sandbox.calls().count(Stage::Verification).calls,
        2,
        "one call is a probe"
    );
}

async fn a_job_held_up_by_a_pause_past_its_deadline_is_answered_by_the_probe(on: On) {
    let mut system = refusing(on, Stage::Verification, "UNAUTHORIZED", "[1]").await;
    let key = system.sample(CAUSE).await;
    let deadline = Timestamp::now() + Duration::from_secs(4);
    let job = system.message(
        "job",
        json!({ "job_id": "job", "image": { "key": key }, "deadline": deadline }).to_string(),
    );
    system.submit(&job).await;
    let result = system.result().await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("undetermined"), &json!("job.deadline")),
        "{result}"
    );
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification UNAUTHORIZED no"],
        "why it waited"
    );
    assert!(
        result["recognition"]["invoice"]["note_no"].is_string(),
        "what had been obtained is in the result"
    );
}

async fn the_workers_limit_stands_still_during_a_pause(on: On) {
    let faults = format!(
        "[[fault]]\nstage = \"verification\"\nanswer = \"UNAUTHORIZED\"\nsample = \"{CAUSE}\"\ncalls = [1, 2]\n"
    );
    let mut setup = Setup::new(on).await.faults(&faults);
    // For all that comes before the pause and after it; the second probe comes twenty seconds after
    // the pause began.
    setup.config.worker.job_deadline = span("15s");
    let mut system = setup.start().await;
    submit_the_cause(&mut system).await;
    assert_eq!(system.result().await["verdict"], "genuine");
}

async fn a_restart_forgets_nothing_of_the_time_spent_paused(on: On) {
    let faults = format!(
        "[[fault]]\nstage = \"verification\"\nanswer = \"UNAUTHORIZED\"\nsample = \"{CAUSE}\"\ncalls = [1]\n"
    );
    let mut setup = Setup::new(on).await.faults(&faults);
    setup.config.worker.job_deadline = span("10s");
    let mut system = setup.start().await;
    let limit = Timestamp::now() + Duration::from_secs(11);
    submit_the_cause(&mut system).await;
    system.drain().await;
    // It is paused, and gone, for longer than the job may take.
    tokio::time::sleep(
        Duration::try_from(limit.duration_since(Timestamp::now())).unwrap_or_default(),
    )
    .await;
    system.work().await;
    let result = system.result().await;
    assert_eq!(result["verdict"], "genuine", "{result}");
}

/// The first calls about one picture are refused.
async fn refusing(on: On, stage: Stage, code: &str, calls: &str) -> System {
    let faults = format!(
        "[[fault]]\nstage = \"{stage}\"\nanswer = \"{code}\"\nsample = \"{CAUSE}\"\ncalls = {calls}\n"
    );
    Setup::new(on).await.faults(&faults).start().await
}

async fn submit(system: &System, sample: &str) {
    let key = system.sample(sample).await;
    system.submit(&system.job(sample, &key)).await;
}

async fn submit_the_cause(system: &mut System) -> JobParked {
    submit(system, CAUSE).await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked")
    };
    parked
}

async fn submit_the_others(system: &System) {
    for sample in OTHERS {
        submit(system, sample).await;
    }
}

/// Once the worker says so.
async fn paused_stages(system: &System) -> Vec<Paused> {
    let worker = &system.workers[0];
    worker.becomes(|state| !stages(state).is_empty()).await;
    let health = &worker.health;
    assert!(
        !health.state().is_ready(),
        "this stage has never worked in this process"
    );
    stages(&health.state()).to_vec()
}

fn stages(state: &HealthState) -> &[Paused] {
    match state {
        HealthState::Paused { stages } => stages,
        HealthState::Starting
        | HealthState::Refused { .. }
        | HealthState::Consuming
        | HealthState::Unproven { .. }
        | HealthState::Disconnected { .. }
        | HealthState::Stuck { .. }
        | HealthState::Unfit { .. }
        | HealthState::Draining => &[],
    }
}

/// Each once. A job that was taken beside a probe is handed back; a delivery that had been sent
/// back would wait as redelivered.
async fn all_jobs_are_answered(system: &mut System) {
    let mut answered = Vec::new();
    while answered.len() <= OTHERS.len() {
        match system.event().await {
            JobEvent::Answered(event) => answered.push(event.job_id.unwrap()),
            JobEvent::Parked(parked) => {
                assert!(
                    matches!(parked.code.as_str(), "UNAUTHORIZED" | "APIG.0301"),
                    "{parked:?}"
                );
            }
        }
    }
    answered.sort();
    assert_eq!(answered, [[CAUSE].as_slice(), &OTHERS].concat());
    for _ in answered {
        assert_eq!(system.result().await["status"], "completed");
    }
    let queues = &system.config.broker;
    for queue in [
        &queues.jobs_queue,
        &queues.due_queue,
        &queues.failed_queue,
        &queues.results_queue,
    ] {
        assert_eq!(system.depth(queue).await, 0, "{queue}");
    }
}
