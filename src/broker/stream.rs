//! A stream: a queue that keeps its messages for some time, however often they are read.

use super::message::Message;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// RabbitMQ 3.9 and later have streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamDefinition {
    pub name: String,
    /// Older messages are deleted, a segment at a time.
    pub max_age: Duration,
}

/// The place at which a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    First,
    /// Begin with the chunk that was written at this time or before: somewhat earlier messages may come
    /// first.
    At(Timestamp),
    /// Begin with the message at this place.
    Offset(u64),
    /// Begin with what is written from now on.
    Next,
}

/// A message, and its place in the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamMessage {
    pub offset: u64,
    pub message: Message,
}

impl StreamDefinition {
    pub(super) fn arguments(&self) -> [(&'static str, String); 2] {
        let seconds = self.max_age.as_secs();
        [
            ("x-queue-type", "stream".to_owned()),
            ("x-max-age", format!("{seconds}s")),
        ]
    }

    /// The stream as RabbitMQ's definitions have it.
    pub(super) fn definition(&self, vhost: &str) -> Value {
        let arguments = self
            .arguments()
            .map(|(name, value)| (name.to_owned(), Value::from(value)));
        let arguments: serde_json::Map<String, Value> = arguments.into_iter().collect();
        json!({"name": self.name, "vhost": vhost, "durable": true, "auto_delete": false, "arguments": arguments})
    }
}
