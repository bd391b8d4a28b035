//! Does a provider answer, on the way that calls take? The credentials are not tried: there is no
//! call that is sure to cost nothing.

use super::finding::CheckFinding;
use crate::provider::{Reached, reach};
use crate::settings::Network;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// The time that it may take to have a certificate renewed.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(super) async fn check(
    key: &'static str,
    url: &str,
    network: &Network,
    now: Timestamp,
) -> CheckFinding {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    match reach(url, network).await {
        Ok(reached) => answers(key, &host, reached, now),
        Err(cause) => CheckFinding::failed(
            key,
            format!("{host} cannot be reached: {cause}"),
            "is the URL right, and the way to it open?",
        ),
    }
}

fn answers(key: &'static str, host: &str, reached: Reached, now: Timestamp) -> CheckFinding {
    let credentials = "the credentials are tried by the first call, because every call may cost";
    match reached.certificate_until {
        Some(until) if until.duration_since(now) < SOON => CheckFinding::warning(
            key,
            format!("{host} answers, and its certificate expires on {until:.0}"),
            "ask the operator of that host to renew it",
        ),
        Some(until) => CheckFinding::passed(
            key,
            format!("{host} answers, with a certificate until {until:.0}; {credentials}"),
        ),
        None => CheckFinding::passed(key, format!("{host} answers; {credentials}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_expires_soon_is_warned_of() {
        let now: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        for (until, verdict) in [
            (None, "ok"),
            (Some("2027-01-01T00:00:00Z"), "ok"),
            (Some("2026-11-10T00:00:00Z"), "warning"),
        ] {
            let reached = Reached {
                certificate_until: until.map(|until| until.parse().unwrap()),
            };
            let line = answers("recognition.url", "gateway.example", reached, now).render(200);
            assert!(
                line.starts_with(verdict) && line.contains("gateway.example answers"),
                "{line}"
            );
            assert_eq!(line.contains("certificate"), until.is_some(), "{line}");
        }
    }
}
