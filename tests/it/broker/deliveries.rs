//! What is delivered, to whom, in which order, and how it is settled.

use super::{Place, body, job, next, within};
use invoice_worker::broker::{Settled, run_id};

promises![
    a_published_message_is_delivered_and_settled_once,
    messages_come_in_the_order_in_which_they_were_published,
    an_unsettled_delivery_is_delivered_again_when_its_channel_goes_away,
    a_delivery_outlives_its_consumer_and_can_still_be_settled,
    a_delivery_of_a_closed_session_is_delivered_again_and_settles_as_lost,
    no_more_than_the_prefetch_is_handed_out,
    a_consumer_that_may_hold_more_is_handed_as_many_again_and_all_of_it_can_be_settled,
    a_cancelled_consumer_ends_without_ending_the_session,
    consuming_from_a_missing_queue_is_an_error,
    a_job_that_is_never_settled_ends_in_the_failed_queue,
    a_consumer_ends_with_its_queue_and_what_it_handed_out_is_settled_all_the_same,
    a_delivery_on_its_way_when_a_consumer_is_cancelled_is_handed_over_and_never_comes_back,
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
    // The third goes to the consumer whose prefetch allows it.
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

async fn a_cancelled_consumer_ends_without_ending_the_session(place: Place) {
    let session = place.session().await;
    let mut consumer = session.consume(&place.config.jobs_queue, 3).await.unwrap();
    consumer.cancel().await;
    consumer.cancel().await;
    assert!(within(consumer.next()).await.is_none());
    assert!(within(consumer.next()).await.is_none());
    assert!(!session.is_lost());
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
