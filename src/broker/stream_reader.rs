//! Reads the messages of a stream, from RabbitMQ or in this process.

use super::amqp::{AmqpStreamReader, AmqpStreamSource};
use super::error::BrokerError;
use super::memory::{MemoryStreamReader, MemoryStreamSource};
use super::stream::{StreamMessage, StreamStart};

/// Reads a stream, whose messages stay.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one of them")]
pub enum StreamReader {
    Amqp(AmqpStreamReader),
    Memory(MemoryStreamReader),
}

/// Opens readers of streams beside a session, which goes on where a stream cannot be read.
#[derive(Debug)]
pub enum StreamSource {
    Amqp(AmqpStreamSource),
    Memory(MemoryStreamSource),
}

impl StreamReader {
    /// An offset near the end at which reading ends; `None` where it reads on and on, or there is
    /// nothing.
    pub fn last_offset(&self) -> Option<u64> {
        match self {
            Self::Amqp(reader) => reader.last_offset(),
            Self::Memory(reader) => reader.last_offset(),
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// The connection was lost, or the stream deleted.
    pub async fn next(&mut self) -> Result<Option<StreamMessage>, BrokerError> {
        match self {
            Self::Amqp(reader) => reader.next().await,
            Self::Memory(reader) => reader.next().await,
        }
    }
}

impl StreamSource {
    /// Reads a stream from `start` to its present end, or on and on where the reader `follows`.
    pub async fn read_stream(
        &self,
        name: &str,
        start: StreamStart,
        follows: bool,
    ) -> Result<StreamReader, BrokerError> {
        match self {
            Self::Amqp(source) => source
                .read(name, start, follows)
                .await
                .map(StreamReader::Amqp),
            Self::Memory(source) => source.read(name, start, follows).map(StreamReader::Memory),
        }
    }
}
