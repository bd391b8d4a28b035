//! A reply queue that refuses: the answer waits with its job, and the worker does not.

use super::paid_calls;
use crate::harness::eventually::eventually;
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup};
use invoice_worker::broker::Message;
use invoice_worker::domain::failure::Stage;
use invoice_worker::worker::Drained;
use lapin::options::QueuePurgeOptions;
use lapin::{Connection, ConnectionProperties};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_the_reply_queue_refuses_waits_with_its_job_and_others_do_not() {
    let mut system = Setup::new(On::RabbitMq).await.start().await;
    let connection = Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
        .await
        .unwrap();
    let full = format!("{}.full", system.reply_to);
    rabbitmq::queue_of_one(&connection, &full).await;
    system
        .session
        .publisher()
        .publish(&full, &Message::json("something", &b"{}"[..]))
        .await
        .unwrap();

    let key = system.sample("01-beijing-outpatient").await;
    let mut refused = system.job("refused", &key);
    refused.properties.reply_to = Some(full.clone());
    system.submit(&refused).await;
    let waits = system.longest_wait();
    system.holds(&waits, 1).await;
    assert_eq!(
        system.depth(&system.config.broker.results_queue).await,
        0,
        "it is not given up"
    );
    let other = system.sample("03-zhejiang-outpatient").await;
    assert_eq!(
        system.ask(&system.job("other", &other)).await["verdict"],
        "genuine"
    );

    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_purge(full.as_str().into(), QueuePurgeOptions::default())
        .await
        .unwrap();
    system.wake(&waits, 1).await;
    let answer = system.take(&full).await;
    let result: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&result["job_id"], &result["verdict"]),
        (&"refused".into(), &"genuine".into())
    );
    assert_eq!(paid_calls(&system), 4, "two jobs, each paid once");
    assert_eq!(
        system
            .sandbox
            .calls()
            .about(Stage::Storage, &format!("get {key}"))
            .len(),
        1,
        "it only had to be published"
    );
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_for_a_reply_queue_that_refuses_does_not_keep_the_worker_from_others() {
    /// Several times what a worker has in flight.
    const CROWD: u32 = 200;
    let mut system = Setup::new(On::RabbitMq).await.start().await;
    let connection = Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
        .await
        .unwrap();
    let full = format!("{}.full", system.reply_to);
    rabbitmq::queue_of_one(&connection, &full).await;
    system
        .session
        .publisher()
        .publish(&full, &Message::json("something", &b"{}"[..]))
        .await
        .unwrap();

    let key = system.sample("01-beijing-outpatient").await;
    for number in 0..CROWD {
        let mut refused = system.job(&format!("refused {number}"), &key);
        refused.properties.reply_to = Some(full.clone());
        system.submit(&refused).await;
    }
    let other = system.sample("03-zhejiang-outpatient").await;
    assert_eq!(
        system.ask(&system.job("other", &other)).await["verdict"],
        "genuine"
    );
    assert_eq!(system.drain().await, Drained::Yes);
    // On their way from hop to hop, where the machine is slow.
    let (waits, due) = (system.longest_wait(), &system.config.broker.due_queue);
    eventually("a crowd that waits", async || {
        system.depth(&waits).await + system.depth(due).await == CROWD
    })
    .await;
    assert_eq!(paid_calls(&system), 4, "two pictures, each paid once");
}
