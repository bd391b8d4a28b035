//! The heartbeat that workers publish on the control exchange: that they are alive, whether they
//! have work, and all scopes that are closed.
//!
//! A worker of another version may know other fields. A field that cannot be read is ignored, and
//! the rest of the heartbeat counts: a worker that is not known would use the rate a second time.

use super::liveness::Liveness;
use super::peers::MAX_ID_BYTES;
use crate::cluster::closure_report::ClosureReport;
use crate::cluster::resume::ResumeReport;
use crate::domain::account::AccountName;
use crate::domain::failure::cut;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const KIND: &str = "invoice.heartbeat";
/// Version 1 had no seal, and times instead of durations.
const VERSION: u32 = 2;
/// Longer heartbeats are refused. A full one is several times shorter.
pub const MAX_BYTES: usize = 1 << 20;
/// The most accounts that are read from a heartbeat, more than any worker has.
const MAX_GRANTED: usize = 100;
/// The most budgets that are read from a heartbeat, and the longest name of one: more than any
/// worker has.
const MAX_BUDGETS: usize = 100;
const MAX_BUDGET_BYTES: usize = 400;
/// The most reports about an operator's messages in a heartbeat.
pub const MAX_RESUMED: usize = 8;

/// The whole state of a worker each time, so that the next heartbeat makes up for a lost one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heartbeat {
    v: u32,
    pub worker: String,
    /// The sender's fleet: workers of others on the same exchange are no peers.
    pub fleet: String,
    /// Counts the heartbeats of this worker, so that one that was recorded and sent again is
    /// refused.
    pub sequence: u64,
    /// Milliseconds since the epoch, by the sender's clock. It only shows whether a heartbeat is
    /// long past.
    pub sent_at_ms: i64,
    /// The interval at which the sender publishes heartbeats, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<i64>,
    pub has_work: bool,
    pub draining: bool,
    pub closed: Vec<ClosureReport>,
    /// The part of the configured rate that each provider grants, as this worker has learned, for
    /// the accounts where that is less than 1.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<AccountName, f64>,
    /// The cost of this worker's calls in the air, by the name of the budget.
    #[serde(
        serialize_with = "amounts_as_text",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub in_the_air: BTreeMap<String, Decimal>,
    /// The outcomes of an operator's messages of the last minute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<ResumeReport>,
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
            in_the_air: BTreeMap::new(),
            resumed: Vec::new(),
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
        // Serialising text and numbers cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a heartbeat. `None` where the worker, its fleet, the sequence number or the time is
    /// missing.
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
        let in_the_air = fields
            .get("in_the_air")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let resumed = fields
            .get("resumed")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Some(Self {
            v: VERSION,
            worker: id("worker")?,
            fleet: id("fleet")?,
            sequence: fields.get("sequence")?.as_u64()?,
            sent_at_ms: fields.get("sent_at_ms")?.as_i64()?,
            every_ms: fields.get("every_ms").and_then(Value::as_i64),
            // A worker that does not say so in a known way keeps its share of the rate.
            has_work: is("has_work", true),
            draining: is("draining", false),
            closed: closed
                .filter_map(|report| ClosureReport::deserialize(report).ok())
                .collect(),
            granted: granted
                .take(MAX_GRANTED)
                .filter_map(|(account, part)| Some((AccountName::parse(account)?, part.as_f64()?)))
                .collect(),
            in_the_air: in_the_air
                .take(MAX_BUDGETS)
                .filter(|(budget, _)| budget.len() <= MAX_BUDGET_BYTES)
                .filter_map(|(budget, amount)| Some((budget.clone(), sound_amount(amount)?)))
                .collect(),
            resumed: resumed
                .take(MAX_RESUMED)
                .filter_map(|report| ResumeReport::deserialize(report).ok())
                .filter(ResumeReport::is_sound)
                .collect(),
        })
    }
}

fn amounts_as_text<S: Serializer>(
    amounts: &BTreeMap<String, Decimal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        amounts
            .iter()
            .map(|(name, amount)| (name, amount.to_string())),
    )
}

/// `None` for what no worker would write.
fn sound_amount(amount: &Value) -> Option<Decimal> {
    let amount = Decimal::from_str_exact(amount.as_str()?).ok()?;
    amount.is_sign_positive().then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn sample() -> Heartbeat {
        Heartbeat::new("worker", true, false, Vec::new()).stamped(
            "fleet",
            7,
            Timestamp::from_millisecond(1_800_000_000_123).unwrap(),
        )
    }

    #[test]
    fn a_heartbeat_is_read_as_it_was_written() {
        let heartbeat = Heartbeat {
            every_ms: Some(12_500),
            granted: BTreeMap::from([(AccountName::RECOGNITION, 0.5)]),
            in_the_air: BTreeMap::from([(
                "all accounts per day in CNY".into(),
                Decimal::new(35, 2),
            )]),
            resumed: vec![ResumeReport {
                id: "a1".into(),
                opened: 2,
                alive: 3,
            }],
            ..sample()
        };
        assert_eq!(Heartbeat::parse(&heartbeat.to_json()), Some(heartbeat));
    }

    #[test]
    fn a_heartbeat_without_a_valid_sender_is_refused() {
        let changed = |name: &str, value: Value| {
            let mut fields = serde_json::to_value(sample()).unwrap();
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
            "in_the_air": { "a": "-1", "b": 1, "c": "1e3", "d": "0.70", "x".repeat(401): "1" },
            "resumed": [7, { "id": "a\n", "opened": 1, "alive": 1 }, { "id": "b", "opened": 1, "alive": 1, "new": 1 }],
        });
        let heartbeat = Heartbeat::parse(fields.to_string().as_bytes()).unwrap();
        assert_eq!(
            (
                heartbeat.has_work,
                heartbeat.draining,
                heartbeat.closed.len()
            ),
            (true, false, 1)
        );
        assert_eq!(
            heartbeat.granted,
            BTreeMap::from([(AccountName::VERIFICATION, 0.5)])
        );
        assert_eq!(
            heartbeat.in_the_air,
            BTreeMap::from([("d".to_owned(), Decimal::new(70, 2))])
        );
        assert_eq!(heartbeat.resumed.len(), 1);
        for name in ["closed", "granted", "in_the_air", "resumed"] {
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
