//! A message's properties to and from lapin's.

use super::rpc::{RpcError, short};
use crate::broker::headers::Headers;
use crate::broker::message::Properties;
use lapin::BasicProperties;
use lapin::types::ShortString;
use std::time::Duration;

/// The delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;
/// RabbitMQ resolves this name in messages of AMQP 0-9-1 clients, and not in those of its other
/// protocols. It names no queue, and the broker closes the channel on which a copy of such a
/// message is published.
const UNRESOLVED_DIRECT_REPLY: &str = "amq.rabbitmq.reply-to";

pub(super) fn received(properties: &BasicProperties) -> Properties {
    let text = |property: &Option<ShortString>| property.as_ref().map(ToString::to_string);
    let milliseconds = properties
        .expiration()
        .as_ref()
        .and_then(|text| text.as_str().parse().ok());
    Properties {
        content_type: text(properties.content_type()),
        content_encoding: text(properties.content_encoding()),
        reply_to: text(properties.reply_to()).filter(|queue| queue != UNRESOLVED_DIRECT_REPLY),
        correlation_id: text(properties.correlation_id()),
        message_id: text(properties.message_id()),
        kind: text(properties.kind()),
        app_id: text(properties.app_id()),
        timestamp: *properties.timestamp(),
        priority: *properties.priority(),
        expiration: milliseconds.map(Duration::from_millis),
        headers: properties
            .headers()
            .as_ref()
            .map(Headers::from)
            .unwrap_or_default(),
    }
}

/// # Errors
/// [`RpcError::Refused`] if a property is longer than 255 bytes.
pub(super) fn to_send(properties: &Properties) -> Result<BasicProperties, RpcError> {
    type Set = fn(BasicProperties, ShortString) -> BasicProperties;
    let texts: [(&Option<String>, Set); 7] = [
        (&properties.content_type, BasicProperties::with_content_type),
        (
            &properties.content_encoding,
            BasicProperties::with_content_encoding,
        ),
        (&properties.reply_to, BasicProperties::with_reply_to),
        (
            &properties.correlation_id,
            BasicProperties::with_correlation_id,
        ),
        (&properties.message_id, BasicProperties::with_message_id),
        (&properties.kind, BasicProperties::with_type),
        (&properties.app_id, BasicProperties::with_app_id),
    ];
    let mut sent = BasicProperties::default().with_delivery_mode(PERSISTENT);
    for (text, set) in texts {
        if let Some(text) = text {
            sent = set(sent, short(text)?);
        }
    }
    if let Some(timestamp) = properties.timestamp {
        sent = sent.with_timestamp(timestamp);
    }
    if let Some(priority) = properties.priority {
        sent = sent.with_priority(priority);
    }
    if !properties.headers.is_empty() {
        sent = sent.with_headers(properties.headers.to_table());
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_is_received_but_for_the_expiration() {
        let text = |text: &str| Some(text.to_owned());
        let mut properties = Properties {
            content_type: text("a"),
            content_encoding: text("b"),
            reply_to: text("c"),
            correlation_id: text("d"),
            message_id: text("e"),
            kind: text("f"),
            app_id: text("g"),
            timestamp: Some(1),
            priority: Some(2),
            expiration: Some(Duration::from_secs(3)),
            headers: Headers::default(),
        };
        properties.headers.set_number("n", 4);
        let sent = to_send(&properties).unwrap();
        assert_eq!(*sent.delivery_mode(), Some(2));
        assert_eq!(*sent.user_id(), None);
        assert_eq!(
            received(&sent),
            Properties {
                expiration: None,
                ..properties
            }
        );
    }

    #[test]
    fn a_direct_reply_that_was_not_resolved_is_as_absent() {
        for (written, read) in [
            ("amq.rabbitmq.reply-to", None),
            (
                "amq.rabbitmq.reply-to.g1h2",
                Some("amq.rabbitmq.reply-to.g1h2"),
            ),
        ] {
            let properties = BasicProperties::default().with_reply_to(written.into());
            assert_eq!(received(&properties).reply_to.as_deref(), read);
        }
    }

    #[test]
    fn an_expiration_is_read_in_milliseconds() {
        for (written, read) in [
            ("1500", Some(Duration::from_millis(1_500))),
            ("soon", None),
            ("-1", None),
        ] {
            let properties = BasicProperties::default().with_expiration(written.into());
            assert_eq!(received(&properties).expiration, read, "{written}");
        }
    }

    #[test]
    fn a_property_that_is_too_long_is_refused_not_cut() {
        let properties = Properties {
            correlation_id: Some("x".repeat(256)),
            ..Properties::default()
        };
        assert!(to_send(&properties).is_err());
    }
}
