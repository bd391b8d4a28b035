//! Telemetry for the operator: log events, metrics, liveness and readiness.

mod filter;
pub mod health;
pub mod instance;
pub mod job_event;
pub mod log;
pub mod metric;
pub mod server;
mod stamped;

use crate::settings::problem::Problems;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address of `/metrics`, `/livez` and `/readyz`. Empty turns them off; port 0 picks a port
    /// and logs it.
    pub listen: String,
    pub log: String,
    pub log_format: LogFormat,
    pub otlp_endpoint: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".into(),
            log: "info".into(),
            log_format: LogFormat::Auto,
            otlp_endpoint: String::new(),
        }
    }
}

impl Config {
    pub fn validate(&self, problems: &mut Problems) {
        problems.require(
            self.listen.is_empty() || self.listen.parse::<SocketAddr>().is_ok(),
            "telemetry.listen",
            "not an address with a port, such as 127.0.0.1:9464",
        );
        self.validate_log(problems);
        problems.require(
            self.otlp_endpoint.is_empty(),
            "telemetry.otlp_endpoint",
            "traces are not exported by this version; leave it empty",
        );
    }

    /// The counterpart of [`Config::validate`] for a command that only logs.
    pub fn validate_log(&self, problems: &mut Problems) {
        if let Err(problem) = filter::parse(&self.log) {
            problems.add("telemetry.log", problem);
        }
    }
}
