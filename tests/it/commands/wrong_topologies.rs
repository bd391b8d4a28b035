//! `topology check` against brokers that are not as they have to be: each mistake is found, and its
//! mend is said. What a policy of the broker does is in `topology.rs`, on a node of its own.

use crate::harness::otherwise::{declare_otherwise, declare_with};
use crate::harness::program::{ConfigFile, Ended, output};
use crate::harness::rabbitmq;
use crate::harness::rabbitmq::users::{self, Permissions};
use crate::harness::system::{On, Setup};
use invoice_worker::broker::Config;
use invoice_worker::broker::topology::Argument;
use invoice_worker::settings::secret::Secret;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};

/// A configuration with queue names of its own, and its file.
async fn fresh() -> (Config, ConfigFile) {
    let setup = Setup::new(On::RabbitMq).await;
    let file = ConfigFile::of_config(&setup.config);
    (setup.config.broker, file)
}

async fn check(file: &ConfigFile) -> Ended {
    let path = file.path();
    let arguments = ["topology", "check", "--deny-warnings", "-c", &path];
    output(&arguments, &[]).await
}

/// What is said about one queue, and that the status says so as well.
fn assert_told(checked: &Ended, outcome: &str, parts: &[&str]) {
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let told = checked
        .stdout
        .lines()
        .any(|line| line.starts_with(outcome) && parts.iter().all(|part| line.contains(part)));
    assert!(told, "{parts:?}: {}", checked.stdout);
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_found_and_how_to_make_it_anew() {
    let (queues, file) = fresh().await;
    let without_refusing = [("x-max-length", Some(10)), ("x-overflow", None)];
    for (queue, changes, difference) in [
        (
            &queues.jobs_queue,
            &[("x-expires", Some(600_000))][..],
            "has x-expires 600000, and may have none",
        ),
        (
            &queues.due_queue,
            &[("x-message-ttl", Some(60_000))],
            "has x-message-ttl 60000, and may have none",
        ),
        (
            &queues.results_queue,
            &[("x-expires", Some(600_000))],
            "has x-expires 600000, and may have none",
        ),
        (
            &queues.failed_queue,
            &[("x-queue-type", None)],
            "is a classic queue and has to be a quorum queue",
        ),
    ] {
        declare_otherwise(&queues, queue, true, changes).await;
        let mend = format!("rabbitmqctl delete_queue {queue}");
        assert_told(&check(&file).await, "FAILED", &[queue, difference, &mend]);
    }
    for (changes, difference) in [
        (
            &without_refusing[..],
            "x-overflow none, and needs reject-publish",
        ),
        (
            &[("x-delivery-limit", Some(2))],
            "has x-delivery-limit 2, and needs 20",
        ),
    ] {
        let (queues, file) = fresh().await;
        let queue = &queues.jobs_queue;
        declare_otherwise(&queues, queue, true, changes).await;
        let mend = format!("rabbitmqctl delete_queue {queue}");
        assert_told(&check(&file).await, "FAILED", &[queue, difference, &mend]);
    }
}

#[tokio::test]
async fn a_single_active_consumer_is_a_warning_with_its_consequence() {
    let (queues, file) = fresh().await;
    let flag = [("x-single-active-consumer", Argument::Flag(true))];
    declare_with(&queues, &queues.jobs_queue, &flag).await;
    let consequence = "only one worker at a time is given jobs: declare it without this argument";
    let parts = [
        &queues.jobs_queue,
        "x-single-active-consumer true",
        consequence,
    ];
    assert_told(&check(&file).await, "warning", &parts);
}

#[tokio::test]
async fn a_control_exchange_of_another_kind_is_found() {
    let (queues, file) = fresh().await;
    let url = queues.urls[0].expose();
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let name = queues.control_exchange.as_str();
    channel
        .exchange_declare(
            name.into(),
            ExchangeKind::Topic,
            options,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let checked = check(&file).await;
    let parts = [name, "is not a durable fanout exchange", "delete"];
    assert_told(&checked, "FAILED", &parts);
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_are_missing_and_what_can_be_done() {
    let mut setup = Setup::new(On::RabbitMq).await;
    let file = ConfigFile::of_config(&setup.config);
    let declare = |file: ConfigFile| async move {
        output(&["topology", "declare", "-c", &file.path()], &[]).await
    };
    assert_eq!(declare(file).await.code, Some(0));
    let nothing = Permissions {
        configure: "^$".into(),
        write: "^$".into(),
        read: "^$".into(),
    };
    let user = users::user(&nothing).await;
    setup.config.broker.urls = vec![Secret::new(&rabbitmq::url_of(&user, &user, "%2f").await)];
    let checked = check(&ConfigFile::of_config(&setup.config)).await;
    let parts = [
        "cannot be compared without the configure permission",
        "set broker.management_url",
    ];
    assert_told(&checked, "warning", &parts);
    setup.config.broker.jobs_queue.push_str(".new");
    let declared = declare(ConfigFile::of_config(&setup.config)).await;
    let grant = format!("rabbitmqctl set_permissions -p / {user} ");
    assert!(
        declared.code == Some(1)
            && declared.stderr.contains("no configure permission on queue")
            && declared.stderr.contains(&grant),
        "{declared:?}"
    );
}

#[tokio::test]
async fn a_virtual_host_that_does_not_exist_is_named() {
    let mut setup = Setup::new(On::RabbitMq).await;
    let url = rabbitmq::url_of("guest", "guest", "nowhere").await;
    setup.config.broker.urls = vec![Secret::new(&url)];
    let file = ConfigFile::of_config(&setup.config);
    let checked = check(&file).await;
    assert!(
        checked.code == Some(1)
            && checked.stderr.contains("nowhere")
            && checked.stderr.contains("virtual host"),
        "{checked:?}"
    );
}
