//! `failed replay` killed at either side of its publishing: repeated, it is the same run, and the
//! job is neither lost nor bought twice.

use super::stop;
use crate::harness::program::{ConfigFile, NONE, Program, output};
use crate::harness::proxy::{Direction, Proxy};
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup, System};
use invoice_worker::domain::failure::Stage;
use serde_json::Value;

/// The registry's first answer is one that only a person can help with.
const FAULT: &str = "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\ncalls = [1]\n";

/// A replay of the one failed job, killed when it sends this.
async fn killed_at(system: &System, sees: &str) {
    let wire = Proxy::before(rabbitmq::port().await).await;
    wire.trap(sees, Direction::ToServer);
    let mut config = system.config.clone();
    config.broker.urls = vec![wire.url()];
    let file = ConfigFile::of_config(&config);
    let program = Program::start(&["failed", "replay", "-c", &file.path()], &NONE);
    wire.sprung(1).await;
    program.kill().await;
}

async fn replayed_after_a_kill_at(sees: &str, copies: usize) {
    let mut system = Setup::new(On::RabbitMq).await.faults(FAULT).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    assert_eq!(
        system.ask(&system.job("CLM-1", &key)).await["status"],
        "undetermined"
    );
    system.drain().await;

    killed_at(&system, sees).await;
    let file = ConfigFile::of(&system);
    // What the dead process had in hand comes back before the next one sees the end of the queue,
    // or is not there yet.
    let failed = system.take(&system.config.broker.failed_queue).await;
    system
        .session
        .publisher()
        .publish(&system.config.broker.failed_queue, &failed)
        .await
        .unwrap();
    let ended = output(&["failed", "replay", "-c", &file.path()], &NONE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let worker = file.run(&[]);
    let mut answers = Vec::new();
    for _ in 0..copies {
        answers.push(system.reply().await);
    }
    assert_eq!(worker.stop().await.code, Some(0));
    assert!(
        answers.iter().all(|answer| answer.body == answers[0].body),
        "one run"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&answers[0].body).unwrap()["verdict"],
        "genuine"
    );
    let calls = system.sandbox.calls();
    assert_eq!(
        (
            calls.count(Stage::Recognition).billed,
            calls.count(Stage::Verification).billed
        ),
        (1, 2),
        "the failed call is one"
    );
    for queue in [
        &system.config.broker.failed_queue,
        &system.config.broker.jobs_queue,
    ] {
        assert_eq!(system.depth(queue).await, 0, "left in {queue}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_killed_before_it_publishes_has_done_nothing() {
    replayed_after_a_kill_at(stop::REPLAYED, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_killed_before_it_acknowledges_is_repeated_as_the_same_run() {
    replayed_after_a_kill_at(stop::ACKNOWLEDGEMENT, 2).await;
}
