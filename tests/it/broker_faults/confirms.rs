//! A confirm that comes late, or never: nothing is acknowledged on the strength of it, and no later
//! message has it.

use crate::harness::eventually::eventually;
use crate::harness::ledger::{Costs, costs, ledger_of};
use crate::harness::program::{ConfigFile, NONE};
use crate::harness::proxy::{Direction, Flow, Proxy};
use crate::harness::rabbitmq;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{Broker, Message, PublishError, run_id};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use invoice_worker::worker::Drained;
use std::time::Duration;
use tokio::time::timeout;

/// A wire, and behind it a system in which a confirm is waited for so long; what the test itself
/// publishes past the wire has more time.
async fn behind_a_wire(url: fn(&Proxy) -> Secret, publish_timeout: &str) -> (System, Proxy) {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.config.broker.publish_timeout = span(publish_timeout);
    system.put_behind(url(&wire));
    (system, wire)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_confirm_is_waited_for_and_is_no_later_messages() {
    let (system, wire) = behind_a_wire(Proxy::url, "1s").await;
    let session = Broker::new(&system.config.broker)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let publisher = session.publisher();
    let queue = &system.config.broker.results_queue;
    // A channel for each of them is open already.
    let before = Message::json("test", "before");
    let both = tokio::join!(
        publisher.publish(queue, &before),
        publisher.publish(queue, &before)
    );
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    wire.trap("the first", Direction::ToClient);
    let first = Message::json("test", "the first");
    let mut first = Box::pin(publisher.publish(queue, &first));
    assert!(
        timeout(Duration::from_secs(2), &mut first).await.is_err(),
        "longer than publish_timeout"
    );

    wire.trap("the second", Direction::ToClient);
    let second = Message::json("test", "the second");
    let (second, first, ()) =
        tokio::join!(publisher.publish("nowhere at all", &second), first, async {
            wire.sprung(2).await;
            wire.release();
        });
    assert!(
        matches!(second, Err(PublishError::Returned)),
        "the first one's confirm is not its own: {second:?}"
    );
    assert!(first.is_ok(), "{first:?}");
    publisher
        .publish(queue, &Message::json("test", "the third"))
        .await
        .unwrap();
    assert!(
        !session.is_lost(),
        "a confirm in time is one thing, the connection another"
    );
    assert_eq!(system.depth(queue).await, 4, "each was stored once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_not_sent_again_while_its_confirm_may_come() {
    let (system, wire) = behind_a_wire(Proxy::url, "500ms").await;
    let session = Broker::new(&system.config.broker)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let (publisher, queue) = (session.publisher(), &system.config.broker.results_queue);
    publisher
        .publish(queue, &Message::json("test", "a channel is open"))
        .await
        .unwrap();
    let message = Message::json("test", "a result");
    wire.trap("a result", Direction::ToClient);
    for _ in 0..3 {
        let outcome = publisher.publish_once(queue, "run", &message).await;
        assert!(
            matches!(outcome, Err(PublishError::TimedOut)),
            "{outcome:?}"
        );
    }
    wire.release();
    eventually("the confirm", async || {
        publisher.publish_once(queue, "run", &message).await.is_ok()
    })
    .await;
    assert_eq!(system.depth(queue).await, 2);
}

/// Every confirm takes longer than `publish_timeout`. Four answers of each job's verification are
/// paid for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirms_that_are_always_late_multiply_neither_jobs_nor_calls() {
    const JOBS: usize = 5;
    let fault = "[[fault]]\nstage = 'verification'\nanswer = '198'\n";
    let mut system = Box::pin(Setup::new(On::RabbitMq).await.faults(fault).prepare()).await;
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.config.broker.publish_timeout = span("20ms");
    system.put_behind(wire.url());
    system.work().await;
    wire.flow(Flow::Slow(Duration::from_millis(60)));
    for job in 0..JOBS {
        let name = format!("{job}.jpg");
        let sample = samples::named("01-beijing-outpatient").unwrap().bytes;
        system
            .sandbox
            .put(BUCKET, &name, [sample, name.as_bytes()].concat())
            .await
            .unwrap();
        system.submit(&system.job(&name, &name)).await;
    }
    let waits = system.longest_wait();
    for _ in 0..3 {
        system.wake(&waits, JOBS).await;
    }
    for _ in 0..JOBS {
        assert_eq!(system.result().await["error"]["code"], "198");
    }
    wire.flow(Flow::Pass);
    assert_eq!(system.drain().await, Drained::Yes);
    assert!(
        system.replies_so_far().await.is_empty(),
        "each was answered once"
    );
    assert_eq!(system.depth(&waits).await, 0, "and no copy is left");
    assert_eq!(
        system.sandbox.calls().count(Stage::Recognition).billed,
        JOBS as u64
    );
    assert_eq!(
        system.sandbox.calls().count(Stage::Verification).billed,
        4 * JOBS as u64
    );
}

/// As when the broker's process is stopped, or its machine moved: nothing comes, and nothing is
/// over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stands_still_for_fourteen_seconds_costs_time_and_nothing_else() {
    const STILL: Duration = Duration::from_secs(14);
    const JOBS: usize = 5;
    // One of them, because all are pictures of one bill.
    let fault = "[[fault]]\nstage = 'verification'\nanswer = '198'\ncalls = [1]\n";
    let mut setup = Setup::new(On::RabbitMq).await.faults(fault);
    setup.scenario.recognition.latency = Duration::from_secs(1);
    let mut system = setup.prepare().await;
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.put_behind(wire.url());
    let file = ConfigFile::of(&system);
    let mut program = file.run(&NONE);
    program.event("consuming").await;
    for job in 0..JOBS {
        let name = format!("{job}.jpg");
        let sample = samples::named("01-beijing-outpatient").unwrap().bytes;
        system
            .sandbox
            .put(BUCKET, &name, [sample, name.as_bytes()].concat())
            .await
            .unwrap();
        system.submit(&system.job(&name, &name)).await;
    }
    system.is_called(Stage::Recognition).await;
    wire.flow(Flow::Hold);
    // Not to wait for anything: it is what the broker does.
    tokio::time::sleep(STILL).await;
    wire.flow(Flow::Pass);
    system.wake(&system.longest_wait(), 1).await;
    for _ in 0..JOBS {
        assert_eq!(system.result().await["verdict"], "genuine");
    }
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches(r#""message":"consuming""#).count(),
        1,
        "it is the same connection: {}",
        ended.stderr
    );
    assert_eq!(
        ended.stderr.matches("a publisher confirm is late").count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(system.replies_so_far().await.is_empty());
    assert_eq!(
        system.sandbox.calls().count(Stage::Recognition).billed,
        JOBS as u64
    );
    assert_eq!(
        system.sandbox.calls().count(Stage::Verification).billed,
        JOBS as u64 + 1
    );
}

/// The registry's answer was paid for and could not be read: the job has to wait, and its parked
/// copy never reaches the broker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_answer_is_kept_although_its_parked_copy_was_lost() {
    let fault = "[[fault]]\nstage = 'verification'\nanswer = '198'\ncalls = [1]\n";
    let mut system = Box::pin(Setup::new(On::RabbitMq).await.faults(fault).prepare()).await;
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.put_behind(wire.url());
    system.work().await;
    wire.trap("invoice-progress", Direction::ToServer);
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    wire.sprung(1).await;
    wire.sever();
    // It waits for as long as it was to wait at first.
    system.wake(&system.longest_wait(), 1).await;
    assert_eq!(system.result().await["verdict"], "genuine");
    assert_eq!(system.drain().await, Drained::Yes);
    let paid = [Stage::Recognition, Stage::Verification]
        .map(|stage| system.sandbox.calls().count(stage).billed);
    assert_eq!(
        paid,
        [1, 2],
        "one answer that could not be read, and one that could"
    );
    // The ledger has each of these calls, and none that may have been made beside them.
    let costs = costs(&ledger_of(&system).await);
    assert_eq!(
        costs,
        Costs {
            paid: 3,
            unknown: 0
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_whose_confirm_is_late_is_published_once() {
    let (mut system, wire) = behind_a_wire(Proxy::url, "1s").await;
    system.work().await;
    wire.trap("invoice.result", Direction::ToClient);
    let late = system.sample("01-beijing-outpatient").await;
    let late = system.job("late", &late);
    system.submit(&late).await;
    wire.sprung(1).await;
    let answer = system.reply().await;
    assert_eq!(answer.properties.message_id, Some(run_id(&late)));
    // Not to wait for anything: so late is the confirm.
    tokio::time::sleep(2 * system.config.broker.publish_timeout.duration()).await;
    wire.release();
    assert_eq!(system.drain().await, Drained::Yes);
    assert!(
        system.replies_so_far().await.is_empty(),
        "it was not published a second time"
    );
    for queue in [&system.config.broker.jobs_queue, &system.longest_wait()] {
        assert_eq!(system.depth(queue).await, 0, "{queue}");
    }
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

/// The one twice or more, the other at least once, each always with the same bytes; nothing is
/// left, and nothing was paid twice.
async fn answered_with_the_same_bytes(mut system: System, twice: &Message, once: &Message) {
    let of = |replies: &[Message], job: &Message| -> Vec<_> {
        let run = Some(run_id(job));
        replies
            .iter()
            .filter(|reply| reply.properties.message_id == run)
            .map(|reply| reply.body.clone())
            .collect()
    };
    let mut replies = Vec::new();
    while of(&replies, twice).len() < 2 || of(&replies, once).is_empty() {
        replies.push(system.reply().await);
    }
    assert_eq!(system.drain().await, Drained::Yes);
    replies.extend(system.replies_so_far().await);
    let (of_twice, of_once) = (of(&replies, twice), of(&replies, once));
    assert_eq!(
        of_twice.len() + of_once.len(),
        replies.len(),
        "and nothing else"
    );
    assert!(
        of_twice
            .windows(2)
            .chain(of_once.windows(2))
            .all(|pair| pair[0] == pair[1]),
        "{replies:?}"
    );
    for stage in [Stage::Recognition, Stage::Verification] {
        assert_eq!(system.sandbox.calls().count(stage).billed, 2, "{stage}");
    }
    assert_eq!(system.depth(&system.config.broker.jobs_queue).await, 0);
}
