//! Can a provider fetch an image by its address? That cannot be tried from here; but some addresses mean nothing anywhere else.

use super::Finding;
use crate::config::Config;
use crate::domain::policy::Transfer;
use url::{Host, Url};

/// `None`: nobody fetches anything.
pub(super) fn check(config: &Config) -> Option<Finding> {
    let who = match (config.recognition.transfer, config.verification.transfer) {
        (Transfer::Inline, Transfer::Inline) => return None,
        (Transfer::Url, Transfer::Inline) => "recognition fetches",
        (Transfer::Inline, Transfer::Url) => "verification fetches",
        (Transfer::Url, Transfer::Url) => "recognition and verification fetch",
    };
    let text = format!("{who} the images by url: the store has to be reachable from there");
    Some(if is_private(&config.storage.endpoint_url) {
        let mend = "give storage.endpoint_url a public address, or use transfer = \"inline\"";
        Finding::worth("transfer", format!("{text}, and storage.endpoint_url is an address of this machine or network"), mend)
    } else {
        Finding::fine("transfer", text)
    })
}

/// Names that no public directory has.
const AT_HOME: [&str; 4] = [".localhost", ".local", ".internal", ".svc"];

/// A name without a dot is only known at home.
fn is_private(endpoint: &str) -> bool {
    match Url::parse(endpoint).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => !name.contains('.') || AT_HOME.iter().any(|suffix| name.ends_with(suffix)),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(recognition: Transfer, verification: Transfer, endpoint: &str) -> Option<String> {
        let mut config = Config::default();
        config.recognition.transfer = recognition;
        config.verification.transfer = verification;
        endpoint.clone_into(&mut config.storage.endpoint_url);
        check(&config).map(|finding| finding.to_string())
    }

    #[test]
    fn who_fetches_is_told_and_what_nobody_can_reach_is_warned_of() {
        assert_eq!(told(Transfer::Inline, Transfer::Inline, "http://127.0.0.1:9000"), None);
        for (endpoint, verdict) in [
            ("", "ok"),
            ("https://obs.example.com", "ok"),
            ("https://203.0.113.7", "ok"),
            ("http://127.0.0.1:9000", "warning"),
            ("http://[::1]:9000", "warning"),
            ("http://10.1.2.3", "warning"),
            ("http://minio:9000", "warning"),
            ("http://minio.storage.svc.cluster.local:9000", "warning"),
            ("http://0.0.0.0:9000", "warning"),
        ] {
            let line = told(Transfer::Url, Transfer::Inline, endpoint).unwrap();
            assert!(line.starts_with(verdict) && line.contains("recognition fetches"), "{endpoint}: {line}");
        }
    }
}
