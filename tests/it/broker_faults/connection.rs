//! Every way in which a consumer, a channel or a connection ends.

use super::outage::{CANCELLED, LOST, Outage};
use crate::harness::frame;
use crate::harness::proxy::{Flow, Proxy};
use crate::harness::rabbitmq;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use std::time::Duration;

#[tokio::test]
async fn a_connection_that_ends_is_made_again() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    outage.wire.sever();
    outage.broker_is_lost(LOST, "").await;
    outage.ends().await;
}

#[tokio::test]
async fn a_connection_that_is_reset_is_made_again() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    outage.wire.reset();
    outage.broker_is_lost(LOST, "").await;
    outage.ends().await;
}

#[tokio::test]
async fn a_connection_into_which_nothing_passes_any_more_is_given_up() {
    let mut outage = Outage::prepare_behind(Proxy::url_with_heartbeats).await;
    outage.wire.refuse(true);
    outage.wire.flow(Flow::Hold);
    outage.broker_is_lost(LOST, "").await;
    // The connection passes bytes again; the frames that it held back are discarded.
    outage.wire.sever();
    outage.wire.flow(Flow::Pass);
    outage.ends().await;
}

#[tokio::test]
async fn a_slow_connection_costs_time_and_nothing_else() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    outage.wire.flow(Flow::Slow(Duration::from_millis(20)));
    outage.wire.sever();
    outage.broker_is_lost(LOST, "").await;
    outage.ends().await;
}

#[tokio::test]
async fn a_connection_that_the_broker_closes_is_made_again() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    outage.wire.forge("invoice-worker", frame::second_opening());
    outage.broker_is_lost(LOST, "").await;
    outage.ends().await;
}

#[tokio::test]
async fn a_channel_that_the_broker_closes_is_made_again() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    // The first one hears other workers, the second one takes jobs.
    outage
        .wire
        .forge("invoice-worker consuming", frame::false_acknowledgement(2));
    outage.broker_is_lost(LOST, "PRECONDITION_FAILED").await;
    outage.ends().await;
}

/// With an operator's queue go the jobs that were in it; those that a worker had in hand are
/// answered all the same.
#[tokio::test]
async fn a_jobs_queue_that_is_deleted_takes_no_job_in_hand_along() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    let queue = outage.system.config.broker.jobs_queue.clone();
    outage.system.session.delete_queue(&queue).await.unwrap();
    outage.broker_is_lost(CANCELLED, &queue).await;
    outage.ends().await;
}

#[tokio::test]
async fn a_jobs_queue_of_another_kind_ends_the_worker_once_the_job_in_hand_is_answered() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    let queue = outage.system.config.broker.jobs_queue.clone();
    outage.system.session.delete_queue(&queue).await.unwrap();
    outage.broker_is_lost(CANCELLED, &queue).await;
    let connection = Connection::connect(&rabbitmq::url().await, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_declare(
            queue.as_str().into(),
            QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    outage.wire.refuse(false);
    assert_eq!(outage.system.result().await["verdict"], "genuine");
    let ended = outage.program.end().await;
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&format!(
            "empty and delete it (`rabbitmqctl delete_queue {queue}`)"
        )),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_due_queue_that_is_deleted_is_declared_again() {
    let mut outage = Outage::prepare().await;
    outage.wire.refuse(true);
    let queue = outage.system.config.broker.due_queue.clone();
    outage.system.session.delete_queue(&queue).await.unwrap();
    outage.broker_is_lost(CANCELLED, &queue).await;
    outage.ends().await;
}
