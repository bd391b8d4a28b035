//! What only the broker in this process can do: let hours pass in no time.

use super::{body, job, next, waiting};
use invoice_worker::broker::{Broker, Config, PublishError, Settled};
use invoice_worker::settings::secret::Secret;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn hours_of_parking_pass_on_the_tests_clock() {
    let config = config();
    let session = Broker::new(&config).unwrap().connect().await.unwrap();
    session.topology().await.unwrap();
    let mut due = session.consume(&config.due_queue, 1).await.unwrap();
    for delay in &config.retry_delays {
        let parked_at = Instant::now();
        session
            .publisher()
            .publish(
                &config.retry_queue(delay),
                &waiting(&job(delay.as_str()), "{}", 0),
            )
            .await
            .unwrap();
        let back = next_without_patience(&mut due).await;
        assert_eq!(body(&back), delay.as_str());
        assert_eq!(parked_at.elapsed().as_secs(), delay.duration().as_secs());
        assert_eq!(back.settle().await, Settled::Acknowledged);
    }
}

#[tokio::test(start_paused = true)]
async fn results_are_kept_for_thirty_days() {
    let config = config();
    let session = Broker::new(&config).unwrap().connect().await.unwrap();
    session.topology().await.unwrap();
    session
        .publisher()
        .publish(&config.results_queue, &job("result"))
        .await
        .unwrap();
    tokio::time::advance(std::time::Duration::from_hours(30 * 24 - 1)).await;
    assert_eq!(session.queue_depth(&config.results_queue).await.unwrap(), 1);
    tokio::time::advance(std::time::Duration::from_hours(1)).await;
    assert_eq!(session.queue_depth(&config.results_queue).await.unwrap(), 0);
}

#[tokio::test]
async fn queues_live_as_long_as_the_broker_and_belong_to_it_alone() {
    let config = config();
    let broker = Broker::new(&config).unwrap();
    let first = broker.clone().connect().await.unwrap();
    first.topology().await.unwrap();
    first
        .publisher()
        .publish(&config.jobs_queue, &job("one"))
        .await
        .unwrap();
    first.close().await;
    let second = broker.connect().await.unwrap();
    assert_eq!(second.queue_depth(&config.jobs_queue).await.unwrap(), 1);

    let another = Broker::new(&config).unwrap().connect().await.unwrap();
    let published = another
        .publisher()
        .publish(&config.jobs_queue, &job("two"))
        .await;
    assert!(matches!(published, Err(PublishError::Returned)));
}

#[tokio::test]
async fn a_waiting_consumer_is_woken_by_a_publish() {
    let config = config();
    let session = Broker::new(&config).unwrap().connect().await.unwrap();
    session.topology().await.unwrap();
    let mut consumer = session.consume(&config.jobs_queue, 1).await.unwrap();
    let waiting = tokio::spawn(async move { body(&next(&mut consumer).await) });
    tokio::task::yield_now().await;
    session
        .publisher()
        .publish(&config.jobs_queue, &job("one"))
        .await
        .unwrap();
    assert_eq!(waiting.await.unwrap(), "one");
}

/// The patience of the other tests would be over first on a paused clock.
async fn next_without_patience(
    consumer: &mut invoice_worker::broker::Consumer,
) -> invoice_worker::broker::Delivery {
    consumer.next().await.expect("the consumer goes on")
}

fn config() -> Config {
    Config {
        urls: vec![Secret::new("memory://")],
        ..Config::default()
    }
}
