//! Makes the descriptions of a schema plain text. They are the types' doc comments, whose marks and
//! line breaks mean something to Rust's documentation alone. Pure.

use serde_json::{Map, Value};

/// Rewrites the description of an object with these members, and every one within it.
pub(super) fn describe_plainly(members: &mut Map<String, Value>) {
    for (name, member) in members {
        match member {
            // A property may be called so, too; then it is an object.
            Value::String(text) if name == "description" => *text = plain(text),
            member => describe_within(member),
        }
    }
}

/// Rewrites every description within a value.
pub(super) fn describe_within(value: &mut Value) {
    match value {
        Value::Object(members) => describe_plainly(members),
        Value::Array(values) => values.iter_mut().for_each(describe_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A name in quotation marks in the place of a link or of code, and each paragraph in one line.
fn plain(text: &str) -> String {
    let text = text.replace("[`", "`").replace("`]", "`").replace('`', "'");
    let paragraphs = text.split("\n\n");
    let paragraphs: Vec<String> = paragraphs.map(|lines| lines.replace('\n', " ")).collect();
    paragraphs.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_and_line_breaks_of_documentation_are_gone() {
        for (written, shown) in [
            ("An id.", "An id."),
            (
                "See [`LOST`], or `x.y`\nof it.",
                "See 'LOST', or 'x.y' of it.",
            ),
            ("One.\n\nTwo\nlines.", "One.\n\nTwo lines."),
            ("[{ from = 1 }]", "[{ from = 1 }]"),
        ] {
            assert_eq!(plain(written), shown);
        }
        let property = |text: &str| {
            json!({
                "properties": { "description": { "type": "string", "description": text } },
                "anyOf": [{ "description": text, "pattern": "`a`" }],
            })
        };
        let mut schema = property("`a`");
        describe_within(&mut schema);
        assert_eq!(schema.to_string(), property("'a'").to_string());
    }
}
