//! The section of an account in the configuration: `[verification]`.

use crate::domain::account::AccountName;
use crate::policy::Transfer;
use crate::provider::settings::{CallLimits, Section};
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::tariff::{Currency, Tariff};
use crate::settings::units::{Size, Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The provider's page says http; its credentials travel in plain headers, so it is https here.
const URL: &str = "https://cloudapi.deepfinch.com/ocr/medical/verify_e_invoice";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub url: String,
    /// False: `http://` to another machine is refused.
    pub allow_plaintext: bool,
    pub api_id: Secret,
    pub api_id_file: String,
    pub api_secret: Secret,
    pub api_secret_file: String,
    pub transfer: Transfer,
    /// The value of the first call; the policy may ask for one call with true.
    pub auto_rotate: bool,
    pub max_image_bytes: Size,
    /// The account's quota, shared by all workers on the queue.
    pub rate_per_second: f64,
    pub burst: u32,
    pub max_in_flight: usize,
    /// From the first byte of the request to the last of the answer.
    pub timeout: Span,
    /// What a call costs that the policy says is billed.
    pub price: Tariff,
    pub currency: Currency,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: URL.to_owned(),
            allow_plaintext: false,
            api_id: Secret::default(),
            api_id_file: String::new(),
            api_secret: Secret::default(),
            api_secret_file: String::new(),
            transfer: Transfer::default(),
            auto_rotate: false,
            max_image_bytes: Size(5 << 20),
            rate_per_second: 10.0,
            burst: 1,
            max_in_flight: 16,
            timeout: span("30s"),
            price: Tariff::default(),
            currency: Currency::default(),
        }
    }
}

impl Config {
    /// Tells everything that is wrong. To be asked once the secret files were read into their keys.
    pub fn validate(&self, account: AccountName, problems: &mut Problems) {
        let mut section = Section { account, problems };
        section.url(
            &self.url,
            self.allow_plaintext,
            "the built-in default is the provider's own",
        );
        let issued = "DeepFinch issues it with the account";
        section.credential(&self.api_id, "api_id", issued);
        section.credential(&self.api_secret, "api_secret", issued);
        section.require(
            self.max_image_bytes.0 > 0,
            "max_image_bytes",
            "must be more than 0",
        );
        section.limits(&self.limits());
    }

    pub fn limits(&self) -> CallLimits {
        CallLimits {
            rate_per_second: self.rate_per_second,
            burst: self.burst,
            max_in_flight: self.max_in_flight,
            timeout: self.timeout.duration(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Config {
        Config {
            api_id: Secret::new("id"),
            api_secret: Secret::new("secret"),
            ..Config::default()
        }
    }

    fn problems(config: &Config) -> Vec<String> {
        let mut problems = Problems::default();
        config.validate(AccountName::VERIFICATION, &mut problems);
        problems
            .iter()
            .map(|(key, _)| key.trim_start_matches("verification.").to_owned())
            .collect()
    }

    #[test]
    fn the_defaults_lack_only_the_account() {
        assert_eq!(problems(&Config::default()), ["api_id", "api_secret"]);
        assert_eq!(problems(&sound()), [""; 0]);
    }

    #[test]
    fn every_impossible_value_is_reported_under_its_key() {
        type Change = fn(&mut Config);
        let cases: [(Change, &str); 10] = [
            (|config| config.url = String::new(), "url"),
            (|config| config.url = "deepfinch".into(), "url"),
            (
                |config| {
                    config.url =
                        "http://cloudapi.deepfinch.com/ocr/medical/verify_e_invoice".into();
                },
                "url",
            ),
            (
                |config| config.api_secret = Secret::new("secret\n"),
                "api_secret",
            ),
            (
                |config| config.api_id = Secret::new("line\nbreak"),
                "api_id",
            ),
            (|config| config.max_image_bytes = Size(0), "max_image_bytes"),
            (|config| config.rate_per_second = -1.0, "rate_per_second"),
            (|config| config.burst = 0, "burst"),
            (|config| config.max_in_flight = 1_025, "max_in_flight"),
            (|config| config.timeout = span("11m"), "timeout"),
        ];
        for (index, (change, key)) in cases.into_iter().enumerate() {
            let mut config = sound();
            change(&mut config);
            assert_eq!(problems(&config), [key], "case {index}");
        }
    }

    #[test]
    fn the_providers_own_address_without_tls_is_taken_where_the_section_allows_it() {
        let url = "http://cloudapi.deepfinch.com/ocr/medical/verify_e_invoice".to_owned();
        assert_eq!(
            problems(&Config {
                url,
                allow_plaintext: true,
                ..sound()
            }),
            [""; 0]
        );
    }

    #[test]
    fn secrets_are_neither_printed_nor_written() {
        let config = Config {
            api_secret: Secret::new("visible"),
            ..sound()
        };
        assert!(!format!("{config:?}").contains("visible"));
        assert!(!toml::to_string(&config).unwrap().contains("visible"));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<Config>("app_key = \"x\"").is_err());
        let config: Config =
            toml::from_str("auto_rotate = true\nmax_image_bytes = \"4MiB\"").unwrap();
        assert_eq!(
            (config.auto_rotate, config.max_image_bytes),
            (true, Size(4 << 20))
        );
    }
}
