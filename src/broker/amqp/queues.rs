//! Single queues on the broker: declared, bound, counted.

use super::rpc::{RpcError, rpc, short};
use crate::broker::error::BrokerError;
use crate::broker::rights::Right;
use crate::broker::topology::{
    Argument, CONTROL_LENGTH, CONTROL_TTL, REPLIES_EXPIRY, TEMPORARY_EXPIRY, milliseconds, number,
};
use lapin::Channel;
use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use std::time::Duration;

/// The empty name, for which the broker chooses one.
pub(super) fn server_named() -> ShortString {
    ShortString::default()
}

/// The number of messages that are ready in a queue.
pub(super) async fn depth(channel: &Channel, queue: &str) -> Result<u32, RpcError> {
    let found = looked_up(channel, queue).await?;
    Ok(found.message_count())
}

/// The number of consumers that a queue has.
pub(super) async fn consumers(channel: &Channel, queue: &str) -> Result<u32, RpcError> {
    let found = looked_up(channel, queue).await?;
    Ok(found.consumer_count())
}

async fn looked_up(channel: &Channel, queue: &str) -> Result<lapin::Queue, RpcError> {
    let declaring = channel.queue_declare(
        short(queue)?,
        QueueDeclareOptions::default().passive(),
        FieldTable::default(),
    );
    rpc(declaring).await
}

/// Declares a queue that the broker names and that is exclusive to this connection.
pub(super) async fn exclusive_queue(
    channel: &Channel,
    arguments: FieldTable,
) -> Result<ShortString, RpcError> {
    let options = QueueDeclareOptions::exclusive().auto_delete();
    rpc(channel.queue_declare(server_named(), options, arguments))
        .await
        .map(|queue| queue.name().clone())
}

/// Declares this session's own queue and binds it to the control exchange.
pub(super) async fn control_queue(
    channel: &Channel,
    exchange: &str,
) -> Result<ShortString, BrokerError> {
    let limits = [
        ("x-max-length", number(CONTROL_LENGTH)),
        ("x-message-ttl", number(milliseconds(CONTROL_TTL))),
    ];
    let queue = exclusive_queue(channel, arguments(limits))
        .await
        .map_err(|error| error.about(exchange, Right::Configure))?;
    bind_control_queue(channel, &queue, exchange).await?;
    Ok(queue)
}

/// Binds the queue to the control exchange; changes nothing if it is bound already.
pub(super) async fn bind_control_queue(
    channel: &Channel,
    queue: &ShortString,
    exchange: &str,
) -> Result<(), BrokerError> {
    bind(channel, queue, exchange).await.map_err(|error| {
        let is_about_queue = error
            .missing_right(Right::Write)
            .is_some_and(|missing| missing.name == queue.as_str());
        let needed = if is_about_queue {
            Right::Write
        } else {
            Right::Read
        };
        error.about(exchange, needed)
    })
}

/// Binding needs write permission on the queue and read permission on the exchange.
pub(super) async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &str,
) -> Result<(), RpcError> {
    let binding = channel.queue_bind(
        queue.clone(),
        short(exchange)?,
        ShortString::default(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    rpc(binding).await
}

/// Durable, because RabbitMQ 4 drops transient queues that are not exclusive; not exclusive, so
/// that it outlives its connection.
pub(super) async fn temporary_queue(channel: &Channel, name: &str) -> Result<(), BrokerError> {
    expiring_queue(channel, name, "classic", TEMPORARY_EXPIRY).await
}

/// As [`temporary_queue`], and it outlives a node as well.
pub(super) async fn reply_queue(channel: &Channel, name: &str) -> Result<(), BrokerError> {
    expiring_queue(channel, name, "quorum", REPLIES_EXPIRY).await
}

async fn expiring_queue(
    channel: &Channel,
    name: &str,
    kind: &str,
    unused: Duration,
) -> Result<(), BrokerError> {
    let expiring = [
        ("x-queue-type", Argument::Text(kind.to_owned())),
        ("x-expires", number(milliseconds(unused))),
    ];
    let declaring = async {
        let options = QueueDeclareOptions::durable();
        rpc(channel.queue_declare(short(name)?, options, arguments(expiring))).await
    };
    declaring
        .await
        .map(drop)
        .map_err(|error| error.about(name, Right::Configure))
}

/// The arguments of a declaration; a name that AMQP cannot carry is left out.
pub(super) fn arguments<'a>(
    arguments: impl IntoIterator<Item = (&'a str, Argument)>,
) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        if let Ok(name) = ShortString::try_new(name) {
            let value = match value {
                Argument::Text(text) => AMQPValue::LongString(text.into()),
                Argument::Number(number) => AMQPValue::LongLongInt(number),
                Argument::Flag(flag) => AMQPValue::Boolean(flag),
            };
            table.insert(name, value);
        }
    }
    table
}
