//! `[storage]`: where images are.

use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::units::{Size, Span, span};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// For jobs that name none.
    pub bucket: String,
    pub region: String,
    /// Empty: AWS itself.
    pub endpoint_url: String,
    pub path_style: bool,
    /// Empty: the standard AWS credential chain.
    pub access_key_id: Secret,
    pub access_key_id_file: String,
    pub secret_access_key: Secret,
    pub secret_access_key_file: String,
    /// For one object, from request to last byte.
    pub timeout: Span,
    pub max_image_bytes: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
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
        problems.require(!self.region.is_empty(), "storage.region", "must not be empty; S3-compatible stores accept us-east-1");
        problems.require(
            self.access_key_id.is_empty() == self.secret_access_key.is_empty(),
            "storage.secret_access_key",
            "access_key_id and secret_access_key go together: give both, or neither for the AWS credential chain",
        );
        let timeout = self.timeout.duration();
        problems.require(!timeout.is_zero() && timeout <= Duration::from_mins(10), "storage.timeout", "must be between 1ms and 10m");
        problems.require((1..=1 << 30).contains(&self.max_image_bytes.0), "storage.max_image_bytes", "must be between 1 byte and 1GiB");
        if self.endpoint_url.is_empty() {
            return;
        }
        let usable = url::Url::parse(&self.endpoint_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        problems.require(usable, "storage.endpoint_url", "not a URL such as https://obs.example.com");
    }
}
