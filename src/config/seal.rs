//! `[seal]`: the key that all workers of a fleet share.

use crate::seal::{MIN_KEY_BYTES, SealKey, Sealer};
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::text::header_flaw;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of `previous_key` that stands for the key derived from the providers' secrets, for the
/// first change to a configured key.
const DERIVED: &str = "derived";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SealConfig {
    /// Empty: a key derived from the providers' secrets.
    pub key: Secret,
    pub key_file: String,
    /// A key that is accepted as well, while workers are restarted one by one with a new key.
    pub previous_key: Secret,
    pub previous_key_file: String,
}

impl SealConfig {
    pub(super) fn validate(&self, problems: &mut Problems) {
        let previous = Some(&self.previous_key).filter(|key| key.expose() != DERIVED);
        for (name, key) in [
            ("seal.key", Some(&self.key)),
            ("seal.previous_key", previous),
        ] {
            let Some(key) = key.filter(|key| !key.is_empty()) else {
                continue;
            };
            let key = key.expose();
            problems.require(
                key.len() >= MIN_KEY_BYTES,
                name,
                "is shorter than 32 characters: make one with `openssl rand -base64 32`, and give it to all workers",
            );
            if let Some(flaw) = header_flaw(key) {
                problems.add(name, flaw);
            }
        }
    }

    pub(super) fn warn(&self, warnings: &mut Problems) {
        warnings.require(
            !self.key.is_empty(),
            "seal.key",
            "is empty, so that checkpoints, parked jobs and heartbeats are sealed with a key that is derived from the providers' secrets: \
             when one of those is replaced, answers that were paid for are bought again; set a key, and previous_key = \"derived\" until the \
             jobs parked by then are answered (at the latest after worker.job_deadline) and, with budgets, until their day or month is over",
        );
    }

    /// Seals what this worker writes, and accepts what workers with the same keys wrote. `secrets`
    /// are those of the providers, from which a key is derived.
    pub(super) fn sealer(&self, secrets: &[&str]) -> Sealer {
        let derived = || SealKey::derived_from(secrets);
        let current = if self.key.is_empty() {
            derived()
        } else {
            SealKey::of(self.key.expose())
        };
        let previous = match self.previous_key.expose() {
            "" => None,
            DERIVED => Some(derived()),
            key => Some(SealKey::of(key)),
        };
        Sealer::new(current, previous)
    }
}

#[cfg(test)]
mod tests {
    use super::super::whole::Config;
    use super::*;
    use crate::seal::SealKind;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn config(key: &str, previous_key: &str, app_secret: &str) -> Config {
        let seal = SealConfig {
            key: Secret::new(key),
            previous_key: Secret::new(previous_key),
            ..SealConfig::default()
        };
        let mut config = Config {
            seal,
            ..Config::default()
        };
        config.recognition.app_secret = Secret::new(app_secret);
        config
    }

    fn problems(key: &str, previous_key: &str) -> Vec<String> {
        let mut problems = Problems::default();
        config(key, previous_key, "").seal.validate(&mut problems);
        problems.iter().map(|(key, _)| key.to_owned()).collect()
    }

    #[test]
    fn keys_that_are_too_short_or_not_printable_are_refused() {
        for (key, previous_key, expected) in [
            ("", "", &[][..]),
            (KEY, "", &[]),
            (KEY, KEY, &[]),
            (KEY, "derived", &[]),
            ("", KEY, &[]),
            ("derived", "", &["seal.key"]),
            (&KEY[1..], "short", &["seal.key", "seal.previous_key"]),
            ("0123456789abcdef0123456789abcdef\n", "", &["seal.key"]),
        ] {
            assert_eq!(
                problems(key, previous_key),
                expected,
                "{key:?} {previous_key:?}"
            );
        }
    }

    #[test]
    fn a_provider_secret_matters_only_where_no_key_is_set() {
        let accepts = |from: &Config, to: &Config| {
            let seal = from.sealer().seal(SealKind::Progress, &[b"part"]);
            to.sealer().accepts(SealKind::Progress, &[b"part"], &seal)
        };
        assert!(accepts(
            &config("", "", "secret"),
            &config("", "", "secret")
        ));
        assert!(!accepts(
            &config("", "", "secret"),
            &config("", "", "rotated")
        ));
        assert!(accepts(
            &config(KEY, "", "secret"),
            &config(KEY, "", "rotated")
        ));
        assert!(!accepts(
            &config("", "", "secret"),
            &config(KEY, "", "secret")
        ));
        for (from, to) in [("", KEY), (KEY, "")] {
            let (from, to) = (
                config(from, if from.is_empty() { "" } else { "derived" }, "secret"),
                config(to, "derived", "secret"),
            );
            assert!(
                accepts(&from, &to),
                "the first change to a key of one's own"
            );
        }
    }
}
