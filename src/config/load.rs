//! From file and environment to a [`Config`], with every mistake named by key and place.
//!
//! Each key is read on its own first: so a mistake names its key, its line or its variable, and
//! never shows a value.

use super::environment::{self, Variables};
use super::error::{ConfigError, Places, twin};
use super::list;
use super::setting::Setting;
use super::whole::Config;
use crate::settings::file::read_file;
use crate::settings::located::Source;
use crate::settings::{ProxyVariables, text};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

impl Config {
    /// Reads `file` (or the defaults where there is none), then the environment over it, then the
    /// secret files.
    pub fn load<N: Into<OsString>, V: Into<OsString>>(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigError> {
        let variables: Variables = environment
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let defaults = defaults()?;
        let mut mistakes = Vec::new();
        let mut settings = Vec::new();
        if let Some(path) = file {
            match read_file(path) {
                Ok(text) => from_text(
                    Source::new(&text, &path.display().to_string()),
                    &mut settings,
                    &mut mistakes,
                ),
                Err(problem) => mistakes.push(problem),
            }
        }
        environment::read(&variables, &defaults, &mut settings, &mut mistakes);
        let mut config = Self::of(settings, mistakes, &defaults)?;
        config.http.variables = ProxyVariables::read(|name| {
            variables
                .get(&OsString::from(name))?
                .clone()
                .into_string()
                .ok()
        });
        config.flaws_of_aws = environment::flaws_of_aws(&variables);
        config.broker.shared_ca_file.clone_from(&config.tls.ca_file);
        config.broker.reads_ledger = !config.budget.is_empty();
        config.read_secret_files()?;
        Ok(config)
    }

    /// The configuration in this text, without the environment and without secret files. `file` is
    /// used in errors only.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let (mut settings, mut mistakes) = (Vec::new(), Vec::new());
        from_text(Source::new(text, file), &mut settings, &mut mistakes);
        Self::of(settings, mistakes, &defaults()?)
    }

    /// A later setting replaces an earlier one.
    fn of(
        settings: Vec<Setting>,
        mut mistakes: Vec<String>,
        defaults: &Table,
    ) -> Result<Self, ConfigError> {
        let mut merged = Table::new();
        let mut places = Places::default();
        for setting in settings {
            let name = setting.name();
            match check(&setting, defaults) {
                Ok(()) => {
                    places.forget_entries(&name);
                    places.set(&name, setting.place.clone());
                    for (index, place) in setting.entries.iter().enumerate() {
                        places.set(&format!("{name}[{index}]"), place.clone());
                    }
                    merge(&mut merged, setting);
                }
                Err(problem) => mistakes.push(format!("{}: {name}: {problem}", setting.place)),
            }
        }
        if let Err(problem) = list::settle_jobs_queue(&mut merged) {
            mistakes.push(places.located("broker.jobs_queue", problem));
        }
        if !mistakes.is_empty() {
            return Err(ConfigError(mistakes));
        }
        let mut config = Self::deserialize(merged)
            .map_err(|error| ConfigError(vec![error.message().to_owned()]))?;
        config.places = places;
        Ok(config)
    }
}

fn merge(merged: &mut Table, setting: Setting) {
    let is_whole_list = setting.is_whole_list();
    let Setting {
        section,
        entry,
        key,
        value,
        from_environment,
        ..
    } = setting;
    if is_whole_list {
        // The variable of a list replaces that of the file.
        merged.insert(section, value);
        return;
    }
    let empty = || Value::Table(Table::new());
    let section = match entry {
        None => merged.entry(section).or_insert_with(empty),
        Some(entry) => {
            let list = merged
                .entry(section)
                .or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(list) = list else { return };
            list.resize_with(list.len().max(entry + 1), empty);
            &mut list[entry]
        }
    };
    let Value::Table(section) = section else {
        return;
    };
    if key.is_empty() {
        return;
    }
    if from_environment {
        // A secret and its file are one key: what is set later replaces either.
        section.remove(&twin(&key));
    }
    section.insert(key, value);
}

fn defaults() -> Result<Table, ConfigError> {
    let mut defaults =
        Table::try_from(Config::default()).map_err(|error| ConfigError(vec![error.to_string()]))?;
    // A list of no job queues is not written: it would be refused.
    if let Some(Value::Table(broker)) = defaults.get_mut("broker") {
        broker.insert("jobs".to_owned(), Value::Array(Vec::new()));
    }
    Ok(defaults)
}

fn from_text(source: Source<'_>, settings: &mut Vec<Setting>, mistakes: &mut Vec<String>) {
    let (keys, outside) = match source.keys() {
        Ok(keys) => keys,
        Err(problem) => return mistakes.push(source.error(problem).to_string()),
    };
    for key in keys {
        settings.push(Setting {
            place: source.place(&key.place),
            section: key.section,
            entry: key.entry,
            key: key.key,
            value: key.value,
            entries: key
                .entries
                .iter()
                .map(|entry| source.place(entry))
                .collect(),
            from_environment: false,
        });
    }
    for name in outside {
        mistakes.push(format!(
            "{}: {}: not a key of the configuration; keys stand in a section such as [broker]",
            source.place(&name.span()),
            name.get_ref()
        ));
    }
}

/// Is this one setting acceptable on its own?
fn check(setting: &Setting, defaults: &Table) -> Result<(), String> {
    let is_list = defaults.get(&setting.section).is_some_and(Value::is_array);
    if is_list {
        return list::check(setting);
    }
    if setting.entry.is_some() {
        // The head of the entry says it once.
        if !setting.key.is_empty() {
            return Ok(());
        }
        return Err(match defaults.get(&setting.section) {
            Some(_) => format!("is no list; write [{}]", setting.section),
            None => format!("no such section; {}", meant(&setting.section, defaults)),
        });
    }
    let Some(section) = defaults.get(&setting.section).and_then(Value::as_table) else {
        return Err(format!(
            "no such section; {}",
            meant(&setting.section, defaults)
        ));
    };
    let Some(default) = section.get(&setting.key) else {
        return Err(format!(
            "no such key; {}[{}] has {}",
            did_you_mean(&setting.key, section),
            setting.section,
            names(section)
        ));
    };
    if setting.is_job_queues() {
        return list::check_job_queues(&setting.value);
    }
    let alone = Table::from_iter([(setting.key.clone(), setting.value.clone())]);
    let document = Table::from_iter([(setting.section.clone(), Value::Table(alone))]);
    let read = Config::deserialize(document);
    // A price is a text or a list, whatever its default is.
    if !setting.value.same_type(default) && read.is_err() {
        return Err(format!(
            "expected {}, found {}{}",
            kind(default),
            kind(&setting.value),
            example(setting, default)
        ));
    }
    if let (Value::Array(items), Value::Array(_)) = (&setting.value, default)
        && let Some(item) = items.iter().find(|item| !item.is_str())
    {
        return Err(format!(
            "expected a list of texts, found {} in it{}",
            kind(item),
            example(setting, default)
        ));
    }
    let texts = setting
        .value
        .as_array()
        .map_or(std::slice::from_ref(&setting.value), Vec::as_slice);
    if let Some(flaw) = texts.iter().filter_map(Value::as_str).find_map(text::flaw) {
        return Err(flaw.to_owned());
    }
    read.map(drop).map_err(|error| error.message().to_owned())
}

/// How it is written, from the default; of what has none, or a secret one, by its kind.
fn example(setting: &Setting, default: &Value) -> String {
    let shown = match (setting.key.as_str(), default) {
        ("urls", Value::Array(_)) => r#"["amqp://…"]"#.to_owned(),
        (_, Value::String(text)) if text.is_empty() => return "; write it in quotes".to_owned(),
        (_, Value::Array(items)) if items.is_empty() => r#"["…"]"#.to_owned(),
        (_, default) => default.to_string(),
    };
    format!("; write {shown}")
}

fn did_you_mean(written: &str, known: &Table) -> String {
    let distance =
        |known: &String| strsim::damerau_levenshtein(known, &written.to_ascii_lowercase());
    let nearest = known.keys().map(|known| (distance(known), known)).min();
    nearest
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| format!("did you mean {known}? "))
        .unwrap_or_default()
}

fn meant(written: &str, known: &Table) -> String {
    format!("{}there are {}", did_you_mean(written, known), names(known))
}

fn names(table: &Table) -> String {
    table
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
