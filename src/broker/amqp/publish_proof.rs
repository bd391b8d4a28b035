//! The proof that this user may publish: a message to a queue of its own, and back.

use super::connection::BrokerConnection;
use super::publish::AmqpPublisher;
use super::queues;
use super::rpc::rpc;
use crate::broker::error::BrokerError;
use crate::broker::message::Message;
use crate::broker::rights::Right;
use lapin::Channel;
use lapin::options::{BasicGetOptions, QueueDeleteOptions};
use lapin::types::{FieldTable, ShortString};

pub(super) async fn prove(
    connection: &BrokerConnection,
    publisher: &AmqpPublisher,
) -> Result<(), BrokerError> {
    let channel = connection.channel().await?;
    let queue = queues::exclusive_queue(&channel, FieldTable::default())
        .await
        .map_err(|error| error.about("of our own", Right::Configure))?;
    let proven = publish_and_take_back(&channel, &queue, publisher).await;
    // The queue goes with its connection, and the next proof has another one: a failure to delete
    // it is no failure of the proof.
    let deleting = channel.queue_delete(queue.clone(), QueueDeleteOptions::default());
    if let Err(error) = rpc(deleting).await {
        tracing::debug!(
            queue = queue.as_str(),
            ?error,
            "a queue for a trial publish is left until the connection ends"
        );
    }
    proven
}

async fn publish_and_take_back(
    channel: &Channel,
    queue: &ShortString,
    publisher: &AmqpPublisher,
) -> Result<(), BrokerError> {
    let name = queue.as_str();
    // RabbitMQ caches the rights of a user on each channel, so a new one is used, and not kept.
    publisher.close_idle_channels();
    let outcome = publisher
        .publish(name, &Message::json("invoice.trial", "{}"))
        .await;
    publisher.close_idle_channels();
    outcome.map_err(|problem| problem.about(name))?;
    let taking = channel.basic_get(queue.clone(), BasicGetOptions { no_ack: true });
    match rpc(taking).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(BrokerError::Queue {
            queue: name.to_owned(),
            cause: "what was published and confirmed is not in it".into(),
        }),
        Err(error) => Err(error.about(name, Right::Read)),
    }
}
