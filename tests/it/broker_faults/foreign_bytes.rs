//! Jobs of a system that writes GBK where AMQP wants UTF-8: they are answered, and the jobs beside
//! them do not notice.

use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::rabbitmq;
use crate::harness::raw_publisher::{GBK, RawProperties, RawPublisher};
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, UNREADABLE, run_id};
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Each job damaged in another property, named by it.
const DAMAGED: [&str; 9] = [
    "content_type",
    "correlation_id",
    "message_id",
    "type",
    "app_id",
    "cluster_id",
    "reply_to",
    "header",
    "nested header",
];

fn body(job_id: &str, key: &str) -> Vec<u8> {
    json!({ "job_id": job_id, "image": { "key": key } })
        .to_string()
        .into_bytes()
}

fn properties(system: &System, damaged: &str) -> RawProperties {
    let sound = RawProperties::default()
        .timestamp(1_700_000_000)
        .text("reply_to", system.reply_to.as_bytes())
        .text("correlation_id", damaged.as_bytes());
    match damaged {
        "header" => sound.text_header(GBK, b"value"),
        "nested header" => sound.header(
            b"outer",
            b"F\x00\x00\x00\x0d\x04\xb5\xa5\xba\xc5S\x00\x00\x00\x03abc",
        ),
        property => sound.text(property, GBK),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_with_foreign_bytes_are_answered_and_twenty_good_ones_behind_them_too() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let mut workers = [file.run(&NONE), file.run(&NONE)];
    for worker in &mut workers {
        worker.event("consuming").await;
    }
    let key = system.sample("01-beijing-outpatient").await;
    let mut publisher = RawPublisher::connect(rabbitmq::port().await).await;
    for damaged in DAMAGED {
        publisher
            .publish(
                &system.config.broker.jobs_queue,
                &properties(&system, damaged),
                &body(damaged, &key),
            )
            .await;
    }
    for number in 0..20 {
        system
            .submit(&system.job(&format!("good {number}"), &key))
            .await;
    }
    let mut answers = BTreeMap::new();
    // Where the reply queue cannot be read, the result goes where all results without one go.
    let elsewhere = system.take(&system.config.broker.results_queue).await;
    for answer in [
        vec![elsewhere],
        replies(&mut system, DAMAGED.len() + 20 - 1).await,
    ]
    .concat()
    {
        let result: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(result["verdict"], "genuine", "{result}");
        answers.insert(
            result["job_id"].as_str().unwrap().to_owned(),
            answer.properties.correlation_id,
        );
    }
    assert_eq!(answers.len(), DAMAGED.len() + 20);
    for damaged in DAMAGED {
        let echoed = (damaged != "correlation_id").then(|| damaged.to_owned());
        assert_eq!(
            answers[damaged], echoed,
            "a correlation id that cannot be read is not made up"
        );
    }
    for worker in workers {
        let ended = worker.stop().await;
        assert_eq!(
            (ended.code, ended.lines_at("WARN"), ended.lines_at("ERROR")),
            (Some(0), 0, 0),
            "{}",
            ended.stderr
        );
    }
}

async fn replies(system: &mut System, count: usize) -> Vec<Message> {
    let mut replies = Vec::new();
    for _ in 0..count {
        replies.push(system.reply().await);
    }
    replies
}

async fn failed(file: &ConfigFile, arguments: &[&str]) -> Ended {
    let path = file.path();
    let ended = output(&[&["failed"], arguments, &["-c", &path]].concat(), &NONE).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_job_with_foreign_bytes_is_listed_shown_replayed_and_dropped() {
    let fault = "[[fault]]\nstage = 'verification'\nanswer = '319'\ncalls = [1]\n";
    let mut system = Box::pin(Setup::new(On::RabbitMq).await.faults(fault).start()).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut publisher = RawPublisher::connect(rabbitmq::port().await).await;
    let sent = properties(&system, "correlation_id").text_header(GBK, b"value");
    publisher
        .publish(
            &system.config.broker.jobs_queue,
            &sent,
            &body("CLM-1", &key),
        )
        .await;
    assert_eq!(system.result().await["status"], "undetermined");
    // The broker itself puts messages there as they are.
    let failed_queue = &system.config.broker.failed_queue.clone();
    publisher
        .publish(failed_queue, &properties(&system, "message_id"), b"no job")
        .await;
    system.holds(failed_queue, 2).await;
    let file = ConfigFile::of(&system);
    let listed: Value =
        serde_json::from_str(&failed(&file, &["list", "--json"]).await.stdout).unwrap();
    assert_eq!(listed["total"], 2, "{listed}");
    assert!(failed(&file, &["show"]).await.stdout.contains("CLM-1"));
    failed(&file, &["replay", "--code", "319"]).await;
    let again = system.reply().await;
    assert_eq!(
        serde_json::from_slice::<Value>(&again.body).unwrap()["verdict"],
        "genuine"
    );
    assert_eq!(again.properties.correlation_id, None);
    failed(&file, &["drop", "--yes"]).await;
    system.holds(failed_queue, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_job_with_foreign_bytes_comes_back_and_is_the_same_run() {
    let fault = "[[fault]]\nstage = 'verification'\nanswer = '198'\ncalls = [1]\n";
    let mut system = Box::pin(Setup::new(On::RabbitMq).await.faults(fault).start()).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut publisher = RawPublisher::connect(rabbitmq::port().await).await;
    let sent = properties(&system, "correlation_id").text_header(GBK, b"value");
    publisher
        .publish(
            &system.config.broker.jobs_queue,
            &sent,
            &body("CLM-1", &key),
        )
        .await;
    let longest = system.longest_wait();
    system.holds(&longest, 1).await;
    let parked = system.take(&longest).await;
    assert_eq!(
        parked.properties.headers.text(UNREADABLE).as_deref(),
        Some("correlation_id=b5a5bac5")
    );
    assert_eq!(
        parked.properties.headers.text("????").as_deref(),
        Some("value")
    );
    system
        .session
        .publisher()
        .publish(&longest, &parked)
        .await
        .unwrap();
    system.wake(&longest, 1).await;
    let answer = system.reply().await;
    assert_eq!(answer.properties.message_id, Some(run_id(&parked)));
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap()["verdict"],
        "genuine"
    );
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).billed, 1);
}
