//! The names of answers: what a fault can be told to answer with, and what a call is recorded
//! under.
//!
//! They are the names of the error-code policy (`"316"`, `"APIG.0308"`, `"OUT_OF_QUOTA"`,
//! `"SlowDown"`, `"http.502"`), and the names of what can go wrong on the wire.

use std::fmt;

use super::codes;
use crate::domain::failure::Stage;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the picture, or the store, would have been answered without the fault: `genuine`, and
    /// the success codes.
    Genuine,
    /// A provider's own numeric code: recognition's `code` inside HTTP 200, verification's
    /// `error_code` under `VERIFY_FAILED`.
    Code(u16),
    /// The gateway's `error_code`, verification's `status`, or S3's error code.
    Named(String),
    /// `http.502`: a status with a page that is no document of the API.
    Http(u16),
    Broken(Wire),
}

/// What goes wrong on the wire, and how it is written in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// The call is accepted and never answered.
    Timeout,
    /// The connection is closed instead of an answer.
    Closed,
    /// The connection is closed in the middle of the genuine answer.
    Reset,
    /// Half of the genuine answer: a provider ends it as if it were whole, S3 announces the whole
    /// and hangs up.
    Truncated,
    /// HTTP 200 and bytes that are not the API's.
    Garbage,
    /// HTTP 200 and more bytes than anybody should read.
    Oversize,
    /// The genuine answer, in pieces spread over `delay`.
    Slow,
}

const WIRE: [(&str, Wire); 7] = [
    ("timeout", Wire::Timeout),
    ("closed", Wire::Closed),
    ("reset", Wire::Reset),
    ("truncated", Wire::Truncated),
    ("garbage", Wire::Garbage),
    ("oversize", Wire::Oversize),
    ("slow", Wire::Slow),
];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAnswer {
    #[error("{stage} is asked of no server; the stages are recognition, verification and storage")]
    NoServer { stage: Stage },
    #[error(
        "{stage} cannot answer {answer:?}; it knows {known} (others with http_status), http.NNN, genuine, \
         timeout, closed, reset, truncated, garbage, oversize and slow"
    )]
    NotDocumented {
        stage: Stage,
        answer: String,
        known: &'static str,
    },
}

impl Answer {
    /// A code that no document names is refused as a slip of the pen, unless `undocumented` says
    /// that it is meant.
    pub fn parse(stage: Stage, text: &str, undocumented: bool) -> Result<Self, UnknownAnswer> {
        let code = text.parse().ok().map(Self::Code);
        let (own, documented, known) = match stage {
            Stage::Recognition if text == "200" => (Some(Self::Genuine), true, ""),
            Stage::Recognition => (
                code,
                codes::gateway(text).is_some(),
                "numeric codes, the documented APIG.NNNN",
            ),
            Stage::Verification if text == "OK" => (Some(Self::Genuine), true, ""),
            Stage::Verification => (
                code,
                codes::status(text).is_some(),
                "numeric codes, the documented statuses",
            ),
            Stage::Storage => (
                None,
                codes::storage(text).is_some(),
                "S3's usual error codes",
            ),
            Stage::Job | Stage::Image | Stage::Worker => {
                return Err(UnknownAnswer::NoServer { stage });
            }
        };
        let named = (documented || undocumented).then(|| Self::Named(text.to_owned()));
        let unknown = || UnknownAnswer::NotDocumented {
            stage,
            answer: text.to_owned(),
            known,
        };
        own.or_else(|| Self::of_any_stage(text))
            .or(named)
            .ok_or_else(unknown)
    }

    fn of_any_stage(text: &str) -> Option<Self> {
        if text == "genuine" {
            return Some(Self::Genuine);
        }
        let status = text
            .strip_prefix("http.")
            .and_then(|status| status.parse().ok());
        let http = status
            .filter(|status| (200..600).contains(status))
            .map(Self::Http);
        let broken = || {
            WIRE.iter()
                .find(|(name, _)| *name == text)
                .map(|(_, wire)| Self::Broken(*wire))
        };
        http.or_else(broken)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genuine => formatter.write_str("genuine"),
            Self::Code(code) => write!(formatter, "{code}"),
            Self::Named(name) => formatter.write_str(name),
            Self::Http(status) => write!(formatter, "http.{status}"),
            Self::Broken(wire) => formatter.write_str(wire.as_str()),
        }
    }
}

impl Wire {
    pub fn as_str(self) -> &'static str {
        WIRE.iter()
            .find(|(_, wire)| *wire == self)
            .map_or("", |(name, _)| name)
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
            (Stage::Verification, "316"),
            (Stage::Verification, "OUT_OF_QUOTA"),
            (Stage::Storage, "SlowDown"),
            (Stage::Storage, "http.500"),
            (Stage::Verification, "timeout"),
            (Stage::Verification, "genuine"),
        ] {
            assert_eq!(Answer::parse(stage, text, false).unwrap().to_string(), text);
        }
        assert_eq!(
            Answer::parse(Stage::Verification, "OK", false),
            Ok(Answer::Genuine)
        );
        assert_eq!(
            Answer::parse(Stage::Recognition, "200", false),
            Ok(Answer::Genuine)
        );
    }

    #[test]
    fn an_answer_of_another_stage_is_refused_unless_it_is_meant() {
        for (stage, text) in [
            (Stage::Recognition, "OUT_OF_QUOTA"),
            (Stage::Verification, "APIG.0308"),
            (Stage::Storage, "316"),
            (Stage::Recognition, "http.99"),
            (Stage::Worker, "316"),
        ] {
            assert!(Answer::parse(stage, text, false).is_err(), "{stage} {text}");
        }
        assert!(Answer::parse(Stage::Verification, "SOMETHING_NEW", true).is_ok());
    }
}
