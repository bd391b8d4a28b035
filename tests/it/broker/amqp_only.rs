//! What only a real server can do: refuse, go away, and carry what our own types do not make.

use super::{Place, body, config, job, next, waiting, within};
use crate::harness::proxy::Proxy;
use crate::harness::rabbitmq;
use futures_util::StreamExt;
use invoice_worker::broker::{Broker, Message, PublishError, Settled};
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_a_full_queue_is_refused() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let (_connection, channel) = raw().await;
    let full = format!("{}.full", place.config.jobs_queue);
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    channel
        .queue_declare(
            full.as_str().into(),
            QueueDeclareOptions::durable(),
            arguments,
        )
        .await
        .unwrap();
    session
        .publisher()
        .publish(&full, &job("fits"))
        .await
        .unwrap();
    assert!(matches!(
        session.publisher().publish(&full, &job("does not")).await,
        Err(PublishError::Nacked)
    ));
    assert!(!session.is_lost());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_reply_reaches_a_requester_that_is_there_and_is_returned_when_it_is_gone() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let (connection, requester) = raw().await;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let direct = "amq.rabbitmq.reply-to";
    let mut replies = requester
        .basic_consume(direct.into(), "".into(), options, FieldTable::default())
        .await
        .unwrap();
    let properties = BasicProperties::default().with_reply_to(direct.into());
    let publishing = requester.basic_publish(
        "".into(),
        place.config.jobs_queue.as_str().into(),
        BasicPublishOptions::default(),
        b"question",
        properties,
    );
    publishing.await.unwrap().await.unwrap();

    let mut jobs = session.consume(&place.config.jobs_queue, 1).await.unwrap();
    let question = next(&mut jobs).await;
    let reply_to = question.message.properties.reply_to.unwrap();
    session
        .publisher()
        .publish(&reply_to, &job("answer"))
        .await
        .unwrap();
    assert_eq!(
        within(replies.next()).await.unwrap().unwrap().data,
        b"answer"
    );

    connection.close(200, "OK".into()).await.unwrap();
    assert!(matches!(
        session.publisher().publish(&reply_to, &job("late")).await,
        Err(PublishError::Returned)
    ));
    assert!(!session.is_lost());
}

/// RabbitMQ closes the connection on which such a name is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_direct_reply_is_returned_and_the_connection_stays() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    for forged in [
        "amq.rabbitmq.reply-to.a.b",
        "amq.rabbitmq.reply-to.g2dkAARibGFoAAAAAQAAAAAA.abc",
    ] {
        let reply = job("reply");
        let publisher = session.publisher();
        let (forged, honest) = within(futures_util::future::join(
            publisher.publish(forged, &reply),
            publisher.publish(&place.config.results_queue, &reply),
        ))
        .await;
        assert!(matches!(forged, Err(PublishError::Returned)), "{forged:?}");
        honest.unwrap();
    }
    assert!(!session.is_lost());
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_headers_of_every_type_survive_parking_and_foreign_users_and_expirations_do_not() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let (_connection, channel) = raw().await;
    let headers = foreign_headers();
    let properties = BasicProperties::default()
        .with_headers(headers.clone())
        .with_user_id("guest".into())
        .with_expiration("600000".into())
        .with_cluster_id("cluster".into());
    let queue = place.config.jobs_queue.as_str();
    let publishing = channel.basic_publish(
        "".into(),
        queue.into(),
        BasicPublishOptions::default(),
        b"{}",
        properties,
    );
    publishing.await.unwrap().await.unwrap();

    let mut jobs = session.consume(queue, 1).await.unwrap();
    let delivery = next(&mut jobs).await;
    assert_eq!(
        delivery.message.properties.expiration,
        Some(span("10m").duration())
    );
    let copy = waiting(&delivery.message, "{}", 1);
    session
        .publisher()
        .publish(
            &place.config.retry_queue(&place.config.retry_delays[0]),
            &copy,
        )
        .await
        .unwrap();

    let due = place.config.due_queue.as_str();
    let consuming = channel.basic_consume(
        due.into(),
        "".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let back = within(consuming.await.unwrap().next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*back.properties.user_id(), None);
    assert_eq!(*back.properties.delivery_mode(), Some(2));
    let carried = back.properties.headers().as_ref().unwrap().inner();
    for (name, value) in &headers {
        assert_eq!(carried.get(name.as_str()), Some(value), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_count_that_a_stranger_sent_is_not_believed() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let mut forged = job("one");
    forged.properties.headers.set_number("x-delivery-count", 99);
    session
        .publisher()
        .publish(&place.config.jobs_queue, &forged)
        .await
        .unwrap();
    for returns in 0..2 {
        let mut consumer = session.consume(&place.config.jobs_queue, 1).await.unwrap();
        assert_eq!(next(&mut consumer).await.delivery_count, returns);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_too_large_for_a_frame_are_refused_and_the_session_lives() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let mut message = Message::json("invoice.job", "{}");
    message
        .properties
        .headers
        .set_text("large", &"x".repeat(120 * 1024));
    session
        .publisher()
        .publish(&place.config.jobs_queue, &message)
        .await
        .unwrap();
    message
        .properties
        .headers
        .set_text("larger", &"x".repeat(16 * 1024));
    let refused = session
        .publisher()
        .publish(&place.config.jobs_queue, &message)
        .await;
    assert!(
        matches!(refused, Err(PublishError::Refused(_))),
        "{refused:?}"
    );
    let refused = session
        .publisher()
        .publish(&"q".repeat(256), &job("one"))
        .await;
    assert!(
        matches!(refused, Err(PublishError::Refused(_))),
        "{refused:?}"
    );
    assert!(!session.is_lost());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_is_given_up_does_not_disturb_the_next_ones() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let publisher = session.publisher();
    for round in 0..50 {
        let message = job(&round.to_string());
        // Polled once, so that it is on its way (or, on a busy machine, already back), and dropped.
        let mut given_up = Box::pin(publisher.publish("nowhere at all", &message));
        let _ = futures_util::poll!(given_up.as_mut());
        drop(given_up);
        publisher
            .publish(&place.config.jobs_queue, &message)
            .await
            .unwrap();
    }
    let settled = place.settled_jobs(&session, 50).await;
    assert_eq!(settled.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_lost_when_its_publishing_side_is() {
    let config = config(&rabbitmq::url().await, &rabbitmq::unique_name());
    let session = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap();
    session.topology().await.unwrap();
    let (lost, publisher) = (session.lost(), session.publisher());
    session.close().await;
    within(lost).await;
    assert!(matches!(
        publisher.publish(&config.jobs_queue, &job("late")).await,
        Err(PublishError::Lost)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_wire_ends_the_generation_and_everything_is_delivered_again() {
    let wire = Proxy::before(rabbitmq::port().await).await;
    let mut config = config(
        &format!("amqp://127.0.0.1:{}", wire.port),
        &rabbitmq::unique_name(),
    );
    config.urls.push(Secret::new(&rabbitmq::url().await));
    let broker = Broker::new(&config).unwrap();
    let session = within(broker.connect()).await.unwrap();
    session.topology().await.unwrap();
    session
        .publisher()
        .publish(&config.jobs_queue, &job("one"))
        .await
        .unwrap();
    let mut consumer = session.consume(&config.jobs_queue, 1).await.unwrap();
    let held = next(&mut consumer).await;

    wire.cut();
    within(session.lost()).await;
    assert!(within(consumer.next()).await.is_none());
    assert_eq!(within(held.settle()).await, Settled::Lost);
    let late = within(session.publisher().publish(&config.jobs_queue, &job("two"))).await;
    assert!(matches!(late, Err(PublishError::Lost)), "{late:?}");
    within(session.close()).await;

    let session = within(broker.connect()).await.unwrap();
    let mut consumer = session.consume(&config.jobs_queue, 1).await.unwrap();
    let again = next(&mut consumer).await;
    assert_eq!((body(&again).as_str(), again.redelivered), ("one", true));
    assert_eq!(again.settle().await, Settled::Acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_consumer_hands_out_what_it_had_received() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    for number in 0..3 {
        session
            .publisher()
            .publish(&place.config.jobs_queue, &job(&number.to_string()))
            .await
            .unwrap();
    }
    let mut consumer = session.consume(&place.config.jobs_queue, 3).await.unwrap();
    let mut received = vec![body(&next(&mut consumer).await)];
    consumer.cancel().await;
    while let Some(delivery) = within(consumer.next()).await {
        received.push(body(&delivery));
    }
    let ready = session.queue_depth(&place.config.jobs_queue).await.unwrap();
    assert_eq!(received.len() + ready as usize, 3);
    assert!(!session.is_lost());
}

async fn raw() -> (Connection, Channel) {
    let connection = Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

fn foreign_headers() -> FieldTable {
    let mut nested = FieldTable::default();
    nested.insert("inner".into(), AMQPValue::Boolean(true));
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("boolean", AMQPValue::Boolean(true)),
        ("int8", AMQPValue::ShortShortInt(-8)),
        ("int16", AMQPValue::ShortInt(-16)),
        ("int32", AMQPValue::LongInt(-32)),
        ("int64", AMQPValue::LongLongInt(i64::MIN)),
        ("double", AMQPValue::Double(0.1)),
        ("text", AMQPValue::LongString("增值税".into())),
        ("not text", AMQPValue::LongString(vec![0xff, 0x00].into())),
        ("bytes", AMQPValue::ByteArray(vec![1_u8, 2].into())),
        ("time", AMQPValue::Timestamp(1_800_000_000)),
        ("nothing", AMQPValue::Void),
        ("table", AMQPValue::FieldTable(nested)),
        (
            "array",
            AMQPValue::FieldArray(FieldArray::from(vec![
                AMQPValue::LongInt(1),
                AMQPValue::Void,
            ])),
        ),
    ] {
        headers.insert(name.into(), value);
    }
    headers
}
