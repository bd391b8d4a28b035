//! The section `[ledger]`.

use super::metadata::{MOST_BYTES, MOST_KEYS};
use crate::broker::StreamDefinition;
use crate::settings::problem::Problems;
use crate::settings::units::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub store: LedgerStore,
    /// Events that are older are deleted by the broker.
    pub max_age: Span,
    /// Keys of jobs' metadata whose values go into the ledger, in clear.
    pub metadata_keys: Vec<String>,
}

/// The place where a job's turns are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerStore {
    #[default]
    Stream,
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: LedgerStore::default(),
            max_age: span("90d"),
            metadata_keys: Vec::new(),
        }
    }
}

impl Config {
    pub fn validate(&self, problems: &mut Problems) {
        let allowed = Duration::from_hours(1)..=Duration::from_hours(3_650 * 24);
        problems.require(
            allowed.contains(&self.max_age.duration()),
            "ledger.max_age",
            "must be between 1h and ten years",
        );
        let keys = &self.metadata_keys;
        problems.require(
            keys.len() <= MOST_KEYS,
            "ledger.metadata_keys",
            &format!("lists {} keys, and may list {MOST_KEYS}", keys.len()),
        );
        for (index, key) in keys.iter().enumerate() {
            problems.require(
                (1..=MOST_BYTES).contains(&key.len()) && !keys[..index].contains(key),
                "ledger.metadata_keys",
                &format!("{key:?} is no key of 1 to {MOST_BYTES} bytes, or is listed twice"),
            );
        }
    }

    /// The stream, where there is to be one.
    pub fn stream(&self, name: &str) -> Option<StreamDefinition> {
        (self.store == LedgerStore::Stream).then(|| StreamDefinition {
            name: name.to_owned(),
            max_age: self.max_age.duration(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_kept_for_ninety_days_unless_the_section_says_otherwise() {
        let read = |toml: &str| toml::from_str::<Config>(toml);
        let config = read("").unwrap();
        let stream = config.stream("invoice.ledger").unwrap();
        assert_eq!(stream.max_age, Duration::from_hours(90 * 24));
        assert_eq!(read("store = \"none\"").unwrap().stream("x"), None);
        assert!(read("store = \"file\"").is_err());
        for (max_age, is_allowed) in [
            ("59m", false),
            ("1h", true),
            ("90d", true),
            ("87601h", false),
        ] {
            let config = read(&format!("max_age = \"{max_age}\"")).unwrap();
            let mut problems = Problems::default();
            config.validate(&mut problems);
            assert_eq!(problems.iter().count() == 0, is_allowed, "{max_age}");
        }
    }

    #[test]
    fn no_more_than_eight_short_keys_of_metadata_go_into_the_ledger() {
        let many: Vec<String> = (0..9).map(|number| format!("key-{number}")).collect();
        let long = "x".repeat(65);
        for (keys, is_allowed) in [
            (vec![], true),
            (vec!["claim_id", "病案号"], true),
            (many[..8].iter().map(String::as_str).collect(), true),
            (many.iter().map(String::as_str).collect(), false),
            (vec![""], false),
            (vec![&*long], false),
            (vec!["a", "b", "a"], false),
        ] {
            let config = Config {
                metadata_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
                ..Config::default()
            };
            let mut problems = Problems::default();
            config.validate(&mut problems);
            assert_eq!(problems.iter().count() == 0, is_allowed, "{keys:?}");
        }
    }
}
