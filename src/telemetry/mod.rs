//! Telemetry for the operator: log events, metrics, traces, liveness and readiness.

mod filter;
pub mod health;
pub mod instance;
pub mod job_event;
pub mod log;
pub mod metric;
pub mod server;
mod stamped;
pub mod trace;

use crate::settings::problem::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use url::Url;

/// Where collectors listen for gRPC, which is not what is spoken here.
const GRPC_PORT: u16 = 4317;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address of `/metrics`, `/livez` and `/readyz`. Empty turns them off; port 0 picks a port
    /// and logs it.
    pub listen: String,
    pub log: String,
    pub log_format: LogFormat,
    /// The collector of traces (OTLP over HTTP). Empty: no traces.
    pub otlp_endpoint: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
        self.validate_endpoint(problems);
    }

    fn validate_endpoint(&self, problems: &mut Problems) {
        let key = "telemetry.otlp_endpoint";
        if self.otlp_endpoint.is_empty() {
            return;
        }
        let url = self.otlp_endpoint.parse::<Url>().ok();
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return problems.add(
                key,
                "not the URL of a collector for OTLP over HTTP, such as http://127.0.0.1:4318",
            );
        };
        problems.require(
            url.username().is_empty() && url.password().is_none(),
            key,
            "has a user or a password in it; put credentials into the variable OTEL_EXPORTER_OTLP_HEADERS",
        );
        problems.require(
            url.port() != Some(GRPC_PORT),
            key,
            "has the port of OTLP over gRPC (4317); traces are sent over HTTP, usually to 4318",
        );
    }

    /// The counterpart of [`Config::validate`] for a command that only logs.
    pub fn validate_log(&self, problems: &mut Problems) {
        if let Err(problem) = filter::parse(&self.log) {
            problems.add("telemetry.log", problem);
        }
    }
}
