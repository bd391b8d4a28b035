//! Picks the part of a job's metadata that goes into the ledger: the keys that the operator lists, and no others.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub(super) const MOST_KEYS: usize = 8;
/// The limit in bytes of a key, and of a value: a longer one is left out, because its beginning may
/// be that of another one.
pub(super) const MOST_BYTES: usize = 64;

/// Values that can be compared as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Picked {
    Text(String),
    Number(serde_json::Number),
    Flag(bool),
    Other(IgnoredAny),
}

/// The listed keys of these metadata, with texts, numbers and booleans as text.
pub(super) fn picked(keys: &[String], metadata: &RawValue) -> BTreeMap<String, String> {
    if keys.is_empty() {
        return BTreeMap::new();
    }
    // Of a key that is there twice the last one counts, as for most readers.
    let values = serde_json::from_str::<BTreeMap<String, &RawValue>>(metadata.get());
    let values = values.unwrap_or_default();
    let picked = keys.iter().filter_map(|key| {
        let raw = values.get(key.as_str())?.get();
        if raw.len() > 8 * MOST_BYTES {
            return None;
        }
        let text = match serde_json::from_str(raw).ok()? {
            Picked::Text(text) => text,
            Picked::Number(number) => number.to_string(),
            Picked::Flag(flag) => flag.to_string(),
            Picked::Other(_) => return None,
        };
        let fits = !text.is_empty() && text.len() <= MOST_BYTES;
        fits.then(|| (key.clone(), text))
    });
    picked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_and_short_goes_into_the_ledger() {
        let keys = ["claim_id", "batch", "urgent"].map(str::to_owned);
        let long = "x".repeat(MOST_BYTES + 1);
        for (metadata, expected) in [
            (
                r#"{"claim_id":"CLM-1","patient":"王"}"#.to_owned(),
                "{\"claim_id\": \"CLM-1\"}",
            ),
            (
                r#"{"batch":7,"urgent":false,"claim_id":null}"#.to_owned(),
                "{\"batch\": \"7\", \"urgent\": \"false\"}",
            ),
            (
                r#"{"claim_id":{"a":1},"batch":[7],"urgent":""}"#.to_owned(),
                "{}",
            ),
            (format!(r#"{{"claim_id":"{long}"}}"#), "{}"),
            (format!(r#"{{"claim_id":"{}"}}"#, "x".repeat(10_000)), "{}"),
            (
                r#"{"claim_id":"a","claim_id":"b"}"#.to_owned(),
                "{\"claim_id\": \"b\"}",
            ),
            (
                r#"{"cl\u0061im_id":"a"}"#.to_owned(),
                "{\"claim_id\": \"a\"}",
            ),
            ("{}".to_owned(), "{}"),
        ] {
            let raw = RawValue::from_string(metadata.clone()).unwrap();
            assert_eq!(format!("{:?}", picked(&keys, &raw)), expected, "{metadata}");
            assert_eq!(picked(&[], &raw).len(), 0);
        }
    }
}
