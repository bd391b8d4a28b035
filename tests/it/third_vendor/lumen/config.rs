//! The section of an account at Lumen.

use invoice_worker::domain::account::AccountName;
use invoice_worker::provider::{CallLimits, Section};
use invoice_worker::settings::problem::Problems;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::{Span, span};
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) url: String,
    pub(crate) key_id: Secret,
    pub(crate) key: Secret,
    pub(crate) rate_per_second: f64,
    pub(crate) max_in_flight: usize,
    pub(crate) timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            key_id: Secret::default(),
            key: Secret::default(),
            rate_per_second: 5.0,
            max_in_flight: 8,
            timeout: span("20s"),
        }
    }
}

impl Config {
    pub(crate) fn validate(&self, account: AccountName, problems: &mut Problems) {
        let mut section = Section { account, problems };
        section.url(&self.url, false, "the contract names it");
        section.credential(&self.key_id, "key_id", "the contract names it");
        section.credential(&self.key, "key", "Lumen sends it with the contract");
        section.limits(&self.limits());
    }

    pub(crate) fn limits(&self) -> CallLimits {
        CallLimits {
            rate_per_second: self.rate_per_second,
            burst: 1,
            max_in_flight: self.max_in_flight,
            timeout: self.timeout.duration(),
        }
    }
}
