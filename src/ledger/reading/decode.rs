//! One message of the stream. Every client with the right to write to the stream can write anything
//! into it: a message that is no event of this version is counted by its kind, and reading goes on.

use crate::ledger::event::{CallPrice, LedgerEvent, SCHEMA};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::borrow::Cow;

/// A turn of fifty calls, and as many that are told again, take less.
pub const LARGEST_EVENT_BYTES: usize = 128 << 10;
/// The schema's name up to its version.
const FAMILY: &str = "invoice.ledger/";
/// No price of a call is higher, so that a million events can be added up.
const HIGHEST_PRICE: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// Why a message is no event that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEvent {
    /// Something else: no JSON, or with another schema.
    Foreign,
    /// An event of a later version of the worker.
    Newer,
    /// An event of this version that says what cannot be.
    Damaged,
}

/// Reads an event of this version.
///
/// # Errors
/// What the message is instead.
pub fn decode(body: &[u8]) -> Result<LedgerEvent, NoEvent> {
    if body.len() > LARGEST_EVENT_BYTES {
        return Err(NoEvent::Foreign);
    }
    match serde_json::from_slice::<LedgerEvent>(body) {
        Ok(event) if event.schema == SCHEMA => {
            if is_plausible(&event) {
                Ok(event)
            } else {
                Err(NoEvent::Damaged)
            }
        }
        Ok(event) => Err(named(&event.schema)),
        Err(_) => Err(schema_of(body).map_or(NoEvent::Foreign, |schema| named(&schema))),
    }
}

fn named(schema: &str) -> NoEvent {
    match schema.strip_prefix(FAMILY) {
        Some("1") => NoEvent::Damaged,
        Some(_) => NoEvent::Newer,
        None => NoEvent::Foreign,
    }
}

fn schema_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Versioned<'a> {
        #[serde(borrow)]
        schema: Cow<'a, str>,
    }
    let versioned: Versioned<'_> = serde_json::from_slice(body).ok()?;
    Some(versioned.schema.into_owned())
}

/// An id that is empty would make different events one.
fn is_plausible(event: &LedgerEvent) -> bool {
    let calls = event.calls.iter().map(|call| &call.price);
    let mut prices = calls
        .chain(event.hits.iter().map(|hit| &hit.saved))
        .flatten();
    !event.id.is_empty()
        && !event.run.is_empty()
        && event.calls.iter().all(|call| !call.id.is_empty())
        && prices
            .all(|CallPrice { price, .. }| !price.is_sign_negative() && *price <= HIGHEST_PRICE)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// An answered turn with one paid call.
    pub(in crate::ledger::reading) fn answered(id: &str, run: &str, call: &str) -> Value {
        json!({
            "schema": "invoice.ledger/1", "id": id, "at": "2026-11-29T09:10:12Z", "run": run, "turn": 0,
            "job_id": "CLM-1", "submitter": "claims", "ending": "answered", "status": "completed",
            "verdict": "genuine", "first_seen": "2026-11-29T09:10:10Z",
            "calls": [{
                "id": call, "account": "recognition", "code": "200", "billed": "yes", "price": "0.25",
                "currency": "CNY", "at": "2026-11-29T09:10:11Z", "duration_ms": 800,
            }],
        })
    }

    fn with(pointer: &str, value: Value) -> String {
        let mut event = answered("e1", "r1", "c1");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[key] = value;
        event.to_string()
    }

    #[test]
    fn an_event_is_read_and_anything_else_is_named() {
        let event = decode(answered("e1", "r1", "c1").to_string().as_bytes()).unwrap();
        assert_eq!((event.id.as_str(), event.calls.len()), ("e1", 1));
        // A field of a later worker does not matter.
        assert!(decode(with("/later", json!({"a": [1]})).as_bytes()).is_ok());
        for (body, reason) in [
            (String::new(), NoEvent::Foreign),
            ("no JSON".into(), NoEvent::Foreign),
            ("[1]".into(), NoEvent::Foreign),
            ("{\"schema\":7}".into(), NoEvent::Foreign),
            ("{\"schema\":\"invoice.result/1\"}".into(), NoEvent::Foreign),
            (with("/schema", json!("invoice.job/1")), NoEvent::Foreign),
            (with("/schema", json!("invoice.ledger/2")), NoEvent::Newer),
            ("{\"schema\":\"invoice.ledger/2\"}".into(), NoEvent::Newer),
            ("{\"schema\":\"invoice.ledger/1\"}".into(), NoEvent::Damaged),
            (with("/ending", json!("evaporated")), NoEvent::Damaged),
            (with("/at", json!("yesterday")), NoEvent::Damaged),
            (with("/id", json!("")), NoEvent::Damaged),
            (with("/calls/0/id", json!("")), NoEvent::Damaged),
            (with("/calls/0/price", json!("-1")), NoEvent::Damaged),
            (with("/calls/0/price", json!("1000001")), NoEvent::Damaged),
            (with("/calls/0/account", json!("../x")), NoEvent::Damaged),
            (with("/turn", json!(-1)), NoEvent::Damaged),
            (
                with("/job_id", json!("x".repeat(LARGEST_EVENT_BYTES))),
                NoEvent::Foreign,
            ),
            (format!("{}1", "[".repeat(100_000)), NoEvent::Foreign),
        ] {
            let told: String = body.chars().take(200).collect();
            assert_eq!(decode(body.as_bytes()).unwrap_err(), reason, "{told}");
        }
        assert_eq!(decode(b"\xff\xfe").unwrap_err(), NoEvent::Foreign);
    }
}
