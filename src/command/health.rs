//! `health`: asks the worker on this machine how it is. For containers without a shell or curl.

use super::http_get::get;
use crate::config::{Config, ConfigError};
use crate::telemetry;
use anyhow::{Context, bail};
use clap::Args;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

/// A worker that cannot answer within this time is not alive.
const PATIENCE: Duration = Duration::from_secs(5);
/// The answers are one line each; more than this comes from another server.
const LONGEST_ANSWER: u64 = 64 * 1024;

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct HealthArguments {
    /// Asks /readyz (does it take jobs?) instead of /livez (does the process answer?)
    #[arg(long)]
    ready: bool,
}

/// Prints the worker's answer. The status is 0 where that answer is 200, else 1.
pub(super) async fn run(config: &Config, arguments: HealthArguments) -> anyhow::Result<ExitCode> {
    let address = address(&config.telemetry)?;
    let path = if arguments.ready { "/readyz" } else { "/livez" };
    let answer = get(&address.to_string(), path, LONGEST_ANSWER, PATIENCE)
        .await
        .with_context(|| format!("no worker answers at http://{address}{path}"))?;
    writeln!(std::io::stdout().lock(), "{}", answer.body.trim_end())?;
    match answer.status {
        Some(200) => Ok(ExitCode::SUCCESS),
        Some(503) => Ok(ExitCode::FAILURE),
        _ => bail!("what answers at http://{address}{path} is not an invoice-worker"),
    }
}

/// The address at which the worker with this configuration is asked: loopback, where it listens on
/// every address.
pub(super) fn address(config: &telemetry::Config) -> Result<SocketAddr, ConfigError> {
    let problem = "a worker that is to be asked needs an address with a port other than 0, such as 127.0.0.1:9464";
    let mut address = config
        .listen
        .parse::<SocketAddr>()
        .ok()
        .filter(|address| address.port() != 0)
        .ok_or_else(|| ConfigError::of("telemetry.listen", problem))?;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_listens_everywhere_is_asked_on_loopback() {
        let asked = |listen: &str| {
            let config = telemetry::Config {
                listen: listen.to_owned(),
                ..telemetry::Config::default()
            };
            address(&config).ok().map(|address| address.to_string())
        };
        for (listen, expected) in [
            ("127.0.0.1:9464", Some("127.0.0.1:9464")),
            ("0.0.0.0:9464", Some("127.0.0.1:9464")),
            ("[::]:9464", Some("[::1]:9464")),
            ("10.1.2.3:80", Some("10.1.2.3:80")),
            ("127.0.0.1:0", None),
            ("", None),
        ] {
            assert_eq!(asked(listen).as_deref(), expected, "{listen}");
        }
    }
}
