//! One field of a job as it was sent. An error names the field and never its value.

use serde_json::value::RawValue;

/// Null counts as absent, and so does an empty text.
pub(super) fn given(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| !matches!(raw.get(), "null" | "\"\""))
}

pub(super) fn optional<T>(
    name: &str,
    raw: Option<&RawValue>,
    read: impl Fn(&str, &RawValue) -> Result<T, String>,
) -> Result<Option<T>, String> {
    given(raw).map(|raw| read(name, raw)).transpose()
}

pub(super) fn text_field(name: &str, raw: &RawValue) -> Result<String, String> {
    serde_json::from_str(raw.get()).map_err(|_| format!("{name} is not text"))
}

pub(super) fn bool_field(name: &str, raw: &RawValue) -> Result<bool, String> {
    serde_json::from_str(raw.get()).map_err(|_| format!("{name} is neither true nor false"))
}

/// The position of a syntax error, without serde's message, which repeats the input.
pub(super) fn not_an_object(what: &str, error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => {
            format!("{what} is not a JSON object, or names a field twice")
        }
        _ => format!(
            "{what} is not JSON: line {}, column {}",
            error.line(),
            error.column()
        ),
    }
}
