//! A broker short of memory takes no messages, and says so to those that publish.

use super::{all_are_answered_and_paid_once, on, submit};
use crate::harness::eventually::eventually;
use crate::harness::program::ConfigFile;
use crate::harness::rabbitmq::Node;
use crate::harness::system::PATIENCE;
use invoice_worker::broker::{Broker, Config, Message, PublishError};
use invoice_worker::settings::units::span;
use serde_json::Value;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_waits_for_a_broker_that_is_short_of_memory_and_loses_neither_job_nor_connection()
{
    let node = Node::start().await;
    let mut setup = on(&[node.url()]).await;
    // As long as the alarm may last on a slow machine: the worker has no reason to park what it
    // cannot publish.
    setup.config.broker.publish_timeout = span("1m");
    let mut system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    submit(&system).await;

    alarm(&node).await;
    program.event("broker takes no messages for now").await;
    let problem = not_ready(&telemetry).await;
    assert!(problem.contains("memory"), "{problem}");
    let queue = given_up_and_tried_again(&node, &system.config.broker).await;
    program.event("broker takes messages again").await;

    all_are_answered_and_paid_once(&mut system).await;
    eventually("what was under way", async || {
        system.depth(&queue).await > 0
    })
    .await;
    assert_eq!(
        system.depth(&queue).await,
        1,
        "what was tried again meanwhile was not sent"
    );
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (line, times) in [
        ("takes no messages", 1),
        ("takes messages again", 1),
        ("was lost", 0),
    ] {
        assert_eq!(
            ended
                .stderr
                .lines()
                .filter(|told| told.contains(line))
                .count(),
            times,
            "{line}: {}",
            ended.stderr
        );
    }
}

/// Somebody else publishes one message again and again. The first was sent before the broker said
/// that it takes nothing, and waits; the others are given up, until the alarm is over. Answers
/// where to.
async fn given_up_and_tried_again(node: &Node, config: &Config) -> String {
    // Enough for a channel to be opened, too: only then does the broker see that somebody
    // publishes, and say that it takes nothing.
    let config = Config {
        publish_timeout: span("2s"),
        ..config.clone()
    };
    let session = Broker::new(&config).unwrap().connect().await.unwrap();
    let queue = format!("{}.given-up", config.jobs_queue);
    session.temporary_queue(&queue).await.unwrap();
    let (publisher, message) = (session.publisher(), Message::json("any", &b"{}"[..]));
    let mut blocked = session.blocked();
    let sent = {
        let (publisher, queue, message) = (publisher.clone(), queue.clone(), message.clone());
        tokio::spawn(async move { publisher.publish(&queue, &message).await })
    };
    timeout(PATIENCE, blocked.wait_for(Option::is_some))
        .await
        .expect("told in time")
        .unwrap();
    for _ in 0..3 {
        let again = publisher.publish(&queue, &message).await;
        assert!(matches!(again, Err(PublishError::TimedOut)), "{again:?}");
    }
    all_clear(node).await;
    timeout(PATIENCE, blocked.wait_for(Option::is_none))
        .await
        .expect("told in time")
        .unwrap();
    sent.await.unwrap().expect("its confirm was late");
    assert!(!session.is_lost());
    queue
}

async fn alarm(node: &Node) {
    node.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"])
        .await;
}

async fn all_clear(node: &Node) {
    node.ctl(&["set_vm_memory_high_watermark", "absolute", "1GB"])
        .await;
}

/// The problem that `/readyz` tells.
async fn not_ready(telemetry: &str) -> String {
    let asking = async {
        loop {
            let answer = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
            if answer.status() == 503 {
                let body: Value = answer.json().await.unwrap();
                return body["problem"].as_str().unwrap().to_owned();
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("not ready in time")
}
