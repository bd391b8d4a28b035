//! SIGTERM and SIGINT: the first drains, the second ends at once, and whatever was not finished is
//! delivered again.

use crate::harness::program::{ConfigFile, Program};
use crate::harness::system::{On, Setup, System};
use invoice_worker::domain::failure::Stage;

/// A worker in a process of its own, with one job whose first recognition is under way; and where
/// it tells of itself.
async fn busy(setup: Setup, environment: &[(&str, &str)]) -> (System, ConfigFile, Program, String) {
    let system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(environment);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    system.is_called(Stage::Recognition).await;
    (system, file, program, telemetry)
}

async fn hanging() -> Setup {
    Setup::new(On::RabbitMq)
        .await
        .faults("[[fault]]\nstage = \"recognition\"\nanswer = \"timeout\"\ncalls = [1]\n")
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_finishes_its_calls_and_loses_nothing() {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.scenario.recognition.latency = std::time::Duration::from_secs(3);
    let (mut system, file, mut program, _) = busy(setup, &[]).await;
    program.signal("TERM").await;
    let event = program.event("draining").await;
    assert_eq!(event["in_flight"], 1);
    let ended = program.end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let next = file.run(&[]);
    assert_eq!(system.result().await["verdict"], "genuine");
    assert_eq!(next.stop().await.code, Some(0));
    assert_eq!(
        system.sandbox.calls().count(Stage::Recognition).billed,
        1,
        "the call under way was not paid for in vain"
    );
    assert_eq!(system.depth(&system.config.broker.jobs_queue).await, 0);
}

#[tokio::test]
async fn during_the_drain_readiness_says_so() {
    let (_system, _file, mut program, telemetry) = busy(hanging().await, &[]).await;
    program.signal("TERM").await;
    program.event("draining").await;
    let answer = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("draining"));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (_system, _file, mut program, _) = busy(hanging().await, &[]).await;
        program.signal(signal).await;
        program.event("draining").await;
        program.signal(signal).await;
        let ended = program.end().await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_job_that_does_not_finish_in_time_is_delivered_to_the_next_worker() {
    let (mut system, file, program, _) = busy(
        hanging().await,
        &[("INVOICE_WORKER__WORKER__SHUTDOWN_GRACE", "100ms")],
    )
    .await;
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("shutdown_grace ran out"),
        "{}",
        ended.stderr
    );

    let next = file.run(&[]);
    assert_eq!(system.result().await["verdict"], "genuine");
    let ended = next.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
