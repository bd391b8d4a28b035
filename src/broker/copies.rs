//! Copies of a message for a delay queue, for the failed queue and for a replay, and the headers
//! that the worker adds to them.

use super::message::{Message, Properties};
use super::run_id::REPLAY;

/// JSON text: the calls that were made and paid for, and how often each step was taken.
pub const PROGRESS: &str = "invoice-progress";
/// A number: milliseconds since the epoch before which a parked job is not tried.
pub const NOT_BEFORE: &str = "invoice-not-before";
/// A number: how often a job that may have killed its worker died while it ran alone.
pub const SUSPECT: &str = "invoice-suspect";
/// Text: the seal over the three headers above, bound to this run; without it they are ignored.
/// Control messages carry their seal in this header, too.
pub const SEAL: &str = "invoice-seal";
/// JSON text: the reason why a job ended in the failed queue.
pub const FAILURE: &str = "invoice-failure";
/// A number: the bytes that were kept of a body that was larger than a job may be.
pub const TRUNCATED: &str = "invoice-truncated";

/// Text on a message in the results queue: the reply queue that did not take it.
pub const REPLY_TO: &str = "invoice-reply-to";

/// The bytes that the failed queue keeps of a body that is too large to be a job.
pub const KEPT_BYTES: usize = 256 << 10;

/// The headers that the worker adds when it parks a job or moves it to the failed queue.
const ADDED: [&str; 6] = [PROGRESS, NOT_BEFORE, SUSPECT, SEAL, FAILURE, TRUNCATED];

/// The submitted message for the failed queue, with the reason as JSON text and without the
/// progress of its run. A body of more than `max_body` bytes is truncated to [`KEPT_BYTES`].
pub fn failed_copy(message: &Message, reason_json: &str, max_body: usize) -> Message {
    let mut copy = submitted_copy(message);
    copy.properties.headers.set_text(FAILURE, reason_json);
    if message.body.len() > max_body.max(KEPT_BYTES) {
        copy.body = message.body.slice(..KEPT_BYTES);
        copy.properties
            .headers
            .set_number(TRUNCATED, i64::try_from(KEPT_BYTES).unwrap_or(i64::MAX));
    }
    copy
}

/// The submitted message as a new submission. The `replay` mark makes it another run.
pub fn replay_copy(message: &Message, replay: &str) -> Message {
    let mut copy = submitted_copy(message);
    copy.properties.headers.set_text(REPLAY, replay);
    copy
}

/// A result as its reply queue would have got it.
pub fn result_copy(message: &Message) -> Message {
    let mut copy = without_broker_headers(message);
    copy.properties.headers.remove(REPLY_TO);
    copy
}

fn submitted_copy(message: &Message) -> Message {
    let mut copy = without_broker_headers(message);
    for name in ADDED {
        copy.properties.headers.remove(name);
    }
    copy
}

/// The message with the submitter's properties and headers and those of the worker. Its expiration
/// stays behind: it has become a deadline.
pub(super) fn without_broker_headers(message: &Message) -> Message {
    let mut headers = message.properties.headers.clone();
    headers.retain(|name| !is_of_the_broker(name));
    Message {
        body: message.body.clone(),
        properties: Properties {
            headers,
            expiration: None,
            ..message.properties.clone()
        },
    }
}

/// Whether RabbitMQ counts deliveries or dead-letterings in this header, or routes further copies
/// by it.
fn is_of_the_broker(name: &str) -> bool {
    matches!(
        name,
        "x-death" | "x-delivery-count" | "x-acquired-count" | "CC" | "BCC"
    ) || name.starts_with("x-first-death-")
        || name.starts_with("x-last-death-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::headers::{Death, Headers};
    use crate::broker::parked::{ParkedState, parked_copy};
    use crate::seal::{SealKey, Sealer};
    use bytes::Bytes;
    use std::time::Duration;

    fn submitted() -> Message {
        let text = |text: &str| Some(text.to_owned());
        let mut headers = Headers::default();
        headers.set_text("traceparent", "00-1-2-01");
        headers.set_number("attempt", 7);
        headers.set_text("x-caller", "kept");
        Message {
            body: Bytes::from_static(b"{\"job_id\":\"1\"}"),
            properties: Properties {
                content_type: text("application/json"),
                content_encoding: text("gzip"),
                reply_to: text("replies"),
                correlation_id: text("c"),
                message_id: text("m"),
                kind: text("invoice.job"),
                app_id: text("claims"),
                timestamp: Some(1),
                priority: Some(3),
                expiration: None,
                headers,
            },
        }
    }

    /// The same message after RabbitMQ dead-lettered it.
    fn dead_lettered() -> Message {
        let mut message = submitted();
        message.properties.expiration = Some(Duration::from_mins(1));
        let headers = &mut message.properties.headers;
        headers.record_death(&Death {
            queue: "q".into(),
            reason: "expired".into(),
        });
        for name in [
            "x-delivery-count",
            "x-acquired-count",
            "CC",
            "BCC",
            "x-last-death-queue",
            "x-first-death-exchange",
        ] {
            headers.set_text(name, "dropped");
        }
        message
    }

    fn waiting() -> Message {
        let state = ParkedState {
            progress: "{}".into(),
            not_before_ms: 1_800_000_000_000,
            deaths: None,
        };
        parked_copy(
            &dead_lettered(),
            &state,
            &Sealer::new(SealKey::of("key"), None),
        )
    }

    #[test]
    fn parking_keeps_the_submitters_headers_and_drops_the_brokers() {
        let mut expected = submitted();
        expected.properties.headers.set_text(PROGRESS, "{}");
        expected
            .properties
            .headers
            .set_number(NOT_BEFORE, 1_800_000_000_000);
        let mut copy = waiting();
        assert!(copy.properties.headers.contains(SEAL));
        copy.properties.headers.remove(SEAL);
        assert_eq!(copy, expected);
    }

    #[test]
    fn a_failed_copy_is_the_job_and_the_reason() {
        let mut expected = submitted();
        expected
            .properties
            .headers
            .set_text(FAILURE, "{\"code\":\"316\"}");
        assert_eq!(
            failed_copy(&dead_lettered(), "{\"code\":\"316\"}", 1 << 20),
            expected
        );
    }

    #[test]
    fn a_failed_copy_keeps_the_beginning_of_what_is_too_large_for_a_job() {
        const ONE: usize = 1 << 20;
        for (bytes, max_body, kept) in [
            (ONE, ONE, None),
            (ONE + 1, ONE, Some(KEPT_BYTES)),
            (16 * ONE, ONE, Some(KEPT_BYTES)),
            (KEPT_BYTES, 1_024, None),
            (KEPT_BYTES + 1, 1_024, Some(KEPT_BYTES)),
        ] {
            let mut message = Message {
                body: vec![7; bytes].into(),
                ..submitted()
            };
            // A submitter may have set the header.
            message.properties.headers.set_number(TRUNCATED, 5);
            let copy = failed_copy(&message, "{}", max_body);
            assert_eq!(copy.body.len(), kept.unwrap_or(bytes));
            assert_eq!(
                copy.properties.headers.number(TRUNCATED),
                kept.map(|kept| i64::try_from(kept).unwrap()),
                "{bytes} {max_body}"
            );
            assert_eq!(copy.properties.content_encoding.as_deref(), Some("gzip"));
        }
    }

    #[test]
    fn a_replay_knows_nothing_of_the_earlier_run() {
        let failed = failed_copy(&waiting(), "{}", 1 << 20);
        let mut expected = submitted();
        expected.properties.headers.set_text(REPLAY, "r1");
        assert_eq!(replay_copy(&failed, "r1"), expected);
    }
}
