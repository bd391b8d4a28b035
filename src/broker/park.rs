//! What of a message goes along when it is parked, copied to the failed queue, or submitted again.

use super::message::{Message, Properties};
use super::run::{REPLAY, run_marks};

/// JSON text: what has been done and paid for.
pub const PROGRESS: &str = "invoice-progress";
/// Milliseconds since the epoch before which a parked job is not tried.
pub const NOT_BEFORE: &str = "invoice-not-before";
/// A job that may have killed its worker runs alone: how often it has died so by now.
pub const SUSPECT: &str = "invoice-suspect";
/// Over the three headers before, for this run: without it they say nothing. Also what a control message is sealed with.
pub const SEAL: &str = "invoice-seal";
/// JSON text: why a job ended in the failed queue.
pub const FAILURE: &str = "invoice-failure";

/// The job as it was, for the failed queue, with the reason as JSON text. What was found out about it, and paid for, does not lie there.
pub fn failed_copy(message: &Message, reason_json: &str) -> Message {
    let mut copy = carried(message);
    for name in [PROGRESS, NOT_BEFORE, SUSPECT, SEAL] {
        copy.properties.headers.remove(name);
    }
    copy.properties.headers.set_text(FAILURE, reason_json);
    copy
}

/// The same message with no headers but `ours` and those that belong to its run, for when a stranger's headers are more than the protocol carries.
pub fn without_foreign_headers(message: &Message, ours: &[&str]) -> Message {
    let mut plain = message.clone();
    plain.properties.headers.retain(|name| ours.contains(&name));
    for (name, mark) in run_marks(message) {
        plain.properties.headers.set_text(name, &mark);
    }
    plain
}

/// A failed job as a new submission: without what the earlier run knew, and another run by its `replay` mark.
pub fn replayed(message: &Message, replay: &str) -> Message {
    let mut copy = carried(message);
    for name in [PROGRESS, NOT_BEFORE, SUSPECT, SEAL, FAILURE] {
        copy.properties.headers.remove(name);
    }
    copy.properties.headers.set_text(REPLAY, replay);
    copy
}

pub(super) fn carried(message: &Message) -> Message {
    let mut headers = message.properties.headers.clone();
    headers.retain(is_the_callers);
    Message { body: message.body.clone(), properties: Properties { headers, expiration: None, ..message.properties.clone() } }
}

/// Everything that is not the broker's own bookkeeping, or routing that would send copies to strangers again.
fn is_the_callers(name: &str) -> bool {
    !(matches!(name, "x-death" | "x-delivery-count" | "x-acquired-count" | "CC" | "BCC")
        || name.starts_with("x-first-death-")
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
        headers.record_death(&Death { queue: "q".into(), reason: "expired".into() });
        for name in ["x-delivery-count", "x-acquired-count", "CC", "BCC", "x-last-death-queue", "x-first-death-exchange"] {
            headers.set_text(name, "dropped");
        }
        message
    }

    fn waiting() -> Message {
        let state = ParkedState { progress: "{}".into(), not_before_ms: 1_800_000_000_000, deaths: None };
        parked(&travelled(), &state, &Sealer::new(SealKey::of("key"), None))
    }

    #[test]
    fn parking_keeps_the_callers_and_drops_the_brokers() {
        let mut expected = submitted();
        expected.properties.headers.set_text(PROGRESS, "{}");
        expected.properties.headers.set_number(NOT_BEFORE, 1_800_000_000_000);
        let mut copy = waiting();
        assert!(copy.properties.headers.contains(SEAL));
        copy.properties.headers.remove(SEAL);
        assert_eq!(copy, expected);
    }

    #[test]
    fn a_failed_copy_is_the_job_and_the_reason() {
        let mut expected = submitted();
        expected.properties.headers.set_text(FAILURE, "{\"code\":\"316\"}");
        assert_eq!(failed_copy(&travelled(), "{\"code\":\"316\"}"), expected);
    }

    #[test]
    fn a_replay_knows_nothing_of_the_earlier_run() {
        let failed = failed_copy(&waiting(), "{}");
        let mut expected = submitted();
        expected.properties.headers.set_text(REPLAY, "r1");
        assert_eq!(replayed(&failed, "r1"), expected);
    }
}
