//! One key as it was set.

use toml::{Table, Value};

/// A value and the place that it came from, for messages.
pub(super) struct Setting {
    pub(super) section: String,
    /// Its entry in a list of sections, from 0.
    pub(super) entry: Option<usize>,
    /// Empty for the head of an entry, and for a whole list.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: String,
    /// The places of the tables of a list.
    pub(super) entries: Vec<String>,
    pub(super) from_environment: bool,
}

impl Setting {
    /// Does it replace the list, with all its entries?
    pub(super) fn is_whole_list(&self) -> bool {
        self.entry.is_none() && self.key.is_empty()
    }

    /// Is it the list of job queues?
    pub(super) fn is_job_queues(&self) -> bool {
        self.section == "broker" && self.key == "jobs"
    }

    /// The key as messages name it: `broker.urls`, `budget[0].amount`.
    pub(super) fn name(&self) -> String {
        let Self {
            section,
            entry,
            key,
            ..
        } = self;
        let dot = if key.is_empty() { "" } else { "." };
        match entry {
            Some(entry) => format!("{section}[{entry}]{dot}{key}"),
            None => format!("{section}{dot}{key}"),
        }
    }
}

/// The default value of a key; `None` if there is no such key.
pub(super) fn default_of<'a>(defaults: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    defaults.get(section)?.as_table()?.get(key)
}
