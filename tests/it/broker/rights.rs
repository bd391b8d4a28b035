//! What the broker's user may not do: each right that the worker needs is found by trying, and
//! nothing is changed by it.

use super::{config, job, within};
use crate::harness::rabbitmq;
use crate::harness::rabbitmq::users::{self, Permissions};
use invoice_worker::broker::permissions::PermissionPatterns;
use invoice_worker::broker::rights::{ResourceKind, Right};
use invoice_worker::broker::{Broker, BrokerError, Config, PublishError, Session};
use invoice_worker::settings::secret::Secret;

#[tokio::test(flavor = "multi_thread")]
async fn every_right_that_is_missing_is_found_and_nothing_is_changed_by_it() {
    let (config, patterns) = declared().await;
    let all: Vec<(&str, Permissions)> = vec![
        (
            "none",
            Permissions {
                configure: "^$".into(),
                write: "^$".into(),
                read: "^$".into(),
            },
        ),
        (
            "read",
            Permissions {
                read: patterns
                    .read
                    .replace(&config.jobs_queue.replace('.', r"\."), "x"),
                ..patterns.clone()
            },
        ),
        (
            "write",
            Permissions {
                write: patterns.write.replace(r"amq\.default", "x"),
                ..patterns.clone()
            },
        ),
        (
            "control",
            Permissions {
                write: patterns
                    .write
                    .replace(&config.control_exchange.replace('.', r"\."), "x"),
                ..patterns.clone()
            },
        ),
        (
            "configure",
            Permissions {
                configure: patterns
                    .configure
                    .replace(&config.results_queue.replace('.', r"\."), "x"),
                ..patterns.clone()
            },
        ),
        (
            "binding",
            Permissions {
                write: patterns.write.replace(r"amq\.gen-", "x"),
                ..patterns.clone()
            },
        ),
        (
            "hearing",
            Permissions {
                read: patterns
                    .read
                    .replace(&config.control_exchange.replace('.', r"\."), "x"),
                ..patterns.clone()
            },
        ),
        (
            "own",
            Permissions {
                configure: patterns.configure.replace(r"amq\.gen-", "x"),
                ..patterns.clone()
            },
        ),
        ("all", patterns),
    ];
    let names = users::users(
        &all.iter()
            .map(|(_, permissions)| permissions.clone())
            .collect::<Vec<_>>(),
    )
    .await;
    for ((case, _), user) in all.iter().zip(names) {
        let session = session_of(&config, &user).await;
        let missing = within(session.missing_rights()).await.unwrap();
        let told: Vec<(Right, ResourceKind, &str)> = missing
            .iter()
            .map(|missing| (missing.right, missing.kind, missing.name.as_str()))
            .collect();
        assert!(
            missing
                .iter()
                .all(|missing| missing.user.as_ref() == Some(&user)
                    && missing.vhost.as_deref() == Some("/")),
            "{missing:?}"
        );
        let expected = match *case {
            "read" => vec![(Right::Read, ResourceKind::Queue, config.jobs_queue.as_str())],
            "write" => vec![(Right::Write, ResourceKind::Exchange, "amq.default")],
            "control" => vec![(
                Right::Write,
                ResourceKind::Exchange,
                config.control_exchange.as_str(),
            )],
            "configure" => vec![(
                Right::Configure,
                ResourceKind::Queue,
                config.results_queue.as_str(),
            )],
            "hearing" => vec![(
                Right::Read,
                ResourceKind::Exchange,
                config.control_exchange.as_str(),
            )],
            "none" => {
                // All queues and the exchange; the default exchange and the exchange; two queues
                // and the delays; a queue of its own.
                let delays = config.retry_delays.len();
                assert_eq!(
                    told.len(),
                    (4 + delays + 1) + 2 + (2 + delays) + 1,
                    "{told:?}"
                );
                continue;
            }
            "all" => vec![],
            "binding" | "own" => {
                let right = if *case == "own" {
                    Right::Configure
                } else {
                    Right::Write
                };
                assert!(
                    matches!(&told[..], [(found, ResourceKind::Queue, name)] if *found == right && name.starts_with("amq.gen-")),
                    "{told:?}"
                );
                continue;
            }
            _ => unreachable!(),
        };
        assert_eq!(told, expected, "{case}");
    }
    let session = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap();
    assert_eq!(
        within(session.queue_depth(&config.jobs_queue))
            .await
            .unwrap(),
        1,
        "the job was not consumed"
    );
    let mut consumer = within(session.consume(&config.jobs_queue, 1))
        .await
        .unwrap();
    let delivery = within(consumer.next()).await.unwrap();
    assert_eq!(
        (delivery.redelivered, delivery.delivery_count),
        (false, 0),
        "nor handed out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reported_patterns_are_enough_to_declare_and_to_work() {
    for declare_topology in [true, false] {
        let mut config = config(&rabbitmq::url().await, &rabbitmq::unique_name());
        if !declare_topology {
            within(
                within(Broker::new(&config).unwrap().connect())
                    .await
                    .unwrap()
                    .topology(),
            )
            .await
            .unwrap();
        }
        config.declare_topology = declare_topology;
        let user = users::user(&PermissionPatterns::of_worker(&config)).await;
        let session = session_of(&config, &user).await;
        within(session.topology()).await.unwrap();
        within(session.prove_publishing()).await.unwrap();
        within(session.control()).await.unwrap();
        within(session.consume(&config.jobs_queue, 1))
            .await
            .unwrap();
        within(session.consume(&config.due_queue, 1)).await.unwrap();
        assert_eq!(within(session.missing_rights()).await.unwrap(), []);
        assert_eq!(
            within(session.missing()).await.unwrap(),
            Vec::<String>::new()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_repeated_leaves_no_queue_behind() {
    let (config, patterns) = declared().await;
    let user = users::user(&patterns).await;
    let session = session_of(&config, &user).await;
    let before = users::queues_of(&user).await;
    for _ in 0..3 {
        within(session.prove_publishing()).await.unwrap();
    }
    assert_eq!((before, users::queues_of(&user).await), (0, 0));
    let _heard = within(session.control()).await.unwrap();
    assert_eq!(users::queues_of(&user).await, 1, "that one is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_user_right_resource_and_the_whole_command() {
    let (config, patterns) = declared().await;
    let permissions = Permissions {
        write: r"^amq\.gen-.*$".into(),
        ..patterns
    };
    let user = users::user(&permissions).await;
    let session = session_of(&config, &user).await;
    let refused = within(
        session
            .publisher()
            .publish(&config.results_queue, &job("one")),
    )
    .await;
    assert!(
        matches!(&refused, Err(PublishError::Forbidden(missing)) if missing.right == Right::Write),
        "{refused:?}"
    );
    assert!(!session.is_lost());
    let error = within(session.prove_publishing()).await.unwrap_err();
    let error = within(session.explain(error)).await;
    assert!(matches!(error, BrokerError::Forbidden { .. }) && !error.is_final());
    let told = error.to_string();
    let exchange = &config.control_exchange;
    for part in [
        format!(
            "user {user} has no write permission on the default exchange (amq.default) in virtual host /"
        ),
        format!("user {user} has no write permission on exchange {exchange} in virtual host /"),
        format!("rabbitmqctl set_permissions -p / {user} '^("),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }
}

/// Queues that exist, a job in the jobs queue, and the permissions that a worker needs.
async fn declared() -> (Config, Permissions) {
    let config = config(&rabbitmq::url().await, &rabbitmq::unique_name());
    let session = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap();
    within(session.topology()).await.unwrap();
    within(session.publisher().publish(&config.jobs_queue, &job("one")))
        .await
        .unwrap();
    let patterns = PermissionPatterns::of_worker(&config);
    (config, patterns)
}

async fn session_of(config: &Config, user: &str) -> Session {
    let mut config = config.clone();
    config.urls = vec![Secret::new(&rabbitmq::url_of(user, user, "%2f").await)];
    within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap()
}
