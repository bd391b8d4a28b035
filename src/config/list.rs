//! The lists of tables: `[[budget]]`, and `[[broker.jobs]]` within a section.

use super::setting::Setting;
use crate::broker::JobQueue;
use crate::budget;
use crate::settings::text;
use serde::de::DeserializeOwned;
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
        (Some(_), key) => {
            read::<budget::Config>(&Table::from_iter([(key.to_owned(), value.clone())]))
        }
        (None, "") => {
            let Value::Array(entries) = value else {
                return Err(format!(
                    "expected a list; write [{{ account = \"recognition\", per = \"day\", amount = 200 }}], or leave {section} out"
                ));
            };
            read_entries::<budget::Config>(entries)
        }
        (None, _) => Err(format!("is a list; write [[{section}]]")),
    }
}

/// Is this list of job queues acceptable on its own?
pub(super) fn check_job_queues(value: &Value) -> Result<(), String> {
    let Value::Array(entries) = value else {
        return Err(
            "expected a list; write [{ queue = \"a.jobs\", weight = 3 }, { queue = \"b.jobs\" }]"
                .to_owned(),
        );
    };
    if entries.is_empty() {
        return Err("names no queue; leave it out where there is only jobs_queue".to_owned());
    }
    read_entries::<JobQueue>(entries)
}

/// Where there is a list of job queues, no other is named.
pub(super) fn settle_jobs_queue(merged: &mut Table) -> Result<(), &'static str> {
    let Some(Value::Table(broker)) = merged.get_mut("broker") else {
        return Ok(());
    };
    if !broker.contains_key("jobs") {
        return Ok(());
    }
    let only = broker.insert("jobs_queue".to_owned(), Value::String(String::new()));
    match only {
        Some(Value::String(name)) if !name.is_empty() => {
            Err("is set beside [[broker.jobs]], which names all job queues: leave one of them out")
        }
        Some(_) | None => Ok(()),
    }
}

fn read_entries<T: DeserializeOwned>(entries: &[Value]) -> Result<(), String> {
    for (index, entry) in entries.iter().enumerate() {
        let Value::Table(entry) = entry else {
            return Err(format!("its entry {index} is no table, {{ … }}"));
        };
        read::<T>(entry).map_err(|problem| format!("its entry {index}: {problem}"))?;
    }
    Ok(())
}

fn read<T: DeserializeOwned>(entry: &Table) -> Result<(), String> {
    let texts = entry.values().filter_map(Value::as_str);
    if let Some(flaw) = texts.into_iter().find_map(text::flaw) {
        return Err(flaw.to_owned());
    }
    let read = T::deserialize(entry.clone());
    read.map(drop)
        .map_err(|error| error.message().replace('\n', ", "))
}
