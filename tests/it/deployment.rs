//! What `deploy/rabbitmq` says of the broker, on a real one that is configured with it: the queues,
//! the policies that shield them, and users that may do what their program needs and no more.

mod bucket;
mod operator;

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, NONE, output};
use crate::harness::rabbitmq::Node;
use crate::harness::system::{On, Setup, System};
use futures_util::StreamExt;
use invoice_worker::broker::rights::{DEFAULT_EXCHANGE, Right, SERVER_NAMED};
use invoice_worker::broker::{Broker, Config};
use invoice_worker::settings::secret::Secret;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::Value;
use std::collections::BTreeSet;

const DEFINITIONS: &str = include_str!("../../deploy/rabbitmq/definitions.json");
const IN_DEVELOPMENT: &str = include_str!("../../deploy/compose/rabbitmq/definitions.json");
const REPLIES: &str = "claims.replies";

/// The parts of the users' patterns, each with the first of the names that it is for.
const NAMES: [(&str, &str); 10] = [
    ("jobs", "invoice.jobs"),
    ("due", "invoice.due"),
    ("results", "invoice.results"),
    ("failed", "invoice.failed"),
    (r"retry\.[0-9a-z]+", "invoice.retry.5s"),
    (r"invoice\.control", "invoice.control"),
    ("ledger", "invoice.ledger"),
    ("control", "invoice.control"),
    (r"amq\.default", DEFAULT_EXCHANGE),
    (r"amq\.gen-.*", SERVER_NAMED),
];

#[tokio::test]
async fn the_definitions_are_what_the_worker_exports() {
    let exported = output(&["topology", "export"], &NONE).await;
    let exported: Value = serde_json::from_str(&exported.stdout).unwrap();
    let definitions: Value = serde_json::from_str(DEFINITIONS).unwrap();
    for (kind, exported) in exported.as_object().unwrap() {
        assert_eq!(&definitions[kind], exported, "{kind}");
    }
    // Those for development have users, and nothing else that is different.
    let in_development: Value = serde_json::from_str(IN_DEVELOPMENT).unwrap();
    for (kind, of_kind) in definitions.as_object().unwrap() {
        let here = in_development[kind].as_array().unwrap();
        assert!(
            of_kind
                .as_array()
                .unwrap()
                .iter()
                .all(|one| here.contains(one)),
            "{kind}"
        );
    }
}

/// One broker for all of it: it takes ten seconds to start.
#[tokio::test(flavor = "multi_thread")]
async fn each_user_can_do_its_work_and_a_right_taken_away_is_named() {
    let (node, management) = Node::start_deployed().await;
    // As in production: on a broker that runs and has users.
    node.import_definitions(DEFINITIONS).await;
    let mut system = on(&node).await;
    policies_of_others_do_no_harm_to_the_queues(&node, management).await;
    jobs_go_their_way(&mut system, &node).await;
    each_right_that_a_worker_lacks_is_named(&node, management).await;
    each_right_that_a_submitter_lacks_is_named(&node, management).await;
    operator::each_right_that_is_missing_is_named(&system, &node, management).await;
    the_autoscaler_sees_how_many_jobs_wait_and_no_more(&node).await;
}

/// The queues that were declared by the definitions, with a client that may do everything.
async fn on(node: &Node) -> System {
    let mut setup = Setup::new(On::Memory).await;
    setup.config.broker = broker(&node.url());
    setup.prepare().await
}

fn broker(url: &str) -> Config {
    Config {
        urls: vec![Secret::new(url)],
        declare_topology: false,
        ..Config::default()
    }
}

fn url(node: &Node, user: &str) -> String {
    format!("amqp://{user}:development@127.0.0.1:{}/%2f", node.port)
}

async fn policies_of_others_do_no_harm_to_the_queues(node: &Node, management: u16) {
    let harm = r#"{"expires": 600000, "message-ttl": 60000, "max-length": 5}"#;
    for command in ["set_policy", "set_operator_policy"] {
        node.ctl(&[command, "all", ".*", harm, "--apply-to", "queues"])
            .await;
    }
    let mut config = invoice_worker::config::Config::default();
    config.broker = broker(&node.url());
    config.broker.management_url = Secret::new(&format!("http://127.0.0.1:{management}"));
    let mut table = toml::Table::try_from(&config).unwrap();
    let section = table["broker"].as_table_mut().unwrap();
    section.insert("urls".into(), vec![node.url()].into());
    section.insert(
        "management_url".into(),
        config.broker.management_url.expose().into(),
    );
    let file = ConfigFile::with(&table.to_string());
    let compared = async || output(&["topology", "check", "-c", &file.path()], &NONE).await;
    eventually("shielded queues", async || {
        compared()
            .await
            .stdout
            .contains("no policy of the broker does harm")
    })
    .await;
    for (clear, names) in [
        ("clear_policy", ["expires", "max-length"]),
        ("clear_operator_policy", ["expires", "message-ttl"]),
    ] {
        node.ctl(&[clear, "invoice-worker-shield"]).await;
        eventually("the harm of a queue without the shield", async || {
            let ended = compared().await;
            ended.code == Some(1) && names.iter().all(|name| ended.stdout.contains(name))
        })
        .await;
        node.ctl(&[clear, "all"]).await;
    }
}

/// A worker that may not declare, a submitter and an operator, with nothing but their rights.
async fn jobs_go_their_way(system: &mut System, node: &Node) {
    system.config.broker = broker(&url(node, "invoice-worker"));
    let file = ConfigFile::of(system);
    let mut program = file.run(&[]);
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    let channel = channel(&url(node, "invoice-submitter")).await;
    let good = format!(r#"{{"job_id": "good", "image": {{"key": "{key}"}}}}"#);
    let answer = ask(&channel, &good).await.unwrap();
    assert_eq!(answer["verdict"], "genuine");
    let missing = r#"{"job_id": "missing", "image": {"key": "nothing.jpg"}}"#;
    let answer = ask(&channel, missing).await.unwrap();
    assert_eq!(answer["error"]["code"], "image.not_found");

    let failed = async |arguments: &[&str]| {
        let urls = format!("[\"{}\"]", url(node, "invoice-operator"));
        let environment = [("INVOICE_WORKER__BROKER__URLS", urls.as_str())];
        output(&[&["failed"], arguments].concat(), &environment).await
    };
    let urls = format!("[\"{}\"]", url(node, "invoice-operator"));
    let operator = [("INVOICE_WORKER__BROKER__URLS", urls.as_str())];
    let results = output(&["results", "list"], &operator).await;
    assert_eq!(results.code, Some(0), "{results:?}");
    let resumed = output(&["resume", "all", "-c", &file.path()], &operator).await;
    assert!(
        resumed.code == Some(0) && resumed.stdout.contains("1 worker heard it"),
        "{resumed:?}"
    );
    let listed = failed(&["list"]).await;
    assert!(listed.stdout.contains("image.not_found"), "{listed:?}");
    let replayed = failed(&["replay", "--yes"]).await;
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    eventually("the replayed job's failure", async || {
        failed(&["list"]).await.stdout.contains("image.not_found")
    })
    .await;
    assert_eq!(program.stop().await.code, Some(0));
}

/// Both workers: with all rights nothing is missing, and each part of a pattern that is taken out
/// is found missing by its name.
async fn each_right_that_a_worker_lacks_is_named(node: &Node, management: u16) {
    for (user, declares) in [
        ("invoice-worker", false),
        ("invoice-worker-declaring", true),
    ] {
        let mut config = broker(&url(node, user));
        config.declare_topology = declares;
        // As where there are budgets.
        config.reads_ledger = true;
        assert_eq!(missing(&config).await, BTreeSet::new(), "{user}");
        let all = patterns(user);
        let mut taken = 0;
        for (index, right) in [Right::Configure, Right::Write, Right::Read]
            .into_iter()
            .enumerate()
        {
            let mut told_of = all[index].clone();
            for (part, name) in NAMES {
                if !told_of.contains(part) {
                    continue;
                }
                told_of = told_of.replacen(part, "", 1);
                let mut fewer = all.clone();
                fewer[index] = fewer[index].replacen(part, "nothing", 1);
                set_permissions(management, user, &fewer).await;
                let found = missing(&config).await;
                let is_named = found.iter().any(|line| {
                    line.contains(&format!("no {right} permission")) && line.contains(name)
                });
                assert!(is_named, "{user} without {part} to {right}: {found:?}");
                taken += 1;
            }
            let untried = told_of.replace("invoice", "");
            assert!(
                !untried.contains(|letter: char| letter.is_ascii_alphabetic()),
                "{user} to {right}: {untried}"
            );
        }
        assert!(taken >= if declares { 15 } else { 9 }, "{user}: {taken}");
        set_permissions(management, user, &all).await;
    }
}

/// What the user of this configuration may not do although the worker needs it, as `check` says it.
async fn missing(config: &Config) -> BTreeSet<String> {
    let session = Broker::new(config).unwrap().connect().await.unwrap();
    let mut missing = session.missing_rights().await.unwrap();
    if config.declare_topology {
        let ledger = session.missing_to_declare(&config.ledger_queue).await;
        missing.extend(ledger.unwrap());
    }
    session.close().await;
    missing.iter().map(ToString::to_string).collect()
}

async fn each_right_that_a_submitter_lacks_is_named(node: &Node, management: u16) {
    let user = "invoice-submitter";
    let all = patterns(user);
    let job = r#"{"job_id": "refused", "image": {"key": "nothing.jpg"}}"#;
    for (index, name) in [REPLIES, DEFAULT_EXCHANGE, REPLIES].into_iter().enumerate() {
        let mut fewer = all.clone();
        "^$".clone_into(&mut fewer[index]);
        set_permissions(management, user, &fewer).await;
        let refused = ask(&channel(&url(node, user)).await, job)
            .await
            .unwrap_err();
        assert!(
            refused.contains("ACCESS_REFUSED") && refused.contains(&format!("'{name}'")),
            "{refused}"
        );
    }
    set_permissions(management, user, &all).await;
    // The jobs, results and heartbeats of others are not theirs.
    for queue in ["invoice.jobs", "invoice.results", "invoice.failed"] {
        let channel = channel(&url(node, user)).await;
        let refused = consume(&channel, queue).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("'{queue}'")), "{refused}");
    }
}

async fn the_autoscaler_sees_how_many_jobs_wait_and_no_more(node: &Node) {
    for queue in ["invoice.jobs", "invoice.due"] {
        let channel = channel(&url(node, "invoice-autoscaler")).await;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let seen = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await;
        assert!(seen.is_ok(), "{seen:?}");
        let refused = consume(&channel, queue).await.unwrap_err().to_string();
        assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    }
}

/// Configure, write and read, as the file grants them.
fn patterns(user: &str) -> [String; 3] {
    let all: Value = serde_json::from_str(DEFINITIONS).unwrap();
    let permissions = all["permissions"].as_array().unwrap();
    let of_user = permissions
        .iter()
        .find(|permission| permission["user"] == user)
        .unwrap();
    ["configure", "write", "read"].map(|right| of_user[right].as_str().unwrap().to_owned())
}

/// By the management API: `rabbitmqctl` takes seconds for each.
async fn set_permissions(management: u16, user: &str, [configure, write, read]: &[String; 3]) {
    let url = format!("http://127.0.0.1:{management}/api/permissions/%2f/{user}");
    let body = serde_json::json!({ "configure": configure, "write": write, "read": read });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.put(url).basic_auth("guest", Some("guest"));
    let answer = request.json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn channel(url: &str) -> Channel {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    connection.create_channel().await.unwrap()
}

async fn consume(channel: &Channel, queue: &str) -> lapin::Result<lapin::Consumer> {
    channel
        .basic_consume(
            queue.into(),
            "tests".into(),
            BasicConsumeOptions {
                no_ack: true,
                ..BasicConsumeOptions::default()
            },
            FieldTable::default(),
        )
        .await
}

/// As a client in any language does it: its own reply queue, a job, the answer to it.
async fn ask(channel: &Channel, job: &str) -> Result<Value, String> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let asked = async {
        channel
            .queue_declare(REPLIES.into(), durable, FieldTable::default())
            .await?;
        let mut replies = channel
            .basic_consume(
                REPLIES.into(),
                "".into(),
                BasicConsumeOptions {
                    no_ack: true,
                    ..BasicConsumeOptions::default()
                },
                FieldTable::default(),
            )
            .await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        channel
            .basic_publish(
                "".into(),
                "invoice.jobs".into(),
                BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                },
                job.as_bytes(),
                BasicProperties::default()
                    .with_delivery_mode(2)
                    .with_reply_to(REPLIES.into()),
            )
            .await?
            .await?;
        let reply = replies.next().await.expect("the consumer lives")?;
        channel
            .basic_cancel(replies.tag(), lapin::options::BasicCancelOptions::default())
            .await?;
        Ok(reply.data)
    };
    let answer: lapin::Result<Vec<u8>> = asked.await;
    answer
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .map_err(|error| error.to_string())
}
