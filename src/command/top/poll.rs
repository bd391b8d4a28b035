//! Asks workers for their metrics, all at once and within bounds.

use super::exposition::Samples;
use super::growth::Look;
use crate::clock::Clock;
use crate::command::http_get::get;
use crate::command::terminal::plain;
use futures_util::future::join_all;
use std::time::Duration;
use url::Url;

/// A worker's metrics are some hundred kilobytes at the most.
const LONGEST_ANSWER: u64 = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(3);
const PATH: &str = "/metrics";

/// The address at which a worker is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Host and port.
    authority: String,
    path: String,
}

impl Target {
    /// Reads `http://host:port`, `host:port`, or either with a path.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str =
            "not the address of a worker's telemetry; write for instance http://10.0.0.7:9464";
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url: Url = with_scheme.parse().map_err(|_| WRONG)?;
        if url.scheme() != "http" {
            return Err("a worker serves its telemetry over http");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a worker's telemetry asks for no password");
        }
        let host = url.host_str().ok_or(WRONG)?;
        let port = url.port_or_known_default().ok_or(WRONG)?;
        let path = match url.path() {
            "" | "/" => PATH,
            path => path,
        };
        Ok(Self {
            authority: format!("{host}:{port}"),
            path: path.to_owned(),
        })
    }

    /// The name under which it is shown.
    pub(super) fn name(&self) -> String {
        let path = if self.path == PATH { "" } else { &self.path };
        plain(&format!("{}{path}", self.authority))
    }
}

/// One look at each worker, in the same order.
pub(super) async fn look(targets: &[Target]) -> Vec<Look> {
    join_all(targets.iter().map(look_at)).await
}

async fn look_at(target: &Target) -> Look {
    let asked = get(&target.authority, &target.path, LONGEST_ANSWER, PATIENCE).await;
    let said = match asked {
        Err(error) => Err(plain(&error.to_string())),
        Ok(answer) if answer.status != Some(200) => Err(match answer.status {
            Some(status) => format!("status {status}"),
            None => "not HTTP".to_owned(),
        }),
        Ok(answer) => {
            let samples = Samples::parse(&answer.body);
            if samples.are_of_a_worker() {
                Ok(samples)
            } else {
                Err("what answers is no invoice-worker".to_owned())
            }
        }
    };
    Look {
        worker: target.name(),
        at: now(),
        said,
    }
}

/// Seconds since the epoch.
pub(super) fn now() -> f64 {
    Clock::System.now().as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_named_by_its_address() {
        for (text, authority, path, name) in [
            (
                "127.0.0.1:9464",
                "127.0.0.1:9464",
                "/metrics",
                "127.0.0.1:9464",
            ),
            (
                "http://worker-1:9464/",
                "worker-1:9464",
                "/metrics",
                "worker-1:9464",
            ),
            (
                "http://worker-1:9464/metrics",
                "worker-1:9464",
                "/metrics",
                "worker-1:9464",
            ),
            ("http://[::1]:9464", "[::1]:9464", "/metrics", "[::1]:9464"),
            (
                "http://gate/w/1/metrics",
                "gate:80",
                "/w/1/metrics",
                "gate:80/w/1/metrics",
            ),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.name(), name, "{text}");
            let expected = (authority.to_owned(), path.to_owned());
            assert_eq!((target.authority, target.path), expected, "{text}");
        }
        for text in [
            "",
            "https://127.0.0.1:9464",
            "http://me:secret@127.0.0.1:9464",
            "ftp://127.0.0.1",
            "http://",
            "a b",
        ] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
