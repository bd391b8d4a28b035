//! A message as the worker sees it. User, cluster and delivery mode are left out on purpose: a
//! foreign `user_id` closes the channel it is published on, and everything we publish is
//! persistent.

use super::headers::Headers;
use bytes::Bytes;
use std::fmt;
use std::time::Duration;

/// Shows the size of the body, never the body.
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
    /// AMQP's `type`.
    pub kind: Option<String>,
    pub app_id: Option<String>,
    /// Seconds since the epoch, as the submitter gave it.
    pub timestamp: Option<u64>,
    pub priority: Option<u8>,
    /// What was left to live when the submitter published. Read only: it is never sent, or parking
    /// would lose the job.
    pub expiration: Option<Duration>,
    pub headers: Headers,
}

impl Message {
    /// A JSON message of a kind of ours.
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
    /// Bytes in a content header's frame, near enough from above.
    pub fn wire_size(&self) -> usize {
        /// Each has its length before it.
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
