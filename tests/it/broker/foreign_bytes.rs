//! Messages whose properties no client library would send: each arrives, and the session lives.

use super::{Place, next, waiting};
use crate::harness::rabbitmq;
use crate::harness::raw_publisher::{GBK, RawProperties, RawPublisher};
use invoice_worker::broker::{Broker, Message, UNREADABLE, run_id};
use invoice_worker::settings::secret::Secret;

async fn publisher() -> RawPublisher {
    RawPublisher::connect(rabbitmq::port().await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_property_that_is_not_utf8_is_absent_and_the_others_are_there() {
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let mut publisher = publisher().await;
    let mut jobs = session.consume(&place.config.jobs_queue, 20).await.unwrap();
    // RabbitMQ itself reads the user and the expiration.
    let names = [
        "content_type",
        "content_encoding",
        "correlation_id",
        "reply_to",
        "message_id",
        "type",
        "app_id",
        "cluster_id",
    ];
    for damaged in names {
        let mut sent = RawProperties::default()
            .text_header("名".as_bytes(), GBK)
            .text_header(GBK, b"value");
        for name in names {
            sent = sent.text(name, if name == damaged { GBK } else { b"sound" });
        }
        publisher
            .publish(&place.config.jobs_queue, &sent, b"{}")
            .await;
        let Message { properties, .. } = next(&mut jobs).await.message.clone();
        let read = [
            ("content_type", &properties.content_type),
            ("content_encoding", &properties.content_encoding),
            ("correlation_id", &properties.correlation_id),
            ("reply_to", &properties.reply_to),
            ("message_id", &properties.message_id),
            ("type", &properties.kind),
            ("app_id", &properties.app_id),
        ];
        for (name, value) in read {
            assert_eq!(
                value.as_deref(),
                (name != damaged).then_some("sound"),
                "{name} beside {damaged}"
            );
        }
        assert_eq!(
            properties.headers.text(UNREADABLE),
            Some(format!("{damaged}=b5a5bac5"))
        );
        assert!(properties.headers.contains("名"));
        assert_eq!(
            properties.headers.text("????").as_deref(),
            Some("value"),
            "a value survives under a name that can be read"
        );
    }
    assert!(!session.is_lost());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_differ_in_an_unreadable_property_alone_are_two_runs_and_parking_changes_neither()
{
    let place = Place::on_rabbitmq().await;
    let session = place.session().await;
    let mut publisher = publisher().await;
    let mut jobs = session.consume(&place.config.jobs_queue, 5).await.unwrap();
    let mut due = session.consume(&place.config.due_queue, 5).await.unwrap();
    let mut runs = Vec::new();
    for id in [GBK, b"\xb5\xa5"] {
        publisher
            .publish(
                &place.config.jobs_queue,
                &RawProperties::default().text("correlation_id", id),
                b"{}",
            )
            .await;
        let job = next(&mut jobs).await;
        let run = run_id(&job.message);
        let retry = place.config.retry_queue(&place.config.retry_delays[0]);
        session
            .publisher()
            .publish(&retry, &waiting(&job.message, "{}", 1))
            .await
            .unwrap();
        assert_eq!(run_id(&next(&mut due).await.message), run);
        runs.push(run);
    }
    assert_ne!(runs[0], runs[1]);
    assert!(!session.is_lost());
}

/// A publisher that negotiated a larger frame may send more headers than fit into ours, and the
/// broker passes them on in one piece.
#[tokio::test(flavor = "multi_thread")]
async fn headers_larger_than_our_frame_are_left_out_and_the_message_arrives() {
    let place = Place::on_rabbitmq().await;
    place.session().await.close().await;
    let mut config = place.config.clone();
    config.urls = vec![Secret::new(&format!(
        "{}?frame_max=8192",
        rabbitmq::url().await
    ))];
    let session = Broker::new(&config).unwrap().connect().await.unwrap();
    let sent = RawProperties::default()
        .text("correlation_id", b"kept")
        .text_header(b"large", &vec![b'x'; 100_000])
        .text_header(b"traceparent", b"00-1-2-01");
    publisher()
        .await
        .publish(&config.jobs_queue, &sent, b"{}")
        .await;
    let mut jobs = session.consume(&config.jobs_queue, 1).await.unwrap();
    let Message { properties, .. } = next(&mut jobs).await.message.clone();
    assert_eq!(properties.correlation_id.as_deref(), Some("kept"));
    assert_eq!(
        properties.headers.text("traceparent").as_deref(),
        Some("00-1-2-01")
    );
    assert!(!properties.headers.contains("large"));
    assert!(!session.is_lost());
}
