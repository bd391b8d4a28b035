//! From file and environment to a [`Config`], with every mistake named by key and place.
//!
//! Each key is read on its own first: so a mistake names its key, its line or its variable, and never shows a value.

use super::Config;
use super::problem::Problems;
use super::units::Size;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

const ENV_PREFIX: &str = "INVOICE_WORKER__";
const MAX_FILE_BYTES: u64 = 1 << 20;

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
        let told = |(key, problem): (&str, &str)| match places.0.get(key) {
            Some(place) => format!("{place}: {key}: {problem}"),
            None => format!("{key}: {problem}"),
        };
        Err(Self(problems.iter().map(told).collect()))
    }
}

/// Where each key was set: file and line, or variable. Two configurations are equal wherever their values came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<String, String>);

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A value with the place it came from, for messages.
struct Setting {
    section: String,
    key: String,
    value: Value,
    place: String,
    from_environment: bool,
}

/// `app_secret` and `app_secret_file` are two ways to say one thing.
fn twin(key: &str) -> String {
    key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned)
}

impl Config {
    /// Reads `file` (or the defaults where there is none), then the environment over it, then the secret files.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let defaults = defaults()?;
        let mut mistakes = Vec::new();
        let mut settings = Vec::new();
        if let Some(path) = file {
            match read_file(path) {
                Ok(text) => from_text(&text, &path.display().to_string(), &mut settings, &mut mistakes),
                Err(problem) => mistakes.push(problem),
            }
        }
        from_environment(environment, &defaults, &mut settings, &mut mistakes);
        let mut config = Self::of(settings, mistakes, &defaults)?;
        config.read_secret_files()?;
        Ok(config)
    }

    /// What a file with this text says, without the environment and without what lies in secret files. `file` is only for the errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let (mut settings, mut mistakes) = (Vec::new(), Vec::new());
        from_text(text, file, &mut settings, &mut mistakes);
        Self::of(settings, mistakes, &defaults()?)
    }

    /// A later setting replaces an earlier one.
    fn of(settings: Vec<Setting>, mut mistakes: Vec<String>, defaults: &Table) -> Result<Self, ConfigError> {
        let mut merged = Table::new();
        let mut places = Places::default();
        for setting in settings {
            match check(&setting, defaults) {
                Ok(()) => {
                    let section = merged.entry(setting.section.clone()).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(section) = section {
                        if setting.from_environment {
                            // A secret and its file are one key: what is set later replaces either.
                            section.remove(&twin(&setting.key));
                        }
                        section.insert(setting.key.clone(), setting.value);
                    }
                    places.0.insert(format!("{}.{}", setting.section, setting.key), setting.place);
                }
                Err(problem) => mistakes.push(format!("{}: {}.{}: {problem}", setting.place, setting.section, setting.key)),
            }
        }
        if !mistakes.is_empty() {
            return Err(ConfigError(mistakes));
        }
        let mut config = Self::deserialize(merged).map_err(|error| ConfigError(vec![error.message().to_owned()]))?;
        config.places = places;
        Ok(config)
    }
}

fn defaults() -> Result<Table, ConfigError> {
    Table::try_from(Config::default()).map_err(|error| ConfigError(vec![error.to_string()]))
}

pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| format!("{shown}: cannot be read: {error}"))?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("{shown}: has {size} bytes; at most {} are read", Size(MAX_FILE_BYTES)));
    }
    std::fs::read_to_string(path).map_err(|error| format!("{shown}: cannot be read: {error}"))
}

fn from_text(text: &str, file: &str, settings: &mut Vec<Setting>, mistakes: &mut Vec<String>) {
    let place = |span: Range<usize>| format!("{file}, line {}", text[..span.start.min(text.len())].matches('\n').count() + 1);
    let (table, spanned) = match (text.parse::<Table>(), DeTable::parse(text)) {
        (Ok(table), Ok(spanned)) => (table, spanned),
        (Err(error), _) | (_, Err(error)) => {
            // The message alone: the error's own display would show the line, and a secret with it.
            return mistakes.push(format!("{}: {}", place(error.span().unwrap_or(0..0)), error.message()));
        }
    };
    for (section, content) in spanned.get_ref() {
        let name = section.get_ref();
        let (DeValue::Table(keys), Some(Value::Table(values))) = (content.get_ref(), table.get(&**name)) else {
            mistakes.push(format!(
                "{}: {name}: not a key of the configuration; keys stand in a section such as [broker]",
                place(section.span())
            ));
            continue;
        };
        for key in keys.keys() {
            if let Some(value) = values.get(&**key.get_ref()) {
                settings.push(Setting {
                    section: name.to_string(),
                    key: key.get_ref().to_string(),
                    value: value.clone(),
                    place: place(key.span()),
                    from_environment: false,
                });
            }
        }
    }
}

fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    defaults: &Table,
    settings: &mut Vec<Setting>,
    mistakes: &mut Vec<String>,
) {
    // Sorted, so that the same environment gives the same messages.
    let ours: BTreeMap<String, String> = environment.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    for (name, text) in ours {
        let lower = name[ENV_PREFIX.len()..].to_ascii_lowercase();
        let Some((section, key)) = lower.split_once("__") else {
            mistakes.push(format!("environment variable {name}: names no key; write {ENV_PREFIX}SECTION__KEY"));
            continue;
        };
        let value = match default_of(defaults, section, key) {
            // Text is taken as it is; everything else is written as in the file.
            Some(Value::String(_)) | None => Value::String(text),
            Some(_) => match format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value")) {
                Some(value) => value,
                None => Value::String(text),
            },
        };
        let place = format!("environment variable {name}");
        settings.push(Setting { section: section.into(), key: key.into(), value, place, from_environment: true });
    }
}

fn default_of<'a>(defaults: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    defaults.get(section)?.as_table()?.get(key)
}

/// Is this one setting acceptable on its own?
fn check(setting: &Setting, defaults: &Table) -> Result<(), String> {
    let Some(section) = defaults.get(&setting.section).and_then(Value::as_table) else {
        return Err(format!("no such section; there are {}", names(defaults)));
    };
    let Some(default) = section.get(&setting.key) else {
        return Err(format!("no such key; [{}] has {}", setting.section, names(section)));
    };
    let number_for_float = default.is_float() && setting.value.is_integer();
    if !setting.value.same_type(default) && !number_for_float {
        return Err(format!("expected {}, found {}", kind(default), kind(&setting.value)));
    }
    if let (Value::Array(items), Value::Array(_)) = (&setting.value, default)
        && let Some(item) = items.iter().find(|item| !item.is_str())
    {
        return Err(format!("expected a list of texts, found {} in it", kind(item)));
    }
    let alone = Table::from_iter([(setting.key.clone(), setting.value.clone())]);
    let document = Table::from_iter([(setting.section.clone(), Value::Table(alone))]);
    Config::deserialize(document).map(drop).map_err(|error| error.message().to_owned())
}

fn names(table: &Table) -> String {
    table.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
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
