//! Where a message goes that is published, announced or parked.

use super::messages::job_with_every_property;
use super::{Place, body, job, next, waiting, within};
use bytes::Bytes;
use invoice_worker::broker::{Message, Properties, PublishError, Settled, run_id};

promises![
    a_message_to_a_queue_that_is_not_there_is_returned,
    a_parked_job_comes_back_through_the_due_queue_as_it_was,
    the_shortest_delay_is_over_first,
    a_body_of_eight_mebibytes_arrives_whole,
    the_topology_can_be_declared_twice,
    an_announcement_reaches_every_worker,
    a_temporary_queue_can_be_deleted,
    many_publishes_are_in_flight_at_once,
];

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

async fn an_announcement_reaches_every_worker(place: Place) {
    let (one, other) = (place.session().await, place.session().await);
    let announcement = Message::json("invoice.control", "{}");
    // An announcement needs no consumer.
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
