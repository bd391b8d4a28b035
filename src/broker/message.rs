//! A message as the worker sees it. User, cluster and delivery mode are left out on purpose: the
//! broker closes a channel on which a foreign `user_id` is published, and the worker publishes
//! persistent messages only.

use super::headers::Headers;
use bytes::Bytes;
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;

/// A message. `Debug` shows the size of the body, never the body.
#[derive(Clone, Default, PartialEq)]
pub struct Message {
    pub body: Bytes,
    pub properties: Properties,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub reply_to: Option<String>,
    pub correlation_id: Option<String>,
    pub message_id: Option<String>,
    /// AMQP's property `type`.
    pub kind: Option<String>,
    pub app_id: Option<String>,
    /// The submitter's time, in seconds since the epoch.
    pub timestamp: Option<u64>,
    pub priority: Option<u8>,
    /// The time to live that the submitter set. It is read and never sent: a parked job would
    /// expire by it.
    pub expiration: Option<Duration>,
    pub headers: Headers,
}

impl Message {
    /// A JSON message of one of the worker's own types.
    pub fn json(kind: &str, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                kind: Some(kind.to_owned()),
                ..Properties::default()
            },
        }
    }
}

impl Properties {
    /// When the broker received a message whose publisher sets no time itself: RabbitMQ's
    /// interceptor `set_header_timestamp` writes it into a header and a property.
    pub fn received_at(&self) -> Option<Timestamp> {
        let millis = self.headers.number("timestamp_in_ms");
        let seconds = || i64::try_from(self.timestamp?).ok();
        match millis {
            Some(millis) => Timestamp::from_millisecond(millis).ok(),
            None => Timestamp::from_second(seconds()?).ok(),
        }
    }

    /// An upper estimate of the bytes that the properties take in a content header.
    pub fn wire_size(&self) -> usize {
        const LENGTH: usize = 1;
        const TABLE_LENGTH: usize = 4;
        /// Delivery mode, priority and timestamp.
        const NUMBERS: usize = 1 + 1 + 8;
        let texts = [
            &self.content_type,
            &self.content_encoding,
            &self.reply_to,
            &self.correlation_id,
            &self.message_id,
            &self.kind,
            &self.app_id,
        ];
        let texts: usize = texts
            .into_iter()
            .flatten()
            .map(|text| LENGTH + text.len())
            .sum();
        texts + NUMBERS + TABLE_LENGTH + self.headers.wire_size()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("body_bytes", &self.body.len())
            .field("properties", &self.properties)
            .finish()
    }
}
