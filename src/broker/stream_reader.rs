//! Reads the messages of a stream, from RabbitMQ or in this process.

use super::amqp::AmqpStreamReader;
use super::error::BrokerError;
use super::stream::StreamMessage;
use std::collections::VecDeque;

/// Reads a stream, whose messages stay.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one of them")]
pub enum StreamReader {
    Amqp(AmqpStreamReader),
    Memory(VecDeque<StreamMessage>),
}

impl StreamReader {
    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// The connection was lost, or the stream deleted.
    pub async fn next(&mut self) -> Result<Option<StreamMessage>, BrokerError> {
        match self {
            Self::Amqp(reader) => reader.next().await,
            Self::Memory(messages) => Ok(messages.pop_front()),
        }
    }
}
