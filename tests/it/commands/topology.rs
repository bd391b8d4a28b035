//! `topology`: the queues without a worker, and what policies do to them.

use crate::harness::eventually::eventually;
use crate::harness::otherwise::declare_otherwise;
use crate::harness::program::{ConfigFile, Ended, output, toml_of};
use crate::harness::rabbitmq::{Node, free_port};
use crate::harness::system::{On, Setup};
use invoice_worker::config::Config;
use invoice_worker::settings::secret::Secret;
use serde_json::Value;

async fn topology(action: &str, file: &ConfigFile) -> Ended {
    output(&["topology", action, "-c", &file.path()], &[]).await
}

#[tokio::test]
async fn queues_are_declared_compared_and_printed() {
    let setup = Setup::new(On::RabbitMq).await;
    let (config, file) = (
        setup.config.broker.clone(),
        ConfigFile::of_config(&setup.config),
    );
    let all = 4 + config.retry_delays.len() + 1;
    let compared = topology("check", &file).await;
    assert_eq!(
        (
            compared.code,
            compared
                .stdout
                .matches("does not exist; declare it")
                .count()
        ),
        (Some(1), all),
        "{compared:?}"
    );
    // And the ledger, without which a worker does its work as well.
    assert!(compared.stdout.contains("warning ledger"), "{compared:?}");
    let all = all + 1;
    let declared = topology("declare", &file).await;
    assert_eq!(declared.code, Some(0), "{declared:?}");
    assert!(
        declared
            .stdout
            .contains(&format!("declared {}\n", config.jobs_queue)),
        "{declared:?}"
    );
    assert!(
        declared
            .stdout
            .ends_with(&format!("{all} declared, 0 were there\n")),
        "{declared:?}"
    );
    let again = topology("declare", &file).await;
    assert_eq!(
        (again.code, again.stdout),
        (Some(0), format!("0 declared, {all} were there\n"))
    );
    let compared = topology("check", &file).await;
    assert!(
        compared.code == Some(0) && compared.stdout.contains("as they have to be"),
        "{compared:?}"
    );

    let exported = topology("export", &file).await;
    let definitions: Value = serde_json::from_str(&exported.stdout).unwrap();
    assert_eq!(definitions["queues"].as_array().unwrap().len() + 1, all);
    assert!(
        definitions["queues"]
            .as_array()
            .unwrap()
            .iter()
            .any(|queue| queue["name"] == config.jobs_queue.as_str())
    );
    assert_eq!(definitions["exchanges"][0]["vhost"], "/");
}

#[tokio::test]
async fn an_unusable_queue_is_status_64_for_run_and_a_finding_for_topology_check() {
    let setup = Setup::new(On::RabbitMq).await;
    let (config, file) = (
        setup.config.broker.clone(),
        ConfigFile::of_config(&setup.config),
    );
    declare_otherwise(
        &config,
        &config.jobs_queue,
        true,
        &[("x-expires", Some(600_000)), ("x-message-ttl", Some(5))],
    )
    .await;
    let told = format!(
        "queue {} has x-expires 600000, and may have none",
        config.jobs_queue
    );
    let mend = format!("rabbitmqctl delete_queue {}", config.jobs_queue);
    let declared = topology("declare", &file).await;
    assert!(
        declared.code == Some(64)
            && declared.stderr.contains(&told)
            && declared.stderr.contains(&mend),
        "{declared:?}"
    );
    let compared = topology("check", &file).await;
    assert!(
        compared.code == Some(1)
            && compared.stdout.contains(&told)
            && compared.stdout.contains(&mend),
        "{compared:?}"
    );
    assert!(
        compared
            .stdout
            .contains("has x-message-ttl 5, and may have none"),
        "{compared:?}"
    );
    let ran = output(&["run", "-c", &complete(&setup).await.path()], &[]).await;
    assert!(
        ran.code == Some(64) && ran.stderr.contains(&told),
        "{ran:?}"
    );
}

/// As `run` needs it.
async fn complete(setup: &Setup) -> ConfigFile {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    system.config.broker = setup.config.broker.clone();
    ConfigFile::of(&system)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_of_a_broker_policy_is_read_from_the_management_api() {
    let (node, port) = Node::start_managed().await;
    let mut config = Config::default();
    config.broker.urls = vec![Secret::new(&node.url())];
    let file = |management_url: &str| managed(&config, management_url);
    let api = format!("http://127.0.0.1:{port}");
    assert_eq!(topology("declare", &file("")).await.code, Some(0));
    let sound = topology("check", &file(&api)).await;
    assert!(
        sound.code == Some(0) && sound.stdout.contains("no policy of the broker does harm"),
        "{sound:?}"
    );

    node.ctl(&[
        "set_policy",
        "short-lived",
        r"^invoice\.(jobs|results)$",
        r#"{"expires": 600000, "max-length": 5}"#,
        "--apply-to",
        "queues",
    ])
    .await;
    node.ctl(&[
        "set_operator_policy",
        "limits",
        r"^invoice\.due$",
        r#"{"message-ttl": 60000, "delivery-limit": 5}"#,
        "--apply-to",
        "queues",
    ])
    .await;
    let unseen = topology("check", &file("")).await;
    assert_eq!(
        unseen.code,
        Some(0),
        "AMQP does not tell policies: {unseen:?}"
    );
    // The API tells what a queue's leader reports to it every few seconds.
    let mut seen = sound;
    eventually("the API knows of both policies", async || {
        seen = topology("check", &file(&api)).await;
        seen.stdout.contains("by policy") && seen.stdout.contains("by operator policy")
    })
    .await;
    assert_eq!(seen.code, Some(1), "{seen:?}");
    for told in [
        "queue invoice.jobs has x-expires 600000 by policy short-lived, and may have none",
        "queue invoice.results has x-expires 600000 by policy short-lived, and may have none",
        "queue invoice.due has x-message-ttl 60000 by operator policy limits, and may have none",
        "queue invoice.due has x-delivery-limit 5 by operator policy limits, and needs 20",
    ] {
        assert!(
            seen.stdout.lines().any(|line| line.starts_with("FAILED")
                && line.contains(told)
                && line.contains("change ")),
            "{told}: {seen:?}"
        );
    }
    let warned = "queue invoice.results has x-max-length 5 by policy short-lived instead of none";
    assert!(
        seen.stdout
            .lines()
            .any(|line| line.starts_with("warning") && line.contains(warned)),
        "{seen:?}"
    );

    for (management_url, told) in [
        (
            format!("http://guest:hush@127.0.0.1:{port}"),
            "refuses user guest: 401 Unauthorized",
        ),
        (
            format!("http://127.0.0.1:{}", node.port),
            "is it the management API's port",
        ),
        (format!("http://127.0.0.1:{}", free_port()), "refused"),
        (format!("https://127.0.0.1:{port}"), "cannot be asked"),
        (
            format!("{api}/elsewhere"),
            "is it the management API's port",
        ),
    ] {
        let refused = topology("check", &file(&management_url)).await;
        let line = refused
            .stdout
            .lines()
            .find(|line| line.starts_with("FAILED  broker.management_url"));
        assert!(
            refused.code == Some(1) && line.is_some_and(|line| line.contains(told)),
            "{told}: {refused:?}"
        );
        assert!(!format!("{refused:?}").contains("hush"), "{refused:?}");
    }
    node.ctl(&["add_user", "plain", "plain"]).await;
    let untagged = topology(
        "check",
        &file(&format!("http://plain:plain@127.0.0.1:{port}")),
    )
    .await;
    assert!(
        untagged
            .stdout
            .contains("rabbitmqctl set_user_tags plain management"),
        "{untagged:?}"
    );
}

/// With the URL of its management API, which as a secret is not written with the rest.
fn managed(config: &Config, management_url: &str) -> ConfigFile {
    let mut table: toml::Table = toml_of(config).parse().unwrap();
    table["broker"]
        .as_table_mut()
        .unwrap()
        .insert("management_url".to_owned(), management_url.into());
    ConfigFile::with(&table.to_string())
}
