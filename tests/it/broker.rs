//! What both brokers promise, proven by the same tests, and what only RabbitMQ can show.

mod amqp_only;
mod foreign_bytes;
mod job_queues;
mod memory_only;
mod messages;
mod rights;
mod topology;

use crate::harness::rabbitmq;
use bytes::Bytes;
use invoice_worker::broker::{
    Broker, Config, Consumer, Delivery, Message, ParkedState, Properties, PublishError, Session,
    Settled, parked_copy, run_id,
};
use invoice_worker::seal::{SealKey, Sealer};
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use messages::job_with_every_property;
use std::time::Duration;
use tokio::time::timeout;

/// Far longer than anything takes here; a test that hangs fails by it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A broker, and queues of this test's own.
struct Place {
    broker: Broker,
    config: Config,
}

/// Each promise is a test on both.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod rabbitmq_keeps {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $promise() { super::$promise(super::Place::on_rabbitmq().await).await; })*
        }
        mod memory_keeps {
            $(#[tokio::test] async fn $promise() { super::$promise(super::Place::in_memory()).await; })*
        }
    };
}

promises![
    a_published_message_is_delivered_and_settled_once,
    messages_come_in_the_order_in_which_they_were_published,
    an_unsettled_delivery_is_delivered_again_when_its_channel_goes_away,
    a_delivery_outlives_its_consumer_and_can_still_be_settled,
    a_delivery_of_a_closed_session_is_delivered_again_and_settles_as_lost,
    no_more_than_the_prefetch_is_handed_out,
    a_consumer_that_may_hold_more_is_handed_as_many_again_and_all_of_it_can_be_settled,
    a_message_to_a_queue_that_is_not_there_is_returned,
    a_parked_job_comes_back_through_the_due_queue_as_it_was,
    the_shortest_delay_is_over_first,
    a_body_of_eight_mebibytes_arrives_whole,
    the_topology_can_be_declared_twice,
    a_cancelled_consumer_ends_without_ending_the_session,
    a_delivery_on_its_way_when_a_consumer_is_cancelled_is_handed_over_and_never_comes_back,
    an_announcement_reaches_every_worker,
    a_temporary_queue_can_be_deleted,
    many_publishes_are_in_flight_at_once,
    consuming_from_a_missing_queue_is_an_error,
    a_job_that_is_never_settled_ends_in_the_failed_queue,
    a_consumer_ends_with_its_queue_and_what_it_handed_out_is_settled_all_the_same,
];

async fn a_published_message_is_delivered_and_settled_once(place: Place) {
    let session = place.session().await;
    let job = job("one");
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job)
        .await
        .unwrap();
    assert_eq!(place.settled_jobs(&session, 1).await, ["one"]);
    assert_eq!(
        session.queue_depth(&place.config.jobs_queue).await.unwrap(),
        0
    );
    session.close().await;
    let session = place.session().await;
    assert_eq!(
        session.queue_depth(&place.config.jobs_queue).await.unwrap(),
        0
    );
}

async fn messages_come_in_the_order_in_which_they_were_published(place: Place) {
    let session = place.session().await;
    for number in 0..20 {
        session
            .publisher()
            .publish(&place.config.jobs_queue, &job(&number.to_string()))
            .await
            .unwrap();
    }
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(place.settled_jobs(&session, 20).await, expected);
}

async fn an_unsettled_delivery_is_delivered_again_when_its_channel_goes_away(place: Place) {
    let session = place.session().await;
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("one"))
        .await
        .unwrap();
    for returns in 0..3 {
        let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert_eq!(
            (delivery.redelivered, delivery.delivery_count),
            (returns > 0, returns)
        );
    }
    assert!(!session.is_lost());
}

async fn a_delivery_outlives_its_consumer_and_can_still_be_settled(place: Place) {
    let session = place.session().await;
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("one"))
        .await
        .unwrap();
    let mut consumer = session.consume(&place.config.jobs_queue, 5).await.unwrap();
    let delivery = next(&mut consumer).await;
    consumer.cancel().await;
    drop(consumer);
    assert_eq!(delivery.settle().await, Settled::Acknowledged);
    session.close().await;
    let session = place.session().await;
    assert_eq!(
        session.queue_depth(&place.config.jobs_queue).await.unwrap(),
        0
    );
}

async fn a_delivery_of_a_closed_session_is_delivered_again_and_settles_as_lost(place: Place) {
    let session = place.session().await;
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("one"))
        .await
        .unwrap();
    let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    let first = next(&mut consumer).await;
    let lost = session.lost();
    session.close().await;
    within(lost).await;
    assert!(within(consumer.next()).await.is_none());

    let session = place.session().await;
    let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    let second = next(&mut consumer).await;
    assert!(second.redelivered);
    assert_eq!(run_id(&second.message), run_id(&first.message));
    assert_eq!(first.settle().await, Settled::Lost);
    assert_eq!(second.settle().await, Settled::Acknowledged);
}

async fn no_more_than_the_prefetch_is_handed_out(place: Place) {
    let session = place.session().await;
    for number in 0..3 {
        session
            .publisher()
            .publish(&place.config.jobs_queue, &job(&number.to_string()))
            .await
            .unwrap();
    }
    let mut narrow = session.consume(&place.config.jobs_queue, 2).await.unwrap();
    let first = next(&mut narrow).await;
    let second = next(&mut narrow).await;
    // The third goes to whoever has room.
    let mut other = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    let third = next(&mut other).await;
    assert_eq!([&first, &second, &third].map(body), ["0", "1", "2"]);
    // Settling makes room.
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("3"))
        .await
        .unwrap();
    assert_eq!(first.settle().await, Settled::Acknowledged);
    assert_eq!(body(&next(&mut narrow).await), "3");
}

async fn a_consumer_that_may_hold_more_is_handed_as_many_again_and_all_of_it_can_be_settled(
    place: Place,
) {
    let session = place.session().await;
    for number in 0..6 {
        session
            .publisher()
            .publish(&place.config.jobs_queue, &job(&number.to_string()))
            .await
            .unwrap();
    }
    let mut consumer = session.consume(&place.config.jobs_queue, 2).await.unwrap();
    let mut held = vec![next(&mut consumer).await, next(&mut consumer).await];
    consumer.extend_prefetch().await.unwrap();
    held.extend([next(&mut consumer).await, next(&mut consumer).await]);
    assert!(held.iter().map(body).eq(["0", "1", "2", "3"]));
    assert_eq!(
        session.queue_depth(&place.config.jobs_queue).await.unwrap(),
        2,
        "no more than that"
    );
    // Of the first two as well.
    assert_eq!(held.swap_remove(0).settle().await, Settled::Acknowledged);
    drop((consumer, held));
    let mut again = session.consume(&place.config.jobs_queue, 10).await.unwrap();
    let mut back: Vec<String> = Vec::new();
    for _ in 0..5 {
        back.push(body(&next(&mut again).await).clone());
    }
    back.sort();
    assert_eq!(back, ["1", "2", "3", "4", "5"]);
}

async fn a_message_to_a_queue_that_is_not_there_is_returned(place: Place) {
    let session = place.session().await;
    let publisher = session.publisher();
    let nowhere = format!("{}.nowhere", place.config.jobs_queue);
    for queue in [
        nowhere.as_str(),
        "",
        "amq.rabbitmq.reply-to",
        "amq.rabbitmq.reply-to.garbage",
        nowhere.as_str(),
    ] {
        assert!(
            matches!(
                publisher.publish(queue, &job("one")).await,
                Err(PublishError::Returned)
            ),
            "{queue}"
        );
    }
    // The channel it came back on is as good as new.
    publisher
        .publish(&place.config.jobs_queue, &job("two"))
        .await
        .unwrap();
    assert!(!session.is_lost());
}

async fn a_parked_job_comes_back_through_the_due_queue_as_it_was(place: Place) {
    let session = place.session().await;
    let publisher = session.publisher();
    let job = job_with_every_property();
    publisher
        .publish(&place.config.jobs_queue, &job)
        .await
        .unwrap();
    let mut jobs = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    let delivery = next(&mut jobs).await;
    assert_eq!(delivery.message, job);

    let copy = waiting(&delivery.message, "{\"step\":1}", 1_800_000_000_000);
    publisher
        .publish(
            &place.config.retry_queue(&place.config.retry_delays[0]),
            &copy,
        )
        .await
        .unwrap();
    assert_eq!(delivery.settle().await, Settled::Acknowledged);

    let mut due = session.consume(&place.config.due_queue, 1).await.unwrap();
    let back = next(&mut due).await;
    assert_eq!(
        back.message
            .properties
            .headers
            .death()
            .map(|death| death.reason)
            .as_deref(),
        Some("expired")
    );
    // Parked again, nothing of the journey is left but what we wrote.
    assert_eq!(
        waiting(&back.message, "{\"step\":2}", 5),
        waiting(&job, "{\"step\":2}", 5)
    );
    assert_eq!(run_id(&back.message), run_id(&job));
    assert_eq!(
        back.message
            .properties
            .headers
            .text("invoice-progress")
            .as_deref(),
        Some("{\"step\":1}")
    );
    assert_eq!(
        back.message.properties.headers.number("invoice-not-before"),
        Some(1_800_000_000_000)
    );
}

async fn the_shortest_delay_is_over_first(place: Place) {
    let session = place.session().await;
    let publisher = session.publisher();
    for delay in place.config.retry_delays.iter().rev() {
        publisher
            .publish(&place.config.retry_queue(delay), &job(delay.as_str()))
            .await
            .unwrap();
    }
    let mut due = session.consume(&place.config.due_queue, 0).await.unwrap();
    for delay in &place.config.retry_delays {
        assert_eq!(body(&next(&mut due).await), delay.as_str());
    }
}

async fn a_body_of_eight_mebibytes_arrives_whole(place: Place) {
    let session = place.session().await;
    let large: Vec<u8> = (0..8 << 20)
        .map(|position: u32| position.to_le_bytes()[(position % 3) as usize])
        .collect();
    let large = Message {
        body: Bytes::from(large),
        properties: Properties::default(),
    };
    session
        .publisher()
        .publish(&place.config.jobs_queue, &large)
        .await
        .unwrap();
    let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    assert!(
        next(&mut consumer).await.message == large,
        "the body differs"
    );
}

async fn the_topology_can_be_declared_twice(place: Place) {
    let session = place.session().await;
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("one"))
        .await
        .unwrap();
    session.topology().await.unwrap();
    session.topology().await.unwrap();
    assert_eq!(place.settled_jobs(&session, 1).await, ["one"]);
}

async fn a_cancelled_consumer_ends_without_ending_the_session(place: Place) {
    let session = place.session().await;
    let mut consumer = session.consume(&place.config.jobs_queue, 3).await.unwrap();
    consumer.cancel().await;
    consumer.cancel().await;
    assert!(within(consumer.next()).await.is_none());
    assert!(within(consumer.next()).await.is_none());
    assert!(!session.is_lost());
}

/// An acknowledgement lets the broker send the next message, which then meets the end of its
/// consumer half-way.
async fn a_delivery_on_its_way_when_a_consumer_is_cancelled_is_handed_over_and_never_comes_back(
    place: Place,
) {
    const MESSAGES: usize = 200;
    let session = place.session().await;
    for number in 0..MESSAGES {
        session
            .publisher()
            .publish(&place.config.jobs_queue, &job(&number.to_string()))
            .await
            .unwrap();
    }
    let mut handed_over = Vec::new();
    for prefetch in (1..=3).cycle() {
        let mut consumer = session
            .consume(&place.config.jobs_queue, prefetch)
            .await
            .unwrap();
        let first = next(&mut consumer).await;
        handed_over.push(first.delivery_count);
        assert_eq!(first.settle().await, Settled::Acknowledged);
        consumer.cancel().await;
        while let Some(delivery) = within(consumer.next()).await {
            handed_over.push(delivery.delivery_count);
            assert_eq!(delivery.settle().await, Settled::Acknowledged);
        }
        if handed_over.len() == MESSAGES {
            break;
        }
    }
    assert_eq!(handed_over, [0; MESSAGES], "none was delivered before");
    assert!(!session.is_lost());
}

async fn an_announcement_reaches_every_worker(place: Place) {
    let (one, other) = (place.session().await, place.session().await);
    let announcement = Message::json("invoice.control", "{}");
    // Nobody has to listen.
    one.publisher().announce(&announcement).await.unwrap();
    let mut listening = [one.control().await.unwrap(), other.control().await.unwrap()];
    one.publisher().announce(&announcement).await.unwrap();
    for consumer in &mut listening {
        let heard = next(consumer).await;
        assert_eq!(heard.message, announcement);
        assert_eq!(heard.settle().await, Settled::Acknowledged);
    }
}

async fn a_temporary_queue_can_be_deleted(place: Place) {
    let session = place.session().await;
    let replies = format!("{}.replies", place.config.jobs_queue);
    session.temporary_queue(&replies).await.unwrap();
    session.temporary_queue(&replies).await.unwrap();
    session
        .publisher()
        .publish(&replies, &job("reply"))
        .await
        .unwrap();
    session.delete_queue(&replies).await.unwrap();
    session.delete_queue(&replies).await.unwrap();
    assert!(matches!(
        session.publisher().publish(&replies, &job("late")).await,
        Err(PublishError::Returned)
    ));
}

async fn many_publishes_are_in_flight_at_once(place: Place) {
    const MESSAGES: usize = 300;
    let session = place.session().await;
    let publishing = (0..MESSAGES).map(|number| {
        let (publisher, queue) = (session.publisher(), place.config.jobs_queue.clone());
        async move {
            let queue = if number % 3 == 0 {
                "nowhere at all".to_owned()
            } else {
                queue
            };
            let outcome = publisher.publish(&queue, &job(&number.to_string())).await;
            match (number % 3, outcome) {
                (0, Err(PublishError::Returned)) | (1 | 2, Ok(())) => {}
                (_, other) => panic!("{number}: {other:?}"),
            }
        }
    });
    within(futures_util::future::join_all(publishing)).await;
    let mut numbers: Vec<usize> = place
        .settled_jobs(&session, MESSAGES * 2 / 3)
        .await
        .iter()
        .map(|number| number.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(
        numbers
            .iter()
            .copied()
            .eq((0..MESSAGES).filter(|number| number % 3 != 0))
    );
}

async fn consuming_from_a_missing_queue_is_an_error(place: Place) {
    let session = place.session().await;
    let error = session.consume("nowhere at all", 1).await.unwrap_err();
    assert!(error.to_string().contains("nowhere at all"), "{error}");
    assert!(!error.is_final());
    assert!(session.queue_depth("nowhere at all").await.is_err());
}

async fn a_job_that_is_never_settled_ends_in_the_failed_queue(place: Place) {
    let session = place.session().await;
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("poison"))
        .await
        .unwrap();
    for _ in 0..=20 {
        let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
        drop(next(&mut consumer).await);
    }
    let mut failed = session
        .consume(&place.config.failed_queue, 1)
        .await
        .unwrap();
    let poison = next(&mut failed).await;
    let death = poison.message.properties.headers.death().unwrap();
    assert_eq!(
        (body(&poison), death.reason.as_str(), death.queue),
        (
            "poison".into(),
            "delivery_limit",
            place.config.jobs_queue.clone()
        )
    );
}

async fn a_consumer_ends_with_its_queue_and_what_it_handed_out_is_settled_all_the_same(
    place: Place,
) {
    let session = place.session().await;
    session
        .publisher()
        .publish(&place.config.jobs_queue, &job("one"))
        .await
        .unwrap();
    let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    let delivery = next(&mut consumer).await;
    session
        .delete_queue(&place.config.jobs_queue)
        .await
        .unwrap();
    assert!(within(consumer.next()).await.is_none());
    assert!(within(consumer.next()).await.is_none());
    session
        .publisher()
        .publish(&place.config.results_queue, &job("its result"))
        .await
        .unwrap();
    assert_eq!(delivery.settle().await, Settled::Acknowledged);
    assert!(!session.is_lost());
}

impl Place {
    async fn on_rabbitmq() -> Self {
        let config = config(&rabbitmq::url().await, &rabbitmq::unique_name());
        Self {
            broker: Broker::new(&config).unwrap(),
            config,
        }
    }

    fn in_memory() -> Self {
        let config = config("memory://", "memory");
        Self {
            broker: Broker::new(&config).unwrap(),
            config,
        }
    }

    /// Connected, with every queue declared.
    async fn session(&self) -> Session {
        let session = within(self.broker.connect()).await.unwrap();
        within(session.topology()).await.unwrap();
        session
    }

    /// Bodies of the next `count` jobs, all settled.
    async fn settled_jobs(&self, session: &Session, count: usize) -> Vec<String> {
        let mut consumer = session.consume(&self.config.jobs_queue, 10).await.unwrap();
        let mut bodies = Vec::new();
        for _ in 0..count {
            let delivery = next(&mut consumer).await;
            bodies.push(body(&delivery));
            assert_eq!(delivery.settle().await, Settled::Acknowledged);
        }
        bodies
    }
}

/// Two delays, short enough to wait for; so far apart that what is published seconds later into the
/// shorter one is back before.
fn config(url: &str, name: &str) -> Config {
    Config {
        urls: vec![Secret::new(url)],
        jobs_queue: format!("{name}.jobs"),
        due_queue: format!("{name}.due"),
        control_exchange: format!("{name}.control"),
        results_queue: format!("{name}.results"),
        failed_queue: format!("{name}.failed"),
        retry_queue_prefix: format!("{name}.retry"),
        retry_delays: ["200ms", "5s"].map(span).to_vec(),
        ..Config::default()
    }
}

fn job(body: &str) -> Message {
    Message::json("invoice.job", body.to_owned())
}

fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.message.body).into_owned()
}

async fn next(consumer: &mut Consumer) -> Delivery {
    within(consumer.next()).await.expect("the consumer goes on")
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .expect("nothing here takes a minute")
}

/// The job as it is parked.
fn waiting(job: &Message, progress: &str, not_before_ms: u64) -> Message {
    let state = ParkedState {
        progress: progress.to_owned(),
        not_before_ms,
        deaths: None,
    };
    parked_copy(job, &state, &Sealer::new(SealKey::of("key"), None))
}
