//! A TOML text read with the place of each value, so that every mistake names its file and line.
//!
//! The configuration, the error-code policy and the scenarios are read through here. What is wrong
//! is said in the parser's or our own words and never by showing the line, which may hold a secret.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The message names the file.
    #[error("{0}")]
    Unreadable(String),
    /// Lines count from 1.
    #[error("{file}, line {line}: {problem}")]
    Wrong {
        file: String,
        line: usize,
        problem: String,
    },
}

/// A mistake at this byte of the text.
#[derive(Debug)]
pub struct Problem {
    offset: usize,
    problem: String,
}

impl Problem {
    pub fn new(place: &Range<usize>, problem: impl Into<String>) -> Self {
        Self {
            offset: place.start,
            problem: problem.into(),
        }
    }

    /// The problem is with this value.
    pub fn with<T>(written: &Spanned<T>, problem: impl Into<String>) -> Self {
        Self::new(&written.span(), problem)
    }
}

impl From<toml::de::Error> for Problem {
    /// The message alone: the error's own `Display` shows lines of the text.
    fn from(error: toml::de::Error) -> Self {
        let place = error.span().unwrap_or(0..0);
        Self::new(&place, error.message().replace('\n', ", "))
    }
}

/// # Errors
/// `problem`, at `place`, unless `holds`.
pub fn require(
    holds: bool,
    place: &Range<usize>,
    problem: impl FnOnce() -> String,
) -> Result<(), Problem> {
    if holds {
        Ok(())
    } else {
        Err(Problem::new(place, problem()))
    }
}

/// # Errors
/// `problem`, at the place of the value, if one is given and `allowed` does not hold for it.
pub fn check<T>(
    written: Option<&Spanned<T>>,
    problem: &str,
    allowed: impl FnOnce(&T) -> bool,
) -> Result<(), Problem> {
    match written {
        Some(written) if !allowed(written.get_ref()) => Err(Problem::with(written, problem)),
        _ => Ok(()),
    }
}

/// A text and what it is called in an error.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    text: &'a str,
    file: &'a str,
}

/// A `key = value` under a `[section]`, or in an entry of a list of them: `[[section]]`.
pub struct LocatedKey {
    pub section: String,
    /// Its entry in the list, from 0.
    pub entry: Option<usize>,
    /// Empty for the head of an entry, which may have no keys.
    pub key: String,
    pub value: Value,
    /// It begins at this byte.
    pub place: Range<usize>,
    /// The places of the entries, where the value is a list.
    pub entries: Vec<Range<usize>>,
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str, file: &'a str) -> Self {
        Self { text, file }
    }

    /// `T` keeps the places of its values where they are `Spanned`.
    pub fn parse<T: Deserialize<'a>>(self) -> Result<T, Problem> {
        Ok(toml::from_str(self.text)?)
    }

    /// The keys of all sections in the order of their names, and what stands in no section.
    pub fn keys(self) -> Result<(Vec<LocatedKey>, Vec<Spanned<String>>), Problem> {
        let read = || Ok((DeTable::parse(self.text)?, self.text.parse::<Table>()?));
        let (located, values) = read().map_err(|error: toml::de::Error| {
            let place = error.span().unwrap_or(0..0);
            match self.first_of_two(&place) {
                Some(problem) => Problem::new(&place, problem),
                None => Problem::from(error),
            }
        })?;
        let (mut keys, mut outside) = (Vec::new(), Vec::new());
        for (section, content) in located.get_ref() {
            let name = section.get_ref().as_ref();
            match (content.get_ref(), values.get(name)) {
                (DeValue::Table(content), Some(Value::Table(values))) => {
                    keys.extend(keys_of((name, None), content, values));
                }
                (DeValue::Array(entries), Some(Value::Array(values)))
                    if values.iter().all(Value::is_table) =>
                {
                    for (index, (entry, values)) in entries.iter().zip(values).enumerate() {
                        let (DeValue::Table(content), Value::Table(values)) =
                            (entry.get_ref(), values)
                        else {
                            continue;
                        };
                        keys.push(LocatedKey {
                            section: name.to_owned(),
                            entry: Some(index),
                            key: String::new(),
                            value: Value::Table(Table::new()),
                            place: entry.span(),
                            entries: Vec::new(),
                        });
                        keys.extend(keys_of((name, Some(index)), content, values));
                    }
                }
                _ => outside.push(Spanned::new(section.span(), name.to_owned())),
            }
        }
        Ok((keys, outside))
    }

    /// The line in which the place begins, from 1.
    pub fn line(self, place: &Range<usize>) -> usize {
        let before = self.text.bytes().take(place.start);
        1 + before.filter(|byte| *byte == b'\n').count()
    }

    /// The place as messages name it: `mine.toml, line 3`.
    pub fn place(self, place: &Range<usize>) -> String {
        format!("{}, line {}", self.file, self.line(place))
    }

    pub fn error(self, problem: Problem) -> FileError {
        FileError::Wrong {
            file: self.file.to_owned(),
            line: self.line(&(problem.offset..problem.offset)),
            problem: problem.problem,
        }
    }

    /// Names a section or key that stands a second time at `place`: the parser does not say where
    /// it stood first.
    fn first_of_two(self, place: &Range<usize>) -> Option<String> {
        let at = self.line(place);
        let (mut section, mut first) = ("", BTreeMap::new());
        for (line, content) in (1..=at).zip(self.text.lines()) {
            let content = content.trim();
            let (name, shown) = if let Some(header) = content
                .strip_prefix('[')
                .and_then(|rest| rest.split(']').next())
            {
                section = header.trim();
                ((section, ""), format!("[{section}]"))
            } else if let Some((key, _)) = content.split_once('=') {
                ((section, key.trim()), format!("{section}.{}", key.trim()))
            } else {
                continue;
            };
            let is_name = |name: &str| {
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
            };
            match first.get(&name) {
                // What is not the name of a key is the middle of a longer text, and may be secret.
                Some(before) if line == at && is_name(name.0) && is_name(name.1) => {
                    return Some(format!("{shown} stands twice, first in line {before}"));
                }
                Some(_) => {}
                None => drop(first.insert(name, line)),
            }
        }
        None
    }
}

fn keys_of(
    (section, entry): (&str, Option<usize>),
    content: &DeTable<'_>,
    values: &Table,
) -> Vec<LocatedKey> {
    let located = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &str = AsRef::<str>::as_ref(key.get_ref());
        let entries = match value.get_ref() {
            DeValue::Array(entries) => entries.iter().map(Spanned::span).collect(),
            _ => Vec::new(),
        };
        Some(LocatedKey {
            section: section.to_owned(),
            entry,
            key: name.to_owned(),
            value: values.get(name)?.clone(),
            place: key.span(),
            entries,
        })
    };
    content.iter().filter_map(located).collect()
}
