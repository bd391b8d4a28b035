//! The schema of the configuration: the types say what a key may be, and the commented file that
//! comes with the worker says what it means and what its default is.

use crate::config::Config;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use toml::Table;

const COMMENTED: &str = include_str!("../../../config/invoice-worker.toml");

pub(super) fn schema() -> Schema {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    let comments = comments();
    let defaults: Table = COMMENTED.parse().unwrap_or_default();
    schema.insert("title".to_owned(), json!("invoice-worker.toml"));
    schema.insert(
        "description".to_owned(),
        json!("The configuration of invoice-worker; `invoice-worker init` writes one."),
    );
    let Some(Value::Object(sections)) = schema.get_mut("properties") else {
        return schema;
    };
    require(sections.get_mut("budget"), "amount");
    let broker = sections.get_mut("broker");
    let queues = broker.and_then(|broker| broker.get_mut("properties")?.get_mut("jobs"));
    require(queues, "queue");
    for (section, keys) in sections.iter_mut() {
        let Some(keys) = keys.as_object_mut() else {
            continue;
        };
        // The defaults of a section as a whole repeat those of its keys.
        keys.remove("default");
        keys.remove("description");
        let Some(Value::Object(keys)) = keys.get_mut("properties") else {
            continue;
        };
        for (key, value) in keys.iter_mut() {
            let Some(value) = value.as_object_mut() else {
                continue;
            };
            let default = defaults.get(section).and_then(|keys| keys.get(key));
            if let Some(default) = default.and_then(|default| serde_json::to_value(default).ok()) {
                value.insert("default".to_owned(), default);
            }
            match comments.get(&(section.as_str(), key.as_str())) {
                Some(comment) => value.insert("description".to_owned(), json!(comment)),
                None => value.remove("description"),
            };
        }
    }
    schema
}

/// An entry of the list without this key is refused, although the key has a default that says
/// nothing.
fn require(list: Option<&mut Value>, key: &str) {
    let items = list.and_then(|list| list.get_mut("items"));
    let Some(Value::Object(items)) = items else {
        return;
    };
    items.insert("required".to_owned(), json!([key]));
    let keys = items.get_mut("properties");
    if let Some(required) = keys.and_then(|keys| keys.get_mut(key)?.as_object_mut()) {
        required.remove("default");
    }
}

/// The comment in front of each key that has one.
fn comments() -> BTreeMap<(&'static str, &'static str), String> {
    let (mut comments, mut section, mut comment) = (BTreeMap::new(), "", Vec::new());
    for line in COMMENTED.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ")
            && !comment.is_empty()
        {
            comments.insert((section, key), comment.join(" "));
        }
        comment.clear();
    }
    comments
}
