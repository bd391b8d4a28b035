//! Queues of ours that an operator deleted, or that are full: no job is acknowledged before it is
//! in one of them.

use crate::harness::eventually::eventually;
use crate::harness::rabbitmq;
use crate::harness::system::{On, PATIENCE, Setup, System};
use invoice_worker::broker::{Message, run_id};
use invoice_worker::domain::failure::Stage;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use lapin::options::{QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::json;
use tokio::time::timeout;

const PARKED_ONCE: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["316"]
    do = [{ action = "park", delays = ["300ms"], attempts = 2 }, { action = "fail" }]
    billed = "yes"
    reason = "shortened"
"#;

async fn raw() -> Channel {
    let connection = Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
        .await
        .unwrap();
    connection.create_channel().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_queue_that_is_gone_is_declared_again_and_has_the_job() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(faults)
        .rules(PARKED_ONCE)
        .start()
        .await;
    let delays = system.config.broker.retry_delays.clone();
    for delay in &delays {
        system
            .session
            .delete_queue(&system.config.broker.retry_queue(delay))
            .await
            .unwrap();
    }
    let key = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("parked", &key)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    nothing_is_left(system).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_results_queue_that_is_gone_is_declared_again_and_has_the_result() {
    let system = System::start(On::RabbitMq).await;
    let results = system.config.broker.results_queue.clone();
    system.session.delete_queue(&results).await.unwrap();
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("nobody's", &key);
    job.properties.reply_to = None;
    // It is said for a moment only: whoever wants to hear it has to listen already.
    tokio::join!(
        system.workers[0].becomes(|state| matches!(state, HealthState::Stuck { .. })),
        system.submit(&job)
    );
    assert_eq!(
        timeout(PATIENCE, take_when_it_is_there(&system, &results))
            .await
            .unwrap()
            .properties
            .message_id,
        Some(run_id(&job))
    );
    nothing_is_left(system).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_queue_that_is_gone_is_declared_again_before_the_job_is_answered() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n";
    let mut system = Setup::new(On::RabbitMq).await.faults(faults).start().await;
    let failed = system.config.broker.failed_queue.clone();
    system.session.delete_queue(&failed).await.unwrap();
    let key = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("fails", &key)).await;
    assert_eq!(result["error"]["code"], "319");
    assert_eq!(system.depth(&failed).await, 1);
    nothing_is_left(system).await;
}

/// One that holds a single message and refuses the next, as an operator may bound it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_result_our_own_queue_refuses_is_held_and_readiness_says_so() {
    let setup = Setup::new(On::RabbitMq).await;
    let results = setup.config.broker.results_queue.clone();
    let channel = raw().await;
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    channel
        .queue_declare(
            results.as_str().into(),
            QueueDeclareOptions::durable(),
            arguments,
        )
        .await
        .unwrap();
    let mut system = setup.start().await;
    fill(&system, &results).await;

    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("held", &key);
    job.properties.reply_to = None;
    system.submit(&job).await;
    let worker = &system.workers[0];
    worker.becomes(|state| !state.is_ready()).await;
    let state = worker.health.state();
    let HealthState::Stuck { problem, .. } = &state else {
        panic!("{state:?}")
    };
    assert!(problem.contains(&results), "{problem}");
    let other = system.sample("03-zhejiang-outpatient").await;
    assert_eq!(
        system.ask(&system.job("other", &other)).await["verdict"],
        "genuine",
        "others are answered meanwhile"
    );

    channel
        .queue_purge(results.as_str().into(), QueuePurgeOptions::default())
        .await
        .unwrap();
    system.workers[0].becomes(HealthState::is_ready).await;
    assert_eq!(
        system.take(&results).await.properties.message_id,
        Some(run_id(&job))
    );
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).billed, 2);
    nothing_is_left(system).await;
}

/// A quorum queue takes a few more than its length before it refuses.
async fn fill(system: &System, queue: &str) {
    let filling = async {
        while system
            .session
            .publisher()
            .publish(queue, &Message::json("filler", json!({}).to_string()))
            .await
            .is_ok()
        {}
    };
    timeout(PATIENCE, filling)
        .await
        .expect("it is full in time");
}

async fn take_when_it_is_there(system: &System, queue: &str) -> Message {
    eventually(queue, async || {
        system.session.queue_depth(queue).await.is_ok()
    })
    .await;
    system.take(queue).await
}

async fn nothing_is_left(mut system: System) {
    assert_eq!(system.drain().await, Drained::Yes);
    assert!(system.replies_so_far().await.is_empty(), "answered twice");
    for queue in [
        &system.config.broker.jobs_queue,
        &system.config.broker.due_queue,
    ] {
        assert_eq!(system.depth(queue).await, 0, "{queue}");
    }
}
