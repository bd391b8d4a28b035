//! What a provider sends beyond its documentation: kept for people to look at, within bounds.

use super::json::{self, Fields};
use crate::domain::invoice::LeftOut;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

const MAX_KEYS: usize = 64;
const MAX_BYTES: usize = 16 << 10;
/// Checkpoints and results must still be readable with their own nesting around it.
const MAX_DEPTH: usize = 32;
/// Names by which the JSON library marks values of its own; as a stranger's, they would make what
/// is kept unreadable.
const RESERVED: &str = "$serde_json::private";

/// Fields under their own names, those within lists and objects with the way to them
/// (`cost_detail_list[3].batch`).
#[derive(Default)]
pub(crate) struct Extra {
    fields: Map<String, Value>,
    bytes: usize,
    left_out: u64,
}

impl Extra {
    /// Keeps a field. An empty one is dropped, and what exceeds the bounds is counted.
    pub(crate) fn keep(&mut self, name: String, raw: &RawValue) {
        let bytes = name.len() + raw.get().len();
        if json::is_nothing(raw) || name.starts_with(RESERVED) {
            return;
        }
        if self.fields.len() >= MAX_KEYS || self.bytes + bytes > MAX_BYTES {
            self.left_out += 1;
            return;
        }
        if let Some(value) = value(raw, MAX_DEPTH) {
            self.bytes += bytes;
            self.fields.insert(name, value);
        }
    }

    /// The fields that were kept, and in `left_out` how many were not.
    pub(crate) fn into_map(self, left_out: &mut LeftOut) -> Map<String, Value> {
        note(left_out, "extra", self.left_out);
        self.fields
    }
}

impl Fields<'_> {
    /// Keeps what was not read, under names that begin with `prefix`.
    pub(crate) fn into_extra(self, prefix: &str, extra: &mut Extra) {
        for (name, raw) in self.into_entries() {
            extra.keep(format!("{prefix}{name}"), raw);
        }
    }
}

pub(crate) fn note(left_out: &mut LeftOut, field: &str, count: u64) {
    if count > 0 {
        left_out.insert(field.to_owned(), count);
    }
}

fn value(raw: &RawValue, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match raw.get().as_bytes().first()? {
        b'{' => {
            let fields = Fields::parse(raw.get())?
                .into_entries()
                .filter(|(name, _)| !name.starts_with(RESERVED));
            Some(Value::Object(
                fields
                    .filter_map(|(name, raw)| Some((name.into_owned(), value(raw, depth)?)))
                    .collect(),
            ))
        }
        b'[' => Some(Value::Array(
            json::elements(raw)?
                .kept
                .into_iter()
                .filter_map(|raw| value(raw, depth))
                .collect(),
        )),
        b'n' => Some(Value::Null),
        b't' => Some(Value::Bool(true)),
        b'f' => Some(Value::Bool(false)),
        b'"' => json::scalar(raw)
            .and_then(|text| unsigned(text.into_owned()))
            .map(Value::String),
        _ => Some(number(raw.get())),
    }
}

/// An address that is told back may be one that was signed for this call. However it was encoded,
/// its parameters' names are as they were.
fn unsigned(mut text: String) -> Option<String> {
    if let Some(address) = text.find("://")
        && let Some(query) = text[address..].find('?')
    {
        text.truncate(address + query);
    }
    (!text.to_ascii_lowercase().contains("x-amz-")).then_some(text)
}

/// A number that a float would change is kept as its text.
fn number(text: &str) -> Value {
    match text.parse::<Number>() {
        Ok(number) if number.to_string() == text => Value::Number(number),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(json: &str) -> Option<Value> {
        let raw: Box<RawValue> = RawValue::from_string(json.to_owned()).unwrap();
        let mut extra = Extra::default();
        extra.keep("field".to_owned(), &raw);
        extra.into_map(&mut LeftOut::new()).remove("field")
    }

    #[test]
    fn numbers_keep_every_digit() {
        for (json, expected) in [
            ("1939.48", Value::from(1939.48)),
            ("42", Value::from(42)),
            (
                "40091198916051710196000",
                Value::from("40091198916051710196000"),
            ),
            (
                "0.10000000000000000001",
                Value::from("0.10000000000000000001"),
            ),
            ("1.50", Value::from("1.50")),
        ] {
            assert_eq!(kept(json), Some(expected));
        }
    }

    #[test]
    fn a_signature_in_an_address_is_not_kept() {
        for (json, expected) in [
            (
                r#""https://b.example/a.jpg?X-Amz-Signature=1""#,
                "https://b.example/a.jpg",
            ),
            (
                r#""fetched https://b.example/a.jpg?a=1&b=2 once""#,
                "fetched https://b.example/a.jpg",
            ),
            (r#""really?""#, "really?"),
        ] {
            assert_eq!(kept(json), Some(Value::from(expected)));
        }
        assert_eq!(
            kept(r#""url=https%3A%2F%2Fb.example%2Fa.jpg%3FX-Amz-Signature%3D1&url_type=1""#),
            None,
            "nor an encoded one"
        );
    }

    #[test]
    fn kept_fields_can_be_read_again() {
        let value =
            kept(r#"{"$serde_json::private::RawValue": "broken", "a": [{"$serde_json::private::RawValue": "{", "b": 1}]}"#).unwrap();
        assert_eq!(value, serde_json::json!({"a": [{"b": 1}]}));
        assert_eq!(
            serde_json::from_str::<Value>(&value.to_string()).unwrap(),
            value
        );
    }

    #[test]
    fn an_empty_value_is_not_kept() {
        for json in ["null", "\"\"", "\"  \""] {
            assert_eq!(kept(json), None);
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
        let text = kept(&deep).unwrap().to_string();
        assert_eq!(text.matches('[').count(), MAX_DEPTH);
        assert_eq!(kept(&format!("\"{}\"", "x".repeat(MAX_BYTES))), None);
    }

    proptest! {
        #[test]
        fn never_more_than_the_bounds(lengths in prop::collection::vec(1_usize..600, 0..200)) {
            let raw = RawValue::from_string("\"value\"".to_owned()).unwrap();
            let mut extra = Extra::default();
            let count = lengths.len() as u64;
            for (index, length) in lengths.into_iter().enumerate() {
                extra.keep(format!("{index}{}", "x".repeat(length)), &raw);
            }
            let mut left_out = LeftOut::new();
            let map = extra.into_map(&mut left_out);
            prop_assert!(map.len() <= MAX_KEYS);
            prop_assert_eq!(map.len() as u64 + left_out.get("extra").copied().unwrap_or(0), count);
            prop_assert!(serde_json::to_string(&map).unwrap().len() <= MAX_BYTES + 8 * MAX_KEYS);
        }
    }
}
