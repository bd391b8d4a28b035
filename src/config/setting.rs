//! One key as it was set.

use toml::{Table, Value};

/// A value and the place that it came from, for messages.
pub(super) struct Setting {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: String,
    pub(super) from_environment: bool,
}

/// The default value of a key; `None` if there is no such key.
pub(super) fn default_of<'a>(defaults: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    defaults.get(section)?.as_table()?.get(key)
}
