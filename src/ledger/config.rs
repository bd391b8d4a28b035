//! The section `[ledger]`.

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
}
