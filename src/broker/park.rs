//! What of a message goes along when it is parked, copied to the failed queue, or submitted again.

use super::message::{Message, Properties};
use super::run::REPLAY;

/// JSON text: what has been done and paid for.
pub const PROGRESS: &str = "invoice-progress";
/// Milliseconds since the epoch before which a parked job is not tried.
pub const NOT_BEFORE: &str = "invoice-not-before";
/// A job that may have killed its worker runs alone: how often it has died so by now.
pub const SUSPECT: &str = "invoice-suspect";
/// Over the three headers before, for this run: without it they say nothing. Also what a control
/// message is sealed with.
pub const SEAL: &str = "invoice-seal";
/// JSON text: why a job ended in the failed queue.
pub const FAILURE: &str = "invoice-failure";

/// A number: the body of this failed copy was larger than a job may be, and these are the bytes
/// that are kept of it.
pub const TRUNCATED: &str = "invoice-truncated";
/// Of a body that is too large to be a job, as much lies in the failed queue.
pub const KEPT_BYTES: usize = 256 << 10;

/// The job as it was, for the failed queue, with the reason as JSON text. What was found out about
/// it, and paid for, does not lie there. Of a body of more than `max_body` bytes only the beginning
/// does.
pub fn failed_copy(message: &Message, reason_json: &str, max_body: usize) -> Message {
    let mut copy = carried(message);
    for name in [PROGRESS, NOT_BEFORE, SUSPECT, SEAL, TRUNCATED] {
        copy.properties.headers.remove(name);
    }
    copy.properties.headers.set_text(FAILURE, reason_json);
    if message.body.len() > max_body.max(KEPT_BYTES) {
        copy.body = message.body.slice(..KEPT_BYTES);
        copy.properties
            .headers
            .set_number(TRUNCATED, i64::try_from(KEPT_BYTES).unwrap_or(i64::MAX));
    }
    copy
}

/// A failed job as a new submission: without what the earlier run knew, and another run by its
/// `replay` mark.
pub fn replayed(message: &Message, replay: &str) -> Message {
    let mut copy = carried(message);
    for name in [PROGRESS, NOT_BEFORE, SUSPECT, SEAL, FAILURE, TRUNCATED] {
        copy.properties.headers.remove(name);
    }
    copy.properties.headers.set_text(REPLAY, replay);
    copy
}

pub(super) fn carried(message: &Message) -> Message {
    let mut headers = message.properties.headers.clone();
    headers.retain(is_the_callers);
    Message {
        body: message.body.clone(),
        properties: Properties {
            headers,
            expiration: None,
            ..message.properties.clone()
        },
    }
}

/// Everything that is not the broker's own bookkeeping, or routing that would send copies to
/// strangers again.
fn is_the_callers(name: &str) -> bool {
    !(matches!(
        name,
        "x-death" | "x-delivery-count" | "x-acquired-count" | "CC" | "BCC"
    ) || name.starts_with("x-first-death-")
        || name.starts_with("x-last-death-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::headers::{Death, Headers};
    use crate::broker::parked::{ParkedState, parked};
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

    /// As the broker hands it over after some trouble.
    fn travelled() -> Message {
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
        parked(&travelled(), &state, &Sealer::new(SealKey::of("key"), None))
    }

    #[test]
    fn parking_keeps_the_callers_and_drops_the_brokers() {
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
            failed_copy(&travelled(), "{\"code\":\"316\"}", 1 << 20),
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
            // As a stranger may send it.
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
        assert_eq!(replayed(&failed, "r1"), expected);
    }
}
