//! The mistakes in a configuration, and the places where its keys were set.

use crate::settings::problem::Problems;
use std::collections::BTreeMap;
use std::fmt;

/// One line for each mistake, under a heading that counts them where there are several.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub(super) Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            writeln!(formatter, "{} problems in the configuration:", self.0.len())?;
        }
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// A mistake that was found after loading.
    pub fn of(key: &str, problem: &str) -> Self {
        Self(vec![format!("{key}: {problem}")])
    }

    /// The problems, each with the place where its key was set.
    pub(super) fn from_problems(problems: &Problems, places: &Places) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        let located = |(key, problem)| places.located(key, problem);
        Err(Self(problems.iter().map(located).collect()))
    }
}

/// The place where each key was set: file and line, or variable. It does not count when
/// configurations are compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<String, String>);

impl Places {
    /// The problem of this key, with the place where it was set.
    pub(super) fn located(&self, key: &str, problem: &str) -> String {
        match self.of(key) {
            Some(place) => format!("{place}: {key}: {problem}"),
            None => format!("{key}: {problem}"),
        }
    }

    /// The place of the key itself, of the entry that lacks it, of the list that contains
    /// `broker.urls[1]`, or of the file that holds a secret.
    fn of(&self, key: &str) -> Option<&String> {
        let entry = key.rsplit_once('.').map_or(key, |(entry, _)| entry);
        let list = key.split('[').next().unwrap_or(key);
        let names = [key, entry, list, &twin(list)];
        names.iter().find_map(|name| self.0.get(*name))
    }

    /// The entries of this list are replaced.
    pub(super) fn forget_entries(&mut self, list: &str) {
        let entries = format!("{list}[");
        self.0.retain(|key, _| !key.starts_with(&entries));
    }

    /// Sets the place from which the key's value was read.
    pub(super) fn set(&mut self, key: &str, place: String) {
        self.0.insert(key.to_owned(), place);
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The other key for the same secret: `app_secret_file` for `app_secret`, and the reverse.
pub(super) fn twin(key: &str) -> String {
    key.strip_suffix("_file")
        .map_or_else(|| format!("{key}_file"), str::to_owned)
}
