//! The same picture, and the same message, several times at once: paid once, each answered.

use super::{codes, paid_calls};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{ParkedState, parked_copy, run_id};
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::progress::Progress;
use invoice_worker::settings::units::span;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

promises![
    jobs_about_the_same_image_at_once_share_its_calls,
    jobs_about_the_same_image_share_its_failure,
    the_same_message_twice_at_once_is_paid_once_and_answered_with_the_same_bytes,
    a_run_that_was_forked_ends_in_one_result,
    a_copy_that_was_redelivered_before_it_was_parked_is_answered_again,
    two_runs_of_a_job_at_once_say_the_same,
    an_image_that_was_not_read_upright_is_sent_rotated_by_the_next_job,
    a_fork_of_a_run_that_asks_again_for_what_failed_ends_in_one_result,
    a_suspect_waits_for_its_configured_time,
    many_copies_of_one_slow_message_do_not_hold_up_the_others,
    many_jobs_about_one_slow_image_do_not_hold_up_the_others,
];

/// Providers that take their time, and a worker that is started when all jobs are there: so they
/// meet, on a slow machine, too.
async fn slow(on: On, faults: &str) -> System {
    let mut setup = Setup::new(on).await.faults(faults);
    setup.scenario.recognition.latency = Duration::from_millis(400);
    setup.scenario.verification.latency = Duration::from_millis(200);
    setup.prepare().await
}

async fn jobs_about_the_same_image_at_once_share_its_calls(on: On) {
    let mut system = slow(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    for number in 0..5 {
        system
            .submit(&system.job(&format!("job {number}"), &key))
            .await;
    }
    system.work().await;
    let mut answered = BTreeSet::new();
    let mut called = Vec::new();
    for _ in 0..5 {
        let result = system.result().await;
        assert_eq!(result["verdict"], "genuine", "{result}");
        answered.insert(result["job_id"].as_str().unwrap().to_owned());
        called.extend(codes(&result));
    }
    called.sort();
    assert_eq!(answered.len(), 5, "each is answered for itself");
    assert_eq!(
        called,
        ["recognition 200 yes", "verification OK yes"],
        "and the calls are told once"
    );
    assert_eq!(paid_calls(&system), 2);
}

async fn jobs_about_the_same_image_share_its_failure(on: On) {
    let mut system = slow(
        on,
        "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n",
    )
    .await;
    let key = system.sample("01-beijing-outpatient").await;
    for number in 0..3 {
        system
            .submit(&system.job(&format!("job {number}"), &key))
            .await;
    }
    system.work().await;
    for _ in 0..3 {
        let result = system.result().await;
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("undetermined"), &json!("319"))
        );
    }
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 1);
}

async fn the_same_message_twice_at_once_is_paid_once_and_answered_with_the_same_bytes(on: On) {
    let mut system = slow(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    system.submit(&job).await;
    system.work().await;
    let (first, second) = (system.reply().await, system.reply().await);
    assert_eq!(first.properties.message_id, second.properties.message_id);
    assert_eq!(first.body, second.body);
    assert_eq!(paid_calls(&system), 2);
}

async fn a_run_that_was_forked_ends_in_one_result(on: On) {
    let mut system = slow(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let copy = system.returning(&job, &Progress::new(run_id(&job), jiff::Timestamp::now()));
    // Both come back from being parked, as after a crash between the park's confirm and its
    // acknowledgement.
    for _ in 0..2 {
        system
            .session
            .publisher()
            .publish(&system.config.broker.due_queue, &copy)
            .await
            .unwrap();
    }
    system.work().await;
    assert_eq!(
        system.reply().await.properties.message_id,
        Some(run_id(&copy))
    );
    system.holds(&system.config.broker.due_queue, 0).await;
    assert_eq!(system.drain().await, Drained::Yes);
    assert_eq!(
        system.depth(&system.reply_to.clone()).await,
        0,
        "the other copy is dropped"
    );
    assert_eq!(paid_calls(&system), 2);
}

async fn a_copy_that_was_redelivered_before_it_was_parked_is_answered_again(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let copy = system.job("job", &key);
    system.submit(&copy).await;
    let first = system.reply().await;
    // As if that answer had been stored by a worker that lost its connection before it could
    // publish: the redelivered copy had been parked meanwhile, and comes back now.
    let mut progress = Progress::new(run_id(&copy), jiff::Timestamp::now());
    progress.delivered.redelivered = true;
    let copy = system.returning(&copy, &progress);
    system
        .session
        .publisher()
        .publish(&system.config.broker.due_queue, &copy)
        .await
        .unwrap();
    let again = system.reply().await;
    assert_eq!(
        (first.properties.message_id, first.body),
        (again.properties.message_id, again.body)
    );
    assert_eq!(paid_calls(&system), 2);
}

async fn two_runs_of_a_job_at_once_say_the_same(on: On) {
    let mut system = slow(on, "").await;
    let key = system.sample("01-beijing-outpatient").await;
    let first = system.job("job", &key);
    let mut second = system.job("job", &key);
    second.properties.message_id = Some("resubmitted".into());
    system.submit(&first).await;
    system.submit(&second).await;
    system.work().await;
    let results = [system.result().await, system.result().await];
    for field in [
        "verdict",
        "recognition",
        "verification",
        "checks",
        "image",
        "first_seen",
        "finished",
    ] {
        assert_eq!(results[0][field], results[1][field], "{field}");
    }
    assert_eq!(paid_calls(&system), 2);
}

async fn an_image_that_was_not_read_upright_is_sent_rotated_by_the_next_job(on: On) {
    let faults = r#"
        [[fault]]
        stage = "verification"
        answer = "306"
        auto_rotate = false
        [[fault]]
        stage = "verification"
        answer = "321"
    "#;
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    for id in ["first", "second"] {
        system.submit(&system.job(id, &key)).await;
        let JobEvent::Parked(parked) = system.event().await else {
            panic!("{id} is parked")
        };
        assert_eq!(parked.code, "321");
    }
    let calls = system.sandbox.calls().of(Stage::Verification);
    let answers: Vec<&str> = calls.iter().map(|call| call.answer.as_str()).collect();
    assert_eq!(
        answers,
        ["306", "321", "321"],
        "what was paid for once is known"
    );
}

async fn a_fork_of_a_run_that_asks_again_for_what_failed_ends_in_one_result(on: On) {
    let faults = r#"
        [[fault]]
        stage = "verification"
        answer = "319"
        calls = [1]
        [[fault]]
        stage = "verification"
        answer = "321"
        calls = [2]
    "#;
    let rules = r#"
        [[rule]]
        stage = "verification"
        code = ["321"]
        # Clearly more than the longest delay: parked a little late it still waits in that queue.
        do = [{ action = "park", delays = ["15s"] }, { action = "fail" }]
        billed = "yes"
        reason = "shortened"
    "#;
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(rules)
        .start()
        .await;
    let key = system.sample("01-beijing-outpatient").await;
    assert_eq!(
        system.ask(&system.job("job", &key)).await["error"]["code"],
        "319"
    );
    let mut again = system.job("job", &key);
    again.properties.message_id = Some("submitted again".into());
    system.submit(&again).await;
    let copy = system.due_now(&system.take(&system.longest_wait()).await);
    for _ in 0..2 {
        system
            .session
            .publisher()
            .publish(&system.config.broker.due_queue, &copy)
            .await
            .unwrap();
    }
    let first = system.reply().await;
    assert_eq!(system.drain().await, Drained::Yes);
    for reply in system.replies_so_far().await {
        assert_eq!(
            (reply.properties.message_id, reply.body),
            (first.properties.message_id.clone(), first.body.clone())
        );
    }
    assert_eq!(
        paid_calls(&system),
        1 + 3,
        "the second copy pays for nothing"
    );
}

async fn a_suspect_waits_for_its_configured_time(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let until = jiff::Timestamp::now() + Duration::from_secs(3);
    let state = ParkedState {
        progress: Progress::new(run_id(&job), jiff::Timestamp::now()).to_header(),
        not_before_ms: u64::try_from(until.as_millisecond()).unwrap(),
        deaths: Some(0),
    };
    let copy = parked_copy(&job, &state, &system.config.sealer());
    system
        .session
        .publisher()
        .publish(&system.config.broker.due_queue, &copy)
        .await
        .unwrap();
    assert_eq!(system.result().await["verdict"], "genuine");
    assert!(jiff::Timestamp::now() >= until);
}

async fn many_copies_of_one_slow_message_do_not_hold_up_the_others(on: On) {
    const SLOW: &str = "02-henan-inpatient";
    /// More than a worker takes at once.
    const COPIES: usize = 70;
    const OTHERS: usize = 10;
    let faults = format!(
        "[[fault]]\nstage = \"recognition\"\nsample = {SLOW:?}\nanswer = \"timeout\"\ncalls = [1]\n"
    );
    let mut setup = Setup::new(on).await.faults(&faults);
    setup.config.broker.retry_delays = vec![span("2s"), span("10s")];
    let mut system = setup.prepare().await;
    let key = system.sample(SLOW).await;
    let job = system.job("slow", &key);
    for _ in 0..COPIES {
        system.submit(&job).await;
    }
    let key = system.sample("01-beijing-outpatient").await;
    for number in 0..OTHERS {
        system
            .submit(&system.job(&format!("quick {number}"), &key))
            .await;
    }
    system.work().await;
    for _ in 0..OTHERS {
        let result = system.result().await;
        assert!(
            result["job_id"].as_str().unwrap().starts_with("quick"),
            "{result}"
        );
    }
    let calls = system.sandbox.calls();
    assert_eq!(
        calls.about(Stage::Recognition, SLOW).len(),
        1,
        "the slow one is still slow"
    );
    let mut answers = BTreeSet::new();
    for _ in 0..COPIES {
        let reply = system.reply().await;
        answers.insert((reply.properties.message_id, reply.body));
    }
    assert_eq!(
        answers.len(),
        1,
        "each copy is answered, with the same bytes"
    );
    assert_eq!(
        calls.about(Stage::Recognition, SLOW).len(),
        2,
        "and paid for once"
    );
    assert_eq!(system.drain().await, Drained::Yes);
}

async fn many_jobs_about_one_slow_image_do_not_hold_up_the_others(on: On) {
    const SLOW: &str = "02-henan-inpatient";
    /// More than a worker takes at once.
    const JOBS: usize = 70;
    let faults = format!(
        "[[fault]]\nstage = \"recognition\"\nsample = {SLOW:?}\nanswer = \"timeout\"\ncalls = [1]\n"
    );
    let mut setup = Setup::new(on).await.faults(&faults);
    setup.config.broker.retry_delays = vec![span("2s"), span("10s")];
    let mut system = setup.prepare().await;
    let key = system.sample(SLOW).await;
    for number in 0..JOBS {
        let job = system.job(&format!("slow {number}"), &key);
        system.submit(&job).await;
    }
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("quick", &key)).await;
    system.work().await;
    assert_eq!(system.result().await["job_id"], "quick");
    let calls = system.sandbox.calls();
    assert_eq!(
        calls.about(Stage::Recognition, SLOW).len(),
        1,
        "the slow one is still slow"
    );
    let mut answered = BTreeSet::new();
    for _ in 0..JOBS {
        let result = system.result().await;
        assert_eq!(result["verdict"], "genuine", "{result}");
        answered.insert(result["job_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered.len(), JOBS, "each is answered for itself");
    let paid =
        [Stage::Recognition, Stage::Verification].map(|stage| calls.about(stage, SLOW).len());
    assert_eq!(paid, [2, 1], "and what they share is bought once");
    assert_eq!(system.drain().await, Drained::Yes);
}
