//! Queues that exist otherwise: used where that does no harm, and named with a mend where it would.

use super::{config, within};
use crate::harness::otherwise::{Change, declare_otherwise, declare_with};
use crate::harness::rabbitmq;
use invoice_worker::broker::topology::{Argument, Severity, queues};
use invoice_worker::broker::{Broker, BrokerError, Config};
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};

#[tokio::test(flavor = "multi_thread")]
async fn harmless_differences_are_adopted() {
    let config = fresh().await;
    declare_otherwise(
        &config,
        &config.jobs_queue,
        true,
        &[
            ("x-delivery-limit", Some(50)),
            ("x-max-length", Some(1_000)),
        ],
    )
    .await;
    declare_otherwise(
        &config,
        &config.failed_queue,
        true,
        &[("x-message-ttl", None)],
    )
    .await;
    declare_otherwise(
        &config,
        &config.results_queue,
        true,
        &[("x-delivery-limit", None)],
    )
    .await;
    declare_otherwise(
        &config,
        &config.due_queue,
        true,
        &[("x-delivery-limit", None)],
    )
    .await;
    topology(&config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_could_lose_a_job_is_named_with_its_mend() {
    let retry = |config: &Config| config.retry_queue(&config.retry_delays[0]);
    let jobs = |config: &Config| config.jobs_queue.clone();
    let failed = |config: &Config| config.failed_queue.clone();
    let due = |config: &Config| config.due_queue.clone();
    let results = |config: &Config| config.results_queue.clone();
    let cases: [(NameOf<'_>, bool, &[Change], &str); 17] = [
        (
            &jobs,
            true,
            &[("x-queue-type", None)],
            "is a classic queue and has to be a quorum queue",
        ),
        (&jobs, false, &[("x-queue-type", None)], "is not durable"),
        (
            &jobs,
            false,
            &[("x-queue-type", None), ("x-expires", Some(600_000))],
            "is a classic queue",
        ),
        (
            &jobs,
            false,
            &[("x-queue-type", None), ("x-expires", Some(600_000))],
            "has x-expires 600000, and may have none",
        ),
        (
            &jobs,
            true,
            &[("x-expires", Some(600_000))],
            "has x-expires 600000, and may have none",
        ),
        (
            &jobs,
            true,
            &[("x-message-ttl", Some(60_000))],
            "has x-message-ttl 60000, and may have none",
        ),
        (
            &jobs,
            true,
            &[("x-delivery-limit", Some(19))],
            "has x-delivery-limit 19, and needs 20",
        ),
        (
            &due,
            true,
            &[
                ("x-message-ttl", Some(60_000)),
                ("x-delivery-limit", Some(3)),
            ],
            "has x-delivery-limit 3, and needs 20",
        ),
        (
            &due,
            true,
            &[("x-overflow", None), ("x-max-length", Some(5))],
            "has x-max-length 5, and may have none",
        ),
        (
            &due,
            true,
            &[("x-overflow", None), ("x-max-length-bytes", Some(5))],
            "has x-overflow none, and needs reject-publish",
        ),
        (
            &retry,
            true,
            &[("x-expires", Some(600_000))],
            "has x-expires 600000",
        ),
        (
            &results,
            true,
            &[("x-expires", Some(600_000))],
            "has x-expires 600000",
        ),
        (
            &jobs,
            true,
            &[
                ("x-dead-letter-exchange", None),
                ("x-dead-letter-routing-key", None),
            ],
            "x-dead-letter",
        ),
        (
            &jobs,
            true,
            &[("x-dead-letter-strategy", None)],
            "x-dead-letter-strategy",
        ),
        (&retry, true, &[("x-message-ttl", None)], "x-message-ttl"),
        (
            &retry,
            true,
            &[("x-message-ttl", Some(5))],
            "x-message-ttl 5",
        ),
        (
            &failed,
            true,
            &[("x-delivery-limit", Some(20))],
            "x-delivery-limit",
        ),
    ];
    for (name, durable, changes, expected) in cases {
        let config = fresh().await;
        let name = name(&config);
        declare_otherwise(&config, &name, durable, changes).await;
        let error = topology(&config).await.unwrap_err();
        assert!(error.is_final(), "{error}");
        let BrokerError::TopologyMismatch {
            queue,
            difference,
            mend,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*queue, name);
        assert!(difference.contains(expected), "{expected}: {error}");
        assert!(
            mend.contains(&format!("rabbitmqctl delete_queue {name}")),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_essential_difference_of_every_queue_is_reported_at_once_and_nothing_is_changed_by_it()
 {
    let config = fresh().await;
    declare_otherwise(
        &config,
        &config.jobs_queue,
        true,
        &[
            ("x-expires", Some(600_000)),
            ("x-message-ttl", Some(5)),
            ("x-delivery-limit", Some(3)),
        ],
    )
    .await;
    declare_otherwise(
        &config,
        &config.results_queue,
        true,
        &[("x-expires", Some(600_000))],
    )
    .await;
    declare_with(
        &config,
        &config.due_queue,
        &[
            ("x-single-active-consumer", Argument::Flag(true)),
            ("x-overflow", Argument::Text("drop-head".into())),
        ],
    )
    .await;
    let session = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap();
    for _ in 0..2 {
        let differences = within(session.differences()).await.unwrap();
        let told: Vec<String> = differences
            .mismatches
            .iter()
            .filter(|error| !error.is_missing())
            .map(ToString::to_string)
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        let of = |queue: &str| {
            told.iter()
                .find(|told| told.starts_with(&format!("queue {queue} ")))
                .unwrap()
        };
        for difference in ["x-expires 600000", "x-message-ttl 5", "x-delivery-limit 3"] {
            assert!(
                of(&config.jobs_queue).contains(difference),
                "{difference}: {told:?}"
            );
        }
        assert!(
            of(&config.results_queue).contains("x-expires 600000"),
            "{told:?}"
        );
        assert!(
            of(&config.due_queue).contains("x-overflow drop-head, and needs reject-publish"),
            "{told:?}"
        );
        let (queue, flaw) = differences
            .tolerated
            .iter()
            .find(|(queue, _)| *queue == config.due_queue)
            .unwrap();
        assert_eq!(
            (queue, flaw.severity),
            (&config.due_queue, Severity::Warning),
            "{flaw:?}"
        );
    }
    assert_eq!(
        within(session.missing()).await.unwrap().len(),
        queues(&config).len() - 3 + 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_declares_nothing_and_says_what_is_missing() {
    let mut config = fresh().await;
    config.declare_topology = false;
    let error = topology(&config).await.unwrap_err();
    assert!(error.is_final());
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(
        error.to_string().contains("broker.declare_topology = true"),
        "{error}"
    );

    config.declare_topology = true;
    topology(&config).await.unwrap();
    config.declare_topology = false;
    topology(&config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_exchange_of_another_kind_is_named() {
    let config = fresh().await;
    let connection = raw(&config).await;
    let channel = connection.create_channel().await.unwrap();
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            config.control_exchange.as_str().into(),
            ExchangeKind::Direct,
            options,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let error = topology(&config).await.unwrap_err();
    assert!(error.is_final());
    assert!(
        error.to_string().contains(&config.control_exchange),
        "{error}"
    );
    let session = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap();
    let differences = within(session.differences()).await.unwrap();
    let told: Vec<String> = differences
        .mismatches
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        told.iter()
            .any(|told| told.contains("is not a durable fanout exchange")),
        "{told:?}"
    );
}

/// Which of the queues.
type NameOf<'a> = &'a dyn Fn(&Config) -> String;

async fn topology(config: &Config) -> Result<(), BrokerError> {
    let session = within(Broker::new(config).unwrap().connect())
        .await
        .unwrap();
    within(session.topology()).await
}

async fn raw(config: &Config) -> Connection {
    Connection::connect(config.urls[0].expose(), ConnectionProperties::default())
        .await
        .unwrap()
}

async fn fresh() -> Config {
    config(&rabbitmq::url().await, &rabbitmq::unique_name())
}
