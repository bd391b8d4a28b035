//! The one list of sections: `[[budget]]`.

use super::setting::Setting;
use crate::budget;
use crate::settings::text;
use serde::Deserialize;
use toml::{Table, Value};

/// Is this setting of a list acceptable on its own? It is a key of an entry, the head of one, or the
/// whole list.
pub(super) fn check(setting: &Setting) -> Result<(), String> {
    let Setting {
        section,
        entry,
        key,
        value,
        ..
    } = setting;
    match (entry, key.as_str()) {
        (Some(_), "") => Ok(()),
        (Some(_), key) => read(&Table::from_iter([(key.to_owned(), value.clone())])),
        (None, "") => {
            let Value::Array(entries) = value else {
                return Err(format!(
                    "expected a list; write [{{ account = \"recognition\", per = \"day\", amount = 200 }}], or leave {section} out"
                ));
            };
            for (index, entry) in entries.iter().enumerate() {
                let Value::Table(entry) = entry else {
                    return Err(format!("its entry {index} is no table, {{ … }}"));
                };
                read(entry).map_err(|problem| format!("its entry {index}: {problem}"))?;
            }
            Ok(())
        }
        (None, _) => Err(format!("is a list; write [[{section}]]")),
    }
}

fn read(entry: &Table) -> Result<(), String> {
    let texts = entry.values().filter_map(Value::as_str);
    if let Some(flaw) = texts.into_iter().find_map(text::flaw) {
        return Err(flaw.to_owned());
    }
    let read = budget::Config::deserialize(entry.clone());
    read.map(drop)
        .map_err(|error| error.message().replace('\n', ", "))
}
