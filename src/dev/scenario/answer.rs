//! The names of answers: what a scenario can have a call answered with, and what a call is recorded
//! under.

use crate::domain::failure::Stage;
use serde::Deserialize;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptedAnswer {
    /// The answer that the call gets without the fault; in a simulation, the good one.
    Genuine,
    /// A provider's own numeric code: recognition's `code` inside HTTP 200, verification's
    /// `error_code` under `VERIFY_FAILED`.
    Code(u16),
    /// The gateway's `error_code`, verification's `status`, or S3's error code.
    Named(String),
    /// `http.502`: a status with a page that is no document of the API.
    Http(u16),
    Broken(WireFault),
}

/// A fault on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFault {
    /// No connection: nothing was sent.
    Connect,
    /// The call is accepted and never answered.
    Timeout,
    /// The connection is closed instead of an answer.
    Closed,
    /// The connection is closed in the middle of the genuine answer.
    Reset,
    /// Half of the genuine answer: a provider ends it as if it were whole, S3 announces the whole
    /// and hangs up.
    Truncated,
    /// Not what the API documents: HTTP 200 and other bytes.
    Malformed,
    /// The same, under the name that the sandbox records.
    Garbage,
    /// HTTP 200 and more bytes than a client should read.
    Oversize,
    /// The genuine answer, in pieces spread over the delay.
    Slow,
}

const WIRE: [(&str, WireFault); 9] = [
    ("connect", WireFault::Connect),
    ("timeout", WireFault::Timeout),
    ("closed", WireFault::Closed),
    ("reset", WireFault::Reset),
    ("truncated", WireFault::Truncated),
    ("malformed", WireFault::Malformed),
    ("garbage", WireFault::Garbage),
    ("oversize", WireFault::Oversize),
    ("slow", WireFault::Slow),
];

/// The registry's answer about a bill that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryAnswer {
    Genuine,
    Voided,
    RedLettered,
    /// A status that the documents do not explain.
    Unknown,
}

impl ScriptedAnswer {
    /// Every text is the name of an answer: providers and stores may have undocumented ones.
    pub fn parse(stage: Stage, text: &str) -> Self {
        let is_numbered = matches!(stage, Stage::Recognition | Stage::Verification);
        let number = text
            .parse()
            .ok()
            .filter(|code: &u16| code.to_string() == text);
        let status = text
            .strip_prefix("http.")
            .and_then(|status| status.parse().ok());
        if text == "genuine" || text == good_code(stage) {
            Self::Genuine
        } else if let Some(status) = status.filter(|status| (200..600).contains(status)) {
            Self::Http(status)
        } else if let Some((_, fault)) = WIRE.iter().find(|(name, _)| *name == text) {
            Self::Broken(*fault)
        } else if let Some(code) = number.filter(|_| is_numbered) {
            Self::Code(code)
        } else {
            Self::Named(text.to_owned())
        }
    }

    /// The name that the error-code policy has for it, where the client sees it as it is.
    pub(in crate::dev) fn code(&self, stage: Stage) -> String {
        match self {
            Self::Genuine => good_code(stage).to_owned(),
            other => other.to_string(),
        }
    }
}

/// The policy's name of a good answer.
pub(in crate::dev) fn good_code(stage: Stage) -> &'static str {
    match stage {
        Stage::Recognition => "200",
        Stage::Verification | Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => "OK",
    }
}

impl fmt::Display for ScriptedAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genuine => formatter.write_str("genuine"),
            Self::Code(code) => write!(formatter, "{code}"),
            Self::Named(name) => formatter.write_str(name),
            Self::Http(status) => write!(formatter, "http.{status}"),
            Self::Broken(fault) => formatter.write_str(fault.as_str()),
        }
    }
}

impl WireFault {
    pub fn as_str(self) -> &'static str {
        let is_own = |(_, fault): &&(&str, Self)| *fault == self;
        WIRE.iter().find(is_own).map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_answer_is_read_and_written_alike() {
        for (stage, text) in [
            (Stage::Recognition, "500"),
            (Stage::Recognition, "APIG.0308"),
            (Stage::Recognition, "OK"),
            (Stage::Verification, "316"),
            (Stage::Verification, "0316"),
            (Stage::Verification, "OUT_OF_QUOTA"),
            (Stage::Storage, "SlowDown"),
            (Stage::Storage, "http.500"),
            (Stage::Verification, "timeout"),
            (Stage::Verification, "genuine"),
        ] {
            assert_eq!(ScriptedAnswer::parse(stage, text).to_string(), text);
        }
        for stage in [Stage::Storage, Stage::Recognition, Stage::Verification] {
            let good = ScriptedAnswer::parse(stage, good_code(stage));
            assert_eq!(good, ScriptedAnswer::Genuine);
        }
    }
}
