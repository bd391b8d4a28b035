//! Queues of ours, and the control exchange, that are deleted while the worker runs: told by log,
//! metric and readiness, and declared again.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Program};
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup, System};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::Value;

const QUEUE: &str = "a queue of ours was deleted, and what was in it is lost";
const EXCHANGE: &str =
    "the control exchange was deleted: workers have not heard of each other since";

async fn get(telemetry: &str, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{telemetry}{path}")).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn consuming(file: &ConfigFile, environment: &[(&str, &str)]) -> (Program, String) {
    let mut program = file.run(environment);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    (program, telemetry)
}

async fn channel() -> Channel {
    let connection = Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    channel
}

/// Deletes these queues and the control exchange, whose loss a worker notices by its next
/// heartbeat: then it looks at the queues as well.
async fn delete(system: &System, queues: &[&str]) {
    for queue in queues {
        system.session.delete_queue(queue).await.unwrap();
    }
    let exchange = system.config.broker.control_exchange.as_str();
    channel()
        .await
        .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_while_the_worker_is_idle_is_reported_and_declared_again() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let (mut program, telemetry) = consuming(&file, &[]).await;
    let broker = system.config.broker.clone();
    let delay = broker.retry_queue(&broker.retry_delays[1]);
    let queues = [&broker.failed_queue, &broker.results_queue, &delay].map(String::as_str);
    let sample = |text: &str, metric: &str, queue: &str, value: u8| {
        text.lines()
            .any(|line| line == format!("{metric}{{queue=\"{queue}\"}} {value}"))
    };
    let (_, metrics) = get(&telemetry, "/metrics").await;
    assert!(
        sample(&metrics, "invoice_queue_missing", queues[0], 0),
        "{metrics}"
    );
    assert!(
        sample(
            &metrics,
            "invoice_queues_declared_again_total",
            queues[0],
            0
        ),
        "{metrics}"
    );

    delete(&system, &queues).await;
    for queue in queues {
        let event = program.event(QUEUE).await;
        assert_eq!(
            (&event["level"], &event["queue"]),
            (&"ERROR".into(), &queue.into()),
            "{event}"
        );
    }
    assert_eq!(
        program.event(EXCHANGE).await["exchange"],
        broker.control_exchange.as_str()
    );
    program
        .event("queues that were deleted exist again: this worker declared them")
        .await;
    assert_eq!(
        system.session.missing().await.unwrap(),
        Vec::<String>::new()
    );
    let (_, metrics) = get(&telemetry, "/metrics").await;
    for name in queues.into_iter().chain([broker.control_exchange.as_str()]) {
        assert!(
            sample(&metrics, "invoice_queues_declared_again_total", name, 1),
            "{name}: {metrics}"
        );
        assert!(
            sample(&metrics, "invoice_queue_missing", name, 1),
            "until the next look: {name}: {metrics}"
        );
    }
    let listener = channel().await;
    eventually("the worker hears what is announced", async || {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let publishing = listener.basic_publish(
            broker.control_exchange.as_str().into(),
            "".into(),
            options,
            b"{}",
            BasicProperties::default(),
        );
        matches!(
            publishing.await.unwrap().await.unwrap(),
            Confirmation::Ack(None)
        )
    })
    .await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("afterwards", &key);
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
    assert_eq!(get(&telemetry, "/readyz").await.0, 200);
    assert_eq!(program.stop().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumed_queues_that_are_deleted_are_reported_declared_again_and_consumed_from() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let (mut program, _) = consuming(&file, &[]).await;
    for queue in [
        system.config.broker.jobs_queue.clone(),
        system.config.broker.due_queue.clone(),
    ] {
        system.session.delete_queue(&queue).await.unwrap();
        assert_eq!(program.event(QUEUE).await["queue"], queue.as_str());
        program.event("consuming").await;
        let key = system.sample("01-beijing-outpatient").await;
        let mut job = system.job(&queue, &key);
        job.properties.correlation_id = Some(queue.clone());
        system
            .session
            .publisher()
            .publish(&queue, &job)
            .await
            .unwrap();
        assert_eq!(system.result().await["job_id"], queue.as_str());
    }
    assert_eq!(program.stop().await.code, Some(0));
}

/// Takes as long as the next look does: a minute at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_may_not_declare_is_not_ready_until_an_operator_has_declared_what_is_missing()
{
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let (mut program, telemetry) = consuming(
        &file,
        &[("INVOICE_WORKER__BROKER__DECLARE_TOPOLOGY", "false")],
    )
    .await;
    let results = system.config.broker.results_queue.clone();
    delete(&system, &[&results]).await;
    let event = program.event(QUEUE).await;
    assert!(
        event["mend"]
            .as_str()
            .unwrap()
            .contains("broker.declare_topology is false"),
        "{event}"
    );
    program.event(EXCHANGE).await;
    eventually("not ready", async || {
        let (status, body) = get(&telemetry, "/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        status == 503
            && body["problem"]
                .as_str()
                .is_some_and(|problem| problem.contains(&results))
    })
    .await;
    system.session.topology().await.unwrap();
    eventually("ready", async || get(&telemetry, "/readyz").await.0 == 200).await;
    assert_eq!(program.stop().await.code, Some(0));
}
