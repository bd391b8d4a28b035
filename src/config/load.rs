//! From file and environment to a [`Config`], with every mistake named by key and place.
//!
//! Each key is read on its own first: so a mistake names its key, its line or its variable, and
//! never shows a value.

use super::Config;
use super::environment::{self, Variables};
use crate::settings::file::read_file;
use crate::settings::located::Source;
use crate::settings::problem::Problems;
use crate::settings::{ProxyVariables, text};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use toml::{Table, Value};

/// One line per mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// One mistake, found after loading.
    pub fn of(key: &str, problem: &str) -> Self {
        Self(vec![format!("{key}: {problem}")])
    }

    /// Each with the place where its key was set, if it was.
    pub(super) fn from_problems(problems: &Problems, places: &Places) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        let told = |(key, problem): (&str, &str)| match places.of(key) {
            Some(place) => format!("{place}: {key}: {problem}"),
            None => format!("{key}: {problem}"),
        };
        Err(Self(problems.iter().map(told).collect()))
    }
}

/// Where each key was set: file and line, or variable. Two configurations are equal wherever their
/// values came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<String, String>);

impl Places {
    /// Of the key itself, of the list that `broker.urls[1]` stands in, or of the file that holds a
    /// secret.
    fn of(&self, key: &str) -> Option<&String> {
        let list = key.split('[').next().unwrap_or(key);
        self.0.get(list).or_else(|| self.0.get(&twin(list)))
    }

    /// The key's value was read from here.
    pub(super) fn set(&mut self, key: &str, place: String) {
        self.0.insert(key.to_owned(), place);
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A value with the place it came from, for messages.
pub(super) struct Setting {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: String,
    pub(super) from_environment: bool,
}

/// `app_secret` and `app_secret_file` are two ways to say one thing.
pub(super) fn twin(key: &str) -> String {
    key.strip_suffix("_file")
        .map_or_else(|| format!("{key}_file"), str::to_owned)
}

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
        config.read_secret_files()?;
        Ok(config)
    }

    /// What a file with this text says, without the environment and without what lies in secret
    /// files. `file` is only for the errors.
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
            match check(&setting, defaults) {
                Ok(()) => {
                    let section = merged
                        .entry(setting.section.clone())
                        .or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(section) = section {
                        if setting.from_environment {
                            // A secret and its file are one key: what is set later replaces either.
                            section.remove(&twin(&setting.key));
                        }
                        section.insert(setting.key.clone(), setting.value);
                    }
                    places.0.insert(
                        format!("{}.{}", setting.section, setting.key),
                        setting.place,
                    );
                }
                Err(problem) => mistakes.push(format!(
                    "{}: {}.{}: {problem}",
                    setting.place, setting.section, setting.key
                )),
            }
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

fn defaults() -> Result<Table, ConfigError> {
    Table::try_from(Config::default()).map_err(|error| ConfigError(vec![error.to_string()]))
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
            key: key.key,
            value: key.value,
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

pub(super) fn default_of<'a>(defaults: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    defaults.get(section)?.as_table()?.get(key)
}

/// Is this one setting acceptable on its own?
fn check(setting: &Setting, defaults: &Table) -> Result<(), String> {
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
    let number_for_float = default.is_float() && setting.value.is_integer();
    if !setting.value.same_type(default) && !number_for_float {
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
    let alone = Table::from_iter([(setting.key.clone(), setting.value.clone())]);
    let document = Table::from_iter([(setting.section.clone(), Value::Table(alone))]);
    Config::deserialize(document)
        .map(drop)
        .map_err(|error| error.message().to_owned())
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
