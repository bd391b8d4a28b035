//! The built-in policy in a hurry: the same rules, shorter times.

use invoice_worker::policy::Policy;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use toml::{Table, Value};

/// Nobody waits for a retry.
const RETRIES: u32 = 36_000;

/// Parks divided by `parks`, and tomorrow comes at once; `1` leaves them as they are. Waits in
/// place are divided in any case.
pub(super) fn hastened(parks: u32) -> Policy {
    // Merging the whole table takes longer than many a row.
    static MADE: Mutex<BTreeMap<u32, Policy>> = Mutex::new(BTreeMap::new());
    MADE.lock()
        .unwrap()
        .entry(parks)
        .or_insert_with(|| made(parks))
        .clone()
}

fn made(parks: u32) -> Policy {
    Policy::with_overrides(&rules(RETRIES, parks), "the policy in a hurry").unwrap()
}

/// As `policy.file` has them.
pub(crate) fn rules(retries: u32, parks: u32) -> String {
    let mut table: Table =
        toml::from_str(include_str!("../../../config/error-codes.toml")).unwrap();
    let rules = table["rule"].as_array_mut().unwrap();
    // What a good answer means is not to be overridden.
    rules.retain(|rule| {
        !rule["code"]
            .as_array()
            .unwrap()
            .iter()
            .any(|code| matches!(code.as_str(), Some("200" | "OK")))
    });
    for step in rules
        .iter_mut()
        .flat_map(|rule| rule["do"].as_array_mut().unwrap())
    {
        hasten(step.as_table_mut().unwrap(), retries, parks);
    }
    toml::to_string(&table).unwrap()
}

fn hasten(step: &mut Table, retries: u32, parks: u32) {
    match step["action"].as_str().unwrap() {
        "retry" => {
            let backoff = step.get("backoff").map_or(Duration::from_secs(2), duration);
            step.insert("backoff".to_owned(), divided(backoff, retries));
        }
        "park" => {
            let delays = step["delays"].as_array_mut().unwrap();
            *delays = delays
                .iter()
                .map(|delay| divided(duration(delay), parks))
                .collect();
        }
        "next_day" if parks > 1 => {
            step.insert("action".to_owned(), "park".into());
            step.insert("delays".to_owned(), Value::Array(vec!["1ms".into()]));
        }
        _ => {}
    }
}

fn duration(text: &Value) -> Duration {
    text.as_str()
        .unwrap()
        .parse::<SignedDuration>()
        .unwrap()
        .try_into()
        .unwrap()
}

fn divided(duration: Duration, by: u32) -> Value {
    format!("{}ms", (duration / by).as_millis().max(1)).into()
}
