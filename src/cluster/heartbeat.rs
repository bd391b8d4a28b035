//! What workers tell each other on the control exchange: that they are alive, whether they have
//! work, and all that is closed.
//!
//! A worker of another version may know more, or less. What cannot be read of its heartbeat costs
//! itself, never the heartbeat: a worker that is not known would use the rate a second time.

use super::liveness::Liveness;
use super::peers::MAX_ID_BYTES;
use crate::cluster::closure_report::ClosureReport;
use crate::domain::account::AccountName;
use crate::domain::failure::cut;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const KIND: &str = "invoice.heartbeat";
/// Version 1 had no seal, and times instead of durations.
const VERSION: u32 = 2;
/// Several times what a full one takes.
pub const MAX_BYTES: usize = 1 << 20;
/// More accounts than any worker has.
const MAX_GRANTED: usize = 100;

/// The whole state each time, so that one that is lost is made up for by the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heartbeat {
    v: u32,
    pub worker: String,
    /// The sender's fleet: workers of others on the same exchange are no peers.
    pub fleet: String,
    /// Counts the heartbeats of this worker: one that was recorded and sent again is known by it.
    pub sequence: u64,
    /// Milliseconds since the epoch, by the sender's clock. Only for telling a heartbeat that is
    /// long past.
    pub sent_at_ms: i64,
    /// The interval at which the sender publishes heartbeats, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<i64>,
    pub has_work: bool,
    pub draining: bool,
    pub closed: Vec<ClosureReport>,
    /// The part of the configured rate that a provider grants, as this worker has learned: where it
    /// is not all of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<AccountName, f64>,
}

impl Heartbeat {
    pub fn new(worker: &str, has_work: bool, draining: bool, closed: Vec<ClosureReport>) -> Self {
        Self {
            v: VERSION,
            worker: cut(worker, MAX_ID_BYTES).to_owned(),
            fleet: String::new(),
            sequence: 0,
            sent_at_ms: 0,
            every_ms: None,
            has_work,
            draining,
            closed,
            granted: BTreeMap::new(),
        }
    }

    /// Makes the heartbeat the `sequence`-th of its worker, sent now.
    #[must_use]
    pub fn stamped(self, fleet: &str, sequence: u64, now: Timestamp) -> Self {
        Self {
            fleet: cut(fleet, MAX_ID_BYTES).to_owned(),
            sequence,
            sent_at_ms: now.as_millisecond(),
            ..self
        }
    }

    pub fn liveness(&self) -> Liveness {
        Liveness::stated(self.every_ms)
    }

    pub fn to_json(&self) -> Vec<u8> {
        // Cannot fail: plain text and numbers.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` only where nothing says whose heartbeat it is, and the how manieth.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> =
            (bytes.len() <= MAX_BYTES).then(|| serde_json::from_slice(bytes).ok())??;
        let id = |name: &str| {
            fields
                .get(name)?
                .as_str()
                .filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES)
                .map(str::to_owned)
        };
        let is = |name: &str, otherwise| {
            fields
                .get(name)
                .and_then(Value::as_bool)
                .unwrap_or(otherwise)
        };
        let closed = fields
            .get("closed")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let granted = fields
            .get("granted")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        Some(Self {
            v: VERSION,
            worker: id("worker")?,
            fleet: id("fleet")?,
            sequence: fields.get("sequence")?.as_u64()?,
            sent_at_ms: fields.get("sent_at_ms")?.as_i64()?,
            every_ms: fields.get("every_ms").and_then(Value::as_i64),
            // Of one that does not say so in a way we know, its share of the rate is left to it.
            has_work: is("has_work", true),
            draining: is("draining", false),
            closed: closed
                .filter_map(|told| ClosureReport::deserialize(told).ok())
                .collect(),
            granted: granted
                .take(MAX_GRANTED)
                .filter_map(|(account, part)| Some((AccountName::parse(account)?, part.as_f64()?)))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn told() -> Heartbeat {
        Heartbeat::new("worker", true, false, Vec::new()).stamped(
            "fleet",
            7,
            Timestamp::from_millisecond(1_800_000_000_123).unwrap(),
        )
    }

    #[test]
    fn a_heartbeat_is_read_as_it_was_written() {
        let told = Heartbeat {
            every_ms: Some(12_500),
            granted: BTreeMap::from([(AccountName::RECOGNITION, 0.5)]),
            ..told()
        };
        assert_eq!(Heartbeat::parse(&told.to_json()), Some(told));
    }

    #[test]
    fn a_heartbeat_without_a_valid_sender_is_refused() {
        let changed = |name: &str, value: Value| {
            let mut fields = serde_json::to_value(told()).unwrap();
            fields[name] = value;
            fields.to_string()
        };
        for text in [
            String::new(),
            "null".into(),
            changed("worker", json!("")),
            changed("worker", json!("x".repeat(65))),
            changed("worker", json!(7)),
            changed("fleet", json!(null)),
            changed("sequence", json!(-1)),
            changed("sent_at_ms", json!("now")),
        ] {
            assert_eq!(Heartbeat::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_field_in_the_format_of_another_version_costs_only_itself() {
        let place = json!({
            "place": { "province": "河南" }, "version": 1, "by": "worker",
            "state": { "closed": {
                "stage": "verification", "code": "316", "reason": "", "since_ms": 0, "until_ms": 1000, "failures": 1, "new": 1,
            } },
        });
        let mut unknown_stage = place.clone();
        unknown_stage["state"]["closed"]["stage"] = json!("translation");
        let fields = json!({
            "v": 3, "worker": "worker", "fleet": "fleet", "sequence": 7, "sent_at_ms": 1_800_000_000_123_i64, "mood": "good",
            "has_work": "perhaps", "draining": 1,
            "closed": [{ "place": { "moon": "x" } }, unknown_stage, place, 7, null],
            "granted": { "Translation!": 0.5, "verification": 0.5, "recognition": "half" },
        });
        let heard = Heartbeat::parse(fields.to_string().as_bytes()).unwrap();
        assert_eq!(
            (heard.has_work, heard.draining, heard.closed.len()),
            (true, false, 1)
        );
        assert_eq!(
            heard.granted,
            BTreeMap::from([(AccountName::VERIFICATION, 0.5)])
        );
        for name in ["closed", "granted"] {
            let mut fields = fields.clone();
            fields[name] = json!("everything");
            assert!(
                Heartbeat::parse(fields.to_string().as_bytes()).is_some(),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Heartbeat::parse(&bytes);
        }
    }
}
