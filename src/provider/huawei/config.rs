//! The section of an account in the configuration: `[recognition]`.

use super::sign_payload::SignPayload;
use crate::domain::account::AccountName;
use crate::policy::Transfer;
use crate::provider::settings::{CallLimits, Section};
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::tariff::{Currency, Tariff};
use crate::settings::units::{Size, Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The provider refuses more, and bills the refusal.
const MAX_ENCODED_BYTES: Size = Size(4 << 20);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub url: String,
    /// False: `http://` to another machine is refused.
    pub allow_plaintext: bool,
    pub auth: Auth,
    pub app_key: Secret,
    pub app_key_file: String,
    pub app_secret: Secret,
    pub app_secret_file: String,
    pub app_code: Secret,
    pub app_code_file: String,
    pub sign_payload: SignPayload,
    pub transfer: Transfer,
    /// After base64 and urlencoding.
    pub max_encoded_bytes: Size,
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

/// How a call proves whose account it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// AppKey and AppSecret; the secret itself is never sent.
    #[default]
    Signature,
    /// A constant sent with every call.
    AppCode,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            allow_plaintext: false,
            auth: Auth::default(),
            app_key: Secret::default(),
            app_key_file: String::new(),
            app_secret: Secret::default(),
            app_secret_file: String::new(),
            app_code: Secret::default(),
            app_code_file: String::new(),
            sign_payload: SignPayload::default(),
            transfer: Transfer::default(),
            max_encoded_bytes: MAX_ENCODED_BYTES,
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
            "the marketplace shows it under \"API interface\" of the product",
        );
        let purchased =
            "the marketplace shows it under \"purchased services\", \"resource details\"";
        match self.auth {
            Auth::Signature => {
                section.credential(&self.app_key, "app_key", purchased);
                section.credential(&self.app_secret, "app_secret", purchased);
            }
            Auth::AppCode => {
                section.credential(&self.app_code, "app_code", purchased);
            }
        }
        let encoded = self.max_encoded_bytes;
        section.require(
            encoded.0 > 0 && encoded <= MAX_ENCODED_BYTES,
            "max_encoded_bytes",
            "must be more than 0 and at most 4MiB",
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
            url: "https://gateway.example/ocr".into(),
            app_key: Secret::new("key"),
            app_secret: Secret::new("secret"),
            app_code: Secret::new("code"),
            ..Config::default()
        }
    }

    fn problems(config: &Config) -> Vec<String> {
        let mut problems = Problems::default();
        config.validate(AccountName::RECOGNITION, &mut problems);
        problems
            .iter()
            .map(|(key, _)| key.trim_start_matches("recognition.").to_owned())
            .collect()
    }

    #[test]
    fn the_defaults_lack_only_the_account() {
        assert_eq!(
            problems(&Config::default()),
            ["url", "app_key", "app_secret"]
        );
        assert_eq!(problems(&sound()), [""; 0]);
    }

    #[test]
    fn every_impossible_value_is_reported_under_its_key() {
        type Change = fn(&mut Config);
        let cases: [(Change, &str); 22] = [
            (|config| config.url = "gateway.example/ocr".into(), "url"),
            (|config| config.url = "ftp://gateway.example/".into(), "url"),
            (
                |config| config.url = "https://user:word@gateway.example/".into(),
                "url",
            ),
            (
                |config| config.url = "http://gateway.example/ocr".into(),
                "url",
            ),
            (
                |config| config.url = "https://gateway.example/ocr\n".into(),
                "url",
            ),
            (
                |config| config.url = "https://gateway.example/o cr".into(),
                "url",
            ),
            (
                |config| config.url = "https://gateway.example/ocr#here".into(),
                "url",
            ),
            (
                |config| config.app_secret = Secret::new("secret\n"),
                "app_secret",
            ),
            (|config| config.app_key = Secret::default(), "app_key"),
            (
                |config| config.app_secret = Secret::new("two words"),
                "app_secret",
            ),
            (
                |config| (config.auth, config.app_code) = (Auth::AppCode, Secret::default()),
                "app_code",
            ),
            (
                |config| {
                    (config.auth, config.url) = (Auth::AppCode, "http://gateway.example/".into());
                },
                "url",
            ),
            (
                |config| config.max_encoded_bytes = Size(0),
                "max_encoded_bytes",
            ),
            (
                |config| config.max_encoded_bytes = Size((4 << 20) + 1),
                "max_encoded_bytes",
            ),
            (|config| config.rate_per_second = 0.0, "rate_per_second"),
            (
                |config| config.rate_per_second = f64::NAN,
                "rate_per_second",
            ),
            (
                |config| config.rate_per_second = f64::INFINITY,
                "rate_per_second",
            ),
            (|config| config.burst = 0, "burst"),
            (|config| config.max_in_flight = 0, "max_in_flight"),
            (|config| config.max_in_flight = 1_025, "max_in_flight"),
            (|config| config.timeout = span("0s"), "timeout"),
            (|config| config.timeout = span("601s"), "timeout"),
        ];
        for (index, (change, key)) in cases.into_iter().enumerate() {
            let mut config = sound();
            change(&mut config);
            assert_eq!(problems(&config), [key], "case {index}");
        }
    }

    #[test]
    fn without_tls_a_call_stays_on_this_machine_unless_the_section_says_otherwise() {
        for url in [
            "http://127.0.0.1:9000/ocr",
            "http://localhost/ocr",
            "http://[::1]:9000/ocr",
            "https://gateway.example/ocr",
        ] {
            for auth in [Auth::Signature, Auth::AppCode] {
                assert_eq!(
                    problems(&Config {
                        auth,
                        url: url.into(),
                        ..sound()
                    }),
                    [""; 0],
                    "{url}"
                );
            }
        }
        for url in [
            "http://gateway.example/ocr",
            "http://10.0.0.1/",
            "http://localhost.example/",
        ] {
            assert_eq!(
                problems(&Config {
                    url: url.into(),
                    ..sound()
                }),
                ["url"],
                "{url}"
            );
            assert_eq!(
                problems(&Config {
                    url: url.into(),
                    allow_plaintext: true,
                    ..sound()
                }),
                [""; 0],
                "{url}"
            );
        }
    }

    #[test]
    fn secrets_are_neither_printed_nor_written() {
        let config = Config {
            app_secret: Secret::new("visible"),
            ..sound()
        };
        assert!(!format!("{config:?}").contains("visible"));
        assert!(!toml::to_string(&config).unwrap().contains("visible"));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<Config>("app_kye = \"x\"").is_err());
        let config: Config =
            toml::from_str("auth = \"app_code\"\ntransfer = \"url\"\ntimeout = \"45s\"").unwrap();
        assert_eq!(
            (config.auth, config.transfer),
            (Auth::AppCode, Transfer::Url)
        );
    }
}
