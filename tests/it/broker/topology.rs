//! Queues that exist otherwise: used where that does no harm, and named with a mend where it would.

use super::{config, within};
use crate::harness::otherwise::{Change, declare_otherwise};
use crate::harness::rabbitmq;
use invoice_worker::broker::{Broker, BrokerError, Config};
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};

#[tokio::test(flavor = "multi_thread")]
async fn harmless_differences_are_adopted() {
    let config = fresh().await;
    declare_otherwise(&config, &config.jobs_queue, true, &[("x-delivery-limit", Some(7)), ("x-max-length", Some(1_000))]).await;
    declare_otherwise(&config, &config.failed_queue, true, &[("x-message-ttl", None)]).await;
    declare_otherwise(&config, &config.results_queue, true, &[("x-delivery-limit", None)]).await;
    declare_otherwise(&config, &config.due_queue, true, &[("x-delivery-limit", None)]).await;
    topology(&config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_could_lose_a_job_is_named_with_its_mend() {
    let retry = |config: &Config| config.retry_queue(&config.retry_delays[0]);
    let jobs = |config: &Config| config.jobs_queue.clone();
    let failed = |config: &Config| config.failed_queue.clone();
    let cases: [(NameOf<'_>, bool, &[Change], &str); 7] = [
        (&jobs, true, &[("x-queue-type", None)], "x-queue-type"),
        (&jobs, false, &[("x-queue-type", None)], "durable"),
        (&jobs, true, &[("x-dead-letter-exchange", None), ("x-dead-letter-routing-key", None)], "x-dead-letter"),
        (&jobs, true, &[("x-dead-letter-strategy", None)], "x-dead-letter-strategy"),
        (&retry, true, &[("x-message-ttl", None)], "x-message-ttl"),
        (&retry, true, &[("x-message-ttl", Some(5))], "x-message-ttl has"),
        (&failed, true, &[("x-delivery-limit", Some(20))], "x-delivery-limit"),
    ];
    for (name, durable, changes, expected) in cases {
        let config = fresh().await;
        let name = name(&config);
        declare_otherwise(&config, &name, durable, changes).await;
        let error = topology(&config).await.unwrap_err();
        assert!(error.is_final(), "{error}");
        let BrokerError::TopologyMismatch { queue, difference, mend } = &error else { panic!("{error:?}") };
        assert_eq!(*queue, name);
        assert!(difference.contains(expected.trim_end_matches(" has")), "{expected}: {error}");
        assert!(mend.contains(&format!("rabbitmqctl delete_queue {name}")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_declares_nothing_and_says_what_is_missing() {
    let mut config = fresh().await;
    config.declare_topology = false;
    let error = topology(&config).await.unwrap_err();
    assert!(error.is_final());
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(error.to_string().contains("broker.declare_topology = true"), "{error}");

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
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(config.control_exchange.as_str().into(), ExchangeKind::Direct, options, FieldTable::default()).await.unwrap();
    let error = topology(&config).await.unwrap_err();
    assert!(error.is_final());
    assert!(error.to_string().contains(&config.control_exchange), "{error}");
}

/// Which of the queues.
type NameOf<'a> = &'a dyn Fn(&Config) -> String;

async fn topology(config: &Config) -> Result<(), BrokerError> {
    let session = within(Broker::new(config).unwrap().connect()).await.unwrap();
    within(session.topology()).await
}

async fn raw(config: &Config) -> Connection {
    Connection::connect(config.urls[0].expose(), ConnectionProperties::default()).await.unwrap()
}

async fn fresh() -> Config {
    config(&rabbitmq::url().await, &rabbitmq::unique_name())
}
