//! What both providers' configuration must satisfy.

use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::units::Span;
use std::time::Duration;
use url::{Host, Url};

const MAX_IN_FLIGHT: usize = 1_024;
/// A call that takes longer would hold its delivery beyond the contract's ten minutes.
const MAX_TIMEOUT: Duration = Duration::from_mins(10);

/// The problems of one section, under its keys.
pub(crate) struct Section<'a> {
    pub(crate) name: &'static str,
    pub(crate) problems: &'a mut Problems,
}

/// How fast a provider may be called.
pub(crate) struct Pace<'a> {
    pub(crate) rate_per_second: f64,
    pub(crate) burst: u32,
    pub(crate) max_in_flight: usize,
    pub(crate) timeout: &'a Span,
}

impl Section<'_> {
    pub(crate) fn require(&mut self, holds: bool, key: &str, problem: &str) {
        self.problems.require(holds, &format!("{}.{key}", self.name), problem);
    }

    /// `None` when it is not a URL that can be called; the problem is told.
    pub(crate) fn url(&mut self, url: &str, where_to_find: &str) -> Option<Url> {
        if url.is_empty() {
            self.require(false, "url", &format!("is not set: put the API's full URL here ({where_to_find})"));
            return None;
        }
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        self.require(parsed.is_some(), "url", "is not an http:// or https:// URL");
        let anonymous = parsed.as_ref().is_none_or(|url| url.username().is_empty() && url.password().is_none());
        self.require(anonymous, "url", "carries a user name or password; credentials have their own keys");
        parsed
    }

    /// A credential that travels as, or is named in, a header. To be asked once the secret files were read.
    pub(crate) fn credential(&mut self, secret: &Secret, key: &str, where_to_find: &str) {
        let missing = format!("is not set: give it here, in {key}_file or in the environment ({where_to_find})");
        self.require(!secret.is_empty(), key, &missing);
        let printable = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
        self.require(
            printable,
            key,
            "has blanks or characters beyond ASCII: no such credential is issued; was more than the value copied?",
        );
    }

    pub(crate) fn pace(&mut self, pace: &Pace<'_>) {
        let rate = pace.rate_per_second;
        self.require(rate.is_finite() && rate > 0.0, "rate_per_second", "must be more than 0: it is the account's quota");
        self.require(pace.burst >= 1, "burst", "must be at least 1: one call needs one");
        self.require((1..=MAX_IN_FLIGHT).contains(&pace.max_in_flight), "max_in_flight", "must be between 1 and 1024");
        let timeout = pace.timeout.duration();
        self.require(!timeout.is_zero() && timeout <= MAX_TIMEOUT, "timeout", "must be more than 0 and at most 10m");
    }
}

/// Whether what is sent there stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
