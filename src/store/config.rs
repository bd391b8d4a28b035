//! `[storage]`: where images are.

use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::text::{header_flaw, is_loopback};
use crate::settings::units::{Size, Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use url::Url;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The bucket of jobs that name none.
    pub bucket: String,
    /// Further buckets that a job may name.
    pub buckets: Vec<String>,
    pub region: String,
    /// Empty: AWS itself.
    pub endpoint_url: String,
    pub path_style: bool,
    /// Empty: the standard AWS credential chain.
    pub access_key_id: Secret,
    pub access_key_id_file: String,
    pub secret_access_key: Secret,
    pub secret_access_key_file: String,
    /// The time for one object, from the request to its last byte.
    pub timeout: Span,
    pub max_image_bytes: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            buckets: Vec::new(),
            region: "us-east-1".into(),
            endpoint_url: String::new(),
            path_style: false,
            access_key_id: Secret::default(),
            access_key_id_file: String::new(),
            secret_access_key: Secret::default(),
            secret_access_key_file: String::new(),
            timeout: span("20s"),
            max_image_bytes: Size(20 << 20),
        }
    }
}

impl Config {
    pub fn validate(&self, problems: &mut Problems) {
        problems.require(
            !self.region.is_empty(),
            "storage.region",
            "must not be empty; S3-compatible stores accept us-east-1",
        );
        let is_part_of_a_name =
            |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
        problems.require(
            header_flaw(&self.region).is_some() || self.region.bytes().all(is_part_of_a_name),
            "storage.region",
            "is not the name of a region, such as us-east-1 or cn-north-4",
        );
        for (key, text) in [
            ("storage.bucket", self.bucket.as_str()),
            ("storage.region", &self.region),
            ("storage.endpoint_url", &self.endpoint_url),
            ("storage.access_key_id", self.access_key_id.expose()),
            ("storage.secret_access_key", self.secret_access_key.expose()),
        ] {
            if let Some(flaw) = header_flaw(text) {
                problems.add(key, flaw);
            }
        }
        problems.require(
            self.access_key_id.is_empty() == self.secret_access_key.is_empty(),
            "storage.secret_access_key",
            "access_key_id and secret_access_key go together: give both, or neither for the AWS credential chain",
        );
        problems.require(
            self.buckets.iter().all(|bucket| !bucket.is_empty()),
            "storage.buckets",
            "has a bucket without a name",
        );
        let timeout = self.timeout.duration();
        problems.require(
            !timeout.is_zero() && timeout <= Duration::from_mins(10),
            "storage.timeout",
            "must be between 1ms and 10m",
        );
        problems.require(
            (1..=1 << 30).contains(&self.max_image_bytes.0),
            "storage.max_image_bytes",
            "must be between 1 byte and 1GiB",
        );
        if self.endpoint_url.is_empty() {
            return;
        }
        let Some(url) = Url::parse(&self.endpoint_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            return problems.add(
                "storage.endpoint_url",
                "not a URL such as https://obs.example.com",
            );
        };
        let anonymous = url.username().is_empty() && url.password().is_none();
        problems.require(
            anonymous,
            "storage.endpoint_url",
            "carries a user name or password; credentials have their own keys",
        );
        let bare = url.query().is_none() && url.fragment().is_none();
        problems.require(
            bare,
            "storage.endpoint_url",
            "has a ? or # in it; buckets and keys are put behind its path",
        );
    }

    /// Whether requests to the store can be read on the way to it.
    pub fn is_plaintext(&self) -> bool {
        Url::parse(&self.endpoint_url).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_headers_and_signatures_are_validated_first() {
        type Change = fn(&mut Config);
        let cases: [(Change, &str); 14] = [
            (|config| config.region = String::new(), "storage.region"),
            (
                |config| config.region = "us-east-1\n".into(),
                "storage.region",
            ),
            (
                |config| config.region = "us-east-1/".into(),
                "storage.region",
            ),
            (|config| config.region = "华北".into(), "storage.region"),
            (|config| config.bucket = "claims\n".into(), "storage.bucket"),
            (
                |config| config.bucket = "our claims".into(),
                "storage.bucket",
            ),
            (
                |config| config.access_key_id = Secret::new("AKIA\n"),
                "storage.access_key_id",
            ),
            (
                |config| config.secret_access_key = Secret::new("secret\r\n"),
                "storage.secret_access_key",
            ),
            (
                |config| config.secret_access_key = Secret::default(),
                "storage.secret_access_key",
            ),
            (
                |config| config.endpoint_url = "https://obs.example.com\n".into(),
                "storage.endpoint_url",
            ),
            (
                |config| config.endpoint_url = "obs.example.com".into(),
                "storage.endpoint_url",
            ),
            (
                |config| config.endpoint_url = "https://me:word@obs.example.com".into(),
                "storage.endpoint_url",
            ),
            (
                |config| config.endpoint_url = "https://obs.example.com/?a=b".into(),
                "storage.endpoint_url",
            ),
            (|config| config.timeout = span("0s"), "storage.timeout"),
        ];
        let sound = Config {
            access_key_id: Secret::new("id"),
            secret_access_key: Secret::new("secret"),
            ..Config::default()
        };
        for (index, (change, key)) in cases.into_iter().enumerate() {
            let mut config = sound.clone();
            change(&mut config);
            let mut problems = Problems::default();
            config.validate(&mut problems);
            assert_eq!(
                problems.iter().map(|(key, _)| key).collect::<Vec<_>>(),
                [key],
                "case {index}"
            );
        }
        let mut problems = Problems::default();
        sound.validate(&mut problems);
        assert!(problems.is_empty());
    }

    #[test]
    fn a_store_on_another_machine_is_read_in_clear_over_http() {
        for (endpoint, expected) in [
            ("", false),
            ("https://obs.example.com", false),
            ("http://127.0.0.1:9000", false),
            ("http://localhost:9000", false),
            ("http://minio:9000", true),
        ] {
            assert_eq!(
                Config {
                    endpoint_url: endpoint.into(),
                    ..Config::default()
                }
                .is_plaintext(),
                expected,
                "{endpoint}"
            );
        }
    }
}
