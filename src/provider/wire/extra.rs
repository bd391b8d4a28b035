//! Fields that a provider sends beyond its documentation, kept for people to look at, within
//! bounds.

use super::json::{self, Fields};
use crate::domain::invoice::LeftOut;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

const MAX_KEYS: usize = 64;
const MAX_BYTES: usize = 16 << 10;
/// `null,`
const NULL_BYTES: usize = 5;
/// The deepest nesting that is kept: checkpoints and results, which nest it further, must be
/// readable.
const MAX_DEPTH: usize = 32;
/// Names by which the JSON library marks values of its own. In a provider's answer they would make
/// the kept fields unreadable.
const RESERVED: &str = "$serde_json::private";

/// Fields under their own names; those within lists by column (`cost_detail_list[].batch`), each a
/// list with one value for each row. The answer's own fields come before any row's.
#[derive(Default)]
pub struct Extra {
    fields: Vec<(String, Value, usize)>,
    field_bytes: usize,
    columns: BTreeMap<String, Column>,
    column_bytes: usize,
    left_out: u64,
}

#[derive(Default)]
struct Column {
    /// One value for each row; null where the row has none.
    values: Vec<Value>,
    cells: u64,
    bytes: usize,
}

/// The fields that were kept, and whether others were left out.
pub struct KeptExtra {
    pub fields: Map<String, Value>,
    pub is_truncated: bool,
}

impl Extra {
    /// Keeps a field of the answer itself. An empty one is dropped, and what exceeds the bounds is
    /// counted.
    pub fn keep(&mut self, name: String, raw: &RawValue) {
        let bytes = name.len() + raw.get().len();
        if json::is_nothing(raw) || name.starts_with(RESERVED) {
            return;
        }
        if self.fields.len() >= MAX_KEYS || self.field_bytes + bytes > MAX_BYTES {
            self.left_out += 1;
        } else if let Some(value) = value(raw, MAX_DEPTH) {
            self.field_bytes += bytes;
            self.fields.push((name, value, bytes));
        }
    }

    /// Keeps the value of a column in the row `index` of a list.
    pub fn keep_cell(&mut self, list: &str, index: usize, column: &str, raw: &RawValue) {
        if json::is_nothing(raw) || column.starts_with(RESERVED) {
            return;
        }
        let name = if column.is_empty() {
            format!("{list}[]")
        } else {
            format!("{list}[].{column}")
        };
        let known = self.columns.get(&name);
        let rows = known.map_or(0, |column| column.values.len());
        let padding = index.saturating_sub(rows) * NULL_BYTES;
        let bytes = known.map_or(name.len(), |_| 0) + padding + raw.get().len();
        let is_full = known.is_none() && self.columns.len() >= MAX_KEYS;
        if is_full || self.column_bytes + bytes > MAX_BYTES {
            self.left_out += 1;
            return;
        }
        let Some(value) = value(raw, MAX_DEPTH) else {
            return;
        };
        self.column_bytes += bytes;
        let column = self.columns.entry(name).or_default();
        column.bytes += bytes;
        column.cells += 1;
        if column.values.len() <= index {
            column.values.resize(index + 1, Value::Null);
        }
        column.values[index] = value;
    }

    /// Returns the kept fields, within the bounds of all of them. `left_out` gets the number of
    /// others.
    pub fn into_map(self, left_out: &mut LeftOut) -> KeptExtra {
        let (mut fields, mut bytes, mut more) = (Map::new(), 0, self.left_out);
        for (name, value, size) in self.fields {
            bytes += size;
            fields.insert(name, value);
        }
        for (name, column) in self.columns {
            if fields.len() >= MAX_KEYS || bytes + column.bytes > MAX_BYTES {
                more += column.cells;
            } else {
                bytes += column.bytes;
                fields.insert(name, Value::Array(column.values));
            }
        }
        note(left_out, "extra", more);
        KeptExtra {
            fields,
            is_truncated: more > 0,
        }
    }
}

impl Fields<'_> {
    /// Keeps the fields that were not read, under names that begin with `prefix`.
    pub fn into_extra(self, prefix: &str, extra: &mut Extra) {
        for (name, raw) in self.into_entries() {
            extra.keep(format!("{prefix}{name}"), raw);
        }
    }

    /// Keeps the fields that were not read of the row `index` of a list.
    pub fn into_cells(self, list: &str, index: usize, extra: &mut Extra) {
        for (name, raw) in self.into_entries() {
            extra.keep_cell(list, index, &name, raw);
        }
    }
}

pub fn note(left_out: &mut LeftOut, field: &str, count: u64) {
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

/// Removes a text that contains a signed address: an answer may repeat the one that was signed for
/// this call. However it is encoded, the names of its parameters do not change.
fn unsigned(mut text: String) -> Option<String> {
    if let Some(address) = text.find("://")
        && let Some(query) = text[address..].find('?')
    {
        text.truncate(address + query);
    }
    (!text.to_ascii_lowercase().contains("x-amz-")).then_some(text)
}

/// Returns the number, or its text if a float would change it.
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
        let mut kept = extra.into_map(&mut LeftOut::new());
        kept.fields.remove("field")
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

    #[test]
    fn a_column_is_one_entry_and_the_answers_own_fields_come_first() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let mut extra = Extra::default();
        extra.keep_cell("rows", 0, "unit", &raw("\"盒\""));
        extra.keep_cell("rows", 2, "unit", &raw("\"片\""));
        extra.keep_cell("rows", 3, "unit", &raw("\"\""));
        extra.keep_cell("rows", 1, "", &raw("7"));
        for row in 0..20_000 {
            extra.keep_cell("rows", row, "text", &raw("\"a long text of a row\""));
        }
        extra.keep(
            "top".to_owned(),
            &raw(&format!("\"{}\"", "x".repeat(15_000))),
        );
        let mut left_out = LeftOut::new();
        let kept = extra.into_map(&mut left_out);
        assert!(
            kept.is_truncated && left_out["extra"] == 20_000,
            "{left_out:?}"
        );
        assert_eq!(
            kept.fields["rows[].unit"],
            serde_json::json!(["盒", null, "片"])
        );
        assert_eq!(kept.fields["rows[]"], serde_json::json!([null, 7]));
        assert!(kept.fields.contains_key("top") && kept.fields.len() == 3);
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
            let kept = extra.into_map(&mut left_out);
            let map = kept.fields;
            prop_assert_eq!(kept.is_truncated, left_out.contains_key("extra"));
            prop_assert!(map.len() <= MAX_KEYS);
            prop_assert_eq!(map.len() as u64 + left_out.get("extra").copied().unwrap_or(0), count);
            prop_assert!(serde_json::to_string(&map).unwrap().len() <= MAX_BYTES + 8 * MAX_KEYS);
        }
    }
}
