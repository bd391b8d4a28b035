//! Where two JSON documents differ: the places, and what stands there.

use serde_json::Value;

/// `verdict: "genuine", not "voided"`, for each place.
pub(crate) fn differences(found: &Value, expected: &Value) -> Vec<String> {
    let mut places = Vec::new();
    compare(found, expected, "", &mut places);
    places
}

fn compare(found: &Value, expected: &Value, place: &str, places: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let mut keys: Vec<&String> = found.keys().chain(expected.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let inner = format!("{place}/{key}");
                compare(
                    found.get(key).unwrap_or(&Value::Null),
                    expected.get(key).unwrap_or(&Value::Null),
                    &inner,
                    places,
                );
            }
        }
        _ if found != expected => places.push(format!("{place}: {found}, not {expected}")),
        _ => {}
    }
}
