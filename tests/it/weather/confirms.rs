//! A confirm that comes late, or never: nothing is acknowledged on the strength of it, and no later message has it.

use crate::harness::frame;
use crate::harness::peer::Peer;
use crate::harness::proxy::{Direction, Proxy};
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Broker, Message, PublishError, run_id};
use invoice_worker::config::secret::Secret;
use invoice_worker::config::units::span;
use invoice_worker::domain::failure::Stage;
use invoice_worker::worker::Drained;
use std::time::Duration;

/// A wire, and behind it a system in which a confirm is waited for so long; what the test itself publishes past the wire has more time.
async fn behind_a_wire(url: fn(&Proxy) -> Secret, publish_timeout: &str) -> (System, Proxy) {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.config.broker.publish_timeout = span(publish_timeout);
    system.put_behind(url(&wire));
    (system, wire)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_confirm_is_no_later_messages() {
    let (system, wire) = behind_a_wire(Proxy::url, "5s").await;
    let session = Broker::new(&system.config.broker).unwrap().connect().await.unwrap();
    let publisher = session.publisher();
    let queue = &system.config.broker.results_queue;
    // A channel for each of them is open already.
    let before = Message::json("test", "before");
    let both = tokio::join!(publisher.publish(queue, &before), publisher.publish(queue, &before));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    wire.trap("the first", Direction::ToClient);
    let first = publisher.publish(queue, &Message::json("test", "the first")).await;
    assert!(matches!(first, Err(PublishError::TimedOut)), "{first:?}");

    wire.trap("the second", Direction::ToClient);
    let second = Message::json("test", "the second");
    let (second, ()) = tokio::join!(publisher.publish("nowhere at all", &second), async {
        wire.sprung(2).await;
        wire.release();
    });
    assert!(matches!(second, Err(PublishError::Returned | PublishError::TimedOut)), "the first one's confirm is not its own: {second:?}");
    publisher.publish(queue, &Message::json("test", "the third")).await.unwrap();
    assert!(!session.is_lost(), "a confirm in time is one thing, the connection another");
    assert_eq!(system.depth(queue).await, 4, "the first was stored all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_whose_confirm_is_late_is_published_again_with_the_same_bytes() {
    let (mut system, wire) = behind_a_wire(Proxy::url, "2s").await;
    // Once they have greeted each other workers have nothing to say, so nothing but the result is given up.
    system.heartbeat_every = Duration::from_hours(1);
    let mut peer = Peer::of(&system).await;
    system.work().await;
    for _greeting in 0..2 {
        peer.hear().await;
    }
    wire.trap("invoice.result", Direction::ToClient);
    let late = system.sample("01-beijing-outpatient").await;
    let late = system.job("late", &late);
    system.submit(&late).await;
    wire.sprung(1).await;
    // What is given up leaves its channel.
    wire.trap(frame::CHANNEL_CLOSE, Direction::ToClient);
    let next = system.sample("03-zhejiang-outpatient").await;
    let next = system.job("next", &next);
    system.submit(&next).await;
    wire.sprung(2).await;
    wire.release();
    answered_with_the_same_bytes(system, &late, &next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_whose_confirm_never_comes_is_published_again_by_the_next_connection() {
    let (mut system, wire) = behind_a_wire(Proxy::url_with_heartbeats, "10s").await;
    system.work().await;
    wire.trap("invoice.result", Direction::ToClient);
    let lost = system.sample("01-beijing-outpatient").await;
    let lost = system.job("lost", &lost);
    system.submit(&lost).await;
    wire.sprung(1).await;
    // The heartbeats are held as well, and are missed.
    let next = system.sample("03-zhejiang-outpatient").await;
    let next = system.job("next", &next);
    system.submit(&next).await;
    answered_with_the_same_bytes(system, &lost, &next).await;
}

/// The one twice or more, the other at least once, each always with the same bytes; nothing is left, and nothing was paid twice.
async fn answered_with_the_same_bytes(mut system: System, twice: &Message, once: &Message) {
    let of = |replies: &[Message], job: &Message| -> Vec<_> {
        let run = Some(run_id(job));
        replies.iter().filter(|reply| reply.properties.message_id == run).map(|reply| reply.body.clone()).collect()
    };
    let mut replies = Vec::new();
    while of(&replies, twice).len() < 2 || of(&replies, once).is_empty() {
        replies.push(system.reply().await);
    }
    assert_eq!(system.drain().await, Drained::Yes);
    replies.extend(system.replies_so_far().await);
    let (of_twice, of_once) = (of(&replies, twice), of(&replies, once));
    assert_eq!(of_twice.len() + of_once.len(), replies.len(), "and nothing else");
    assert!(of_twice.windows(2).chain(of_once.windows(2)).all(|pair| pair[0] == pair[1]), "{replies:?}");
    for stage in [Stage::Recognition, Stage::Verification] {
        assert_eq!(system.sandbox.calls().count(stage).billed, 2, "{stage}");
    }
    assert_eq!(system.depth(&system.config.broker.jobs_queue).await, 0);
}
