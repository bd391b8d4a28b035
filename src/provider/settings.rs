//! What the section of every account must satisfy, whatever its vendor.

use crate::domain::account::AccountName;
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::text::{header_flaw, is_loopback};
use std::time::Duration;
use url::Url;

const MAX_IN_FLIGHT: usize = 1_024;
/// A call that takes longer would hold its delivery beyond the contract's ten minutes.
const MAX_TIMEOUT: Duration = Duration::from_mins(10);

/// The problems of one account's section, under its keys.
pub struct Section<'a> {
    pub account: AccountName,
    pub problems: &'a mut Problems,
}

/// How fast, how often at once and for how long an account may be called.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// The account's quota, shared by all workers on the queue.
    pub rate_per_second: f64,
    pub burst: u32,
    pub max_in_flight: usize,
    /// From the first byte of a request to the last of its answer.
    pub timeout: Duration,
}

impl Section<'_> {
    pub fn require(&mut self, holds: bool, key: &str, problem: &str) {
        self.problems
            .require(holds, &format!("{}.{key}", self.account), problem);
    }

    /// The full URL of an API, which is called with credentials.
    pub fn url(&mut self, url: &str, allow_plaintext: bool, where_to_find: &str) {
        if url.is_empty() {
            return self.require(
                false,
                "url",
                &format!("is not set: put the API's full URL here ({where_to_find})"),
            );
        }
        // Before it is parsed: the parser leaves out line breaks and blanks without a word.
        if let Some(flaw) = header_flaw(url) {
            return self.require(false, "url", flaw);
        }
        let Some(url) = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            return self.require(false, "url", "is not an http:// or https:// URL");
        };
        let anonymous = url.username().is_empty() && url.password().is_none();
        self.require(
            anonymous,
            "url",
            "carries a user name or password; credentials have their own keys",
        );
        self.require(
            url.fragment().is_none(),
            "url",
            "has a # in it; what is behind it is never sent",
        );
        self.require(
            allow_plaintext || url.scheme() == "https" || is_loopback(&url),
            "url",
            &format!(
                "is http:// to another machine, and would send credentials and images in clear: write https://, or set \
                 {}.allow_plaintext = true if the way is protected otherwise",
                self.account
            ),
        );
    }

    /// A credential that travels as, or is named in, a header. To be asked once the secret files
    /// were read.
    pub fn credential(&mut self, secret: &Secret, key: &str, where_to_find: &str) {
        let missing = format!(
            "is not set: give it here, in {key}_file or in the environment ({where_to_find})"
        );
        self.require(!secret.is_empty(), key, &missing);
        if let Some(flaw) = header_flaw(secret.expose()) {
            self.require(false, key, flaw);
        }
    }

    pub fn limits(&mut self, limits: &CallLimits) {
        let rate = limits.rate_per_second;
        self.require(
            rate.is_finite() && rate > 0.0,
            "rate_per_second",
            "must be more than 0: it is the account's quota",
        );
        self.require(
            limits.burst >= 1,
            "burst",
            "must be at least 1: one call needs one",
        );
        self.require(
            (1..=MAX_IN_FLIGHT).contains(&limits.max_in_flight),
            "max_in_flight",
            "must be between 1 and 1024",
        );
        let timeout = limits.timeout;
        self.require(
            !timeout.is_zero() && timeout <= MAX_TIMEOUT,
            "timeout",
            "must be more than 0 and at most 10m",
        );
    }
}
