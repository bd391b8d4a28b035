//! The structure of JSON in a few words, without a value of it.

use super::redact::shown_name;
use serde_json::Value;
use std::collections::BTreeSet;

/// Deeper structure is not told.
const MOST_LEVELS: usize = 4;
/// More names of one object are only counted.
const MOST_NAMES: usize = 6;

/// The type as the documents call it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `[[{name, word}]]`: lists in brackets, objects by their names.
pub(super) fn shape(value: &Value) -> String {
    shape_within(value, MOST_LEVELS)
}

fn shape_within(value: &Value, levels: usize) -> String {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => "…".to_owned(),
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items
                .iter()
                .map(|item| shape_within(item, levels - 1))
                .collect();
            let shapes: Vec<String> = shapes.into_iter().collect();
            format!("[{}]", shapes.join(" | "))
        }
        Value::Object(fields) => {
            let mut names: Vec<String> = fields.keys().map(|name| shown_name(name)).collect();
            names.sort();
            let more = names.len().saturating_sub(MOST_NAMES);
            names.truncate(MOST_NAMES);
            if more > 0 {
                names.push(format!("{more} more"));
            }
            format!("{{{}}}", names.join(", "))
        }
        scalar => kind(scalar).to_owned(),
    }
}

/// Digits as `9` and letters as `x`, so that a format can be told without its value.
pub(super) fn pattern(text: &str) -> String {
    let mark = |character: char| match character {
        digit if digit.is_numeric() => '9',
        '年' | '月' | '日' | '时' | '分' | '秒' => character,
        letter if letter.is_alphabetic() => 'x',
        other => other,
    };
    text.chars().take(40).map(mark).collect()
}
