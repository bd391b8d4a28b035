//! Why a copy lies in the failed queue: as the worker wrote it down, else as the broker did.

use crate::broker::{Death, FAILURE, Headers};
use crate::domain::failure::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES, cut};
use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the broker calls it when a message has come back too often.
const DELIVERY_LIMIT: &str = "delivery_limit";
const BROKER: &str = "broker";
const UNKNOWN: &str = "unknown";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) status: Status,
    /// A stage of the pipeline, `broker` or `unknown`.
    pub(super) stage: String,
    pub(super) code: String,
    pub(super) message: String,
    /// Like the time, `None` where nobody wrote it down.
    pub(super) effort: Option<Effort>,
    pub(super) at: Option<Timestamp>,
}

/// What was done before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effort {
    /// Attempts made at the stage that failed.
    pub(super) attempts: u32,
    pub(super) calls: u32,
    /// Calls that were or may have been paid for.
    pub(super) billed: u32,
}

/// What the submitter was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Status {
    Undetermined,
    InvalidJob,
    /// The worker left no word: whether somebody was answered is not known.
    #[serde(other)]
    Unknown,
}

/// The header, as far as it can be read: another version of the worker may have written it.
#[derive(Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    pub(super) job_id: Option<String>,
    status: Status,
    #[serde(default)]
    error: Option<ToldError>,
    #[serde(default)]
    calls: u32,
    #[serde(default)]
    billed: u32,
    #[serde(default)]
    at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ToldError {
    stage: String,
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    attempts: u32,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Undetermined => "undetermined",
            Self::InvalidJob => "invalid_job",
            Self::Unknown => UNKNOWN,
        }
    }
}

impl Told {
    /// `None` where the broker has the last word: a job that came back too often may still carry
    /// the header of an earlier failure.
    pub(super) fn of(headers: &Headers) -> Option<Self> {
        let exhausted = headers
            .death()
            .is_some_and(|death| death.reason == DELIVERY_LIMIT);
        if exhausted {
            None
        } else {
            serde_json::from_str(&headers.text(FAILURE)?).ok()
        }
    }
}

impl Reason {
    pub(super) fn new(told: Option<&Told>, headers: &Headers) -> Self {
        match (told, headers.death()) {
            (Some(told), _) => Self::told(told),
            (None, Some(death)) => Self::death(&death, headers.died_at()),
            (None, None) if headers.contains(FAILURE) => Self::unknown(
                "unreadable",
                "the header invoice-failure cannot be read; another version may have written it",
            ),
            (None, None) => Self::unknown(
                "unexplained",
                "neither the worker nor the broker says why; somebody may have put it here by hand",
            ),
        }
    }

    fn told(told: &Told) -> Self {
        let (stage, code, message, attempts) = match &told.error {
            Some(error) => (
                error.stage.as_str(),
                error.code.as_str(),
                error.message.as_str(),
                error.attempts,
            ),
            None => (UNKNOWN, "unexplained", "the worker named no error", 0),
        };
        Self {
            status: told.status,
            stage: cut(stage, MAX_CODE_BYTES).to_owned(),
            code: cut(code, MAX_CODE_BYTES).to_owned(),
            message: cut(message, MAX_MESSAGE_BYTES).to_owned(),
            effort: Some(Effort {
                attempts,
                calls: told.calls,
                billed: told.billed,
            }),
            at: told.at,
        }
    }

    fn death(death: &Death, at: Option<Timestamp>) -> Self {
        let what = match death.reason.as_str() {
            DELIVERY_LIMIT => "its workers died, or lost their connection, too often",
            "expired" => "its time to live was over",
            "rejected" => "a consumer rejected it",
            "maxlen" => "the queue was full",
            _ => "the broker gives no more than this word",
        };
        Self {
            at,
            code: cut(&death.reason, MAX_CODE_BYTES).to_owned(),
            message: cut(
                &format!(
                    "the broker itself moved it here from {}: {what}",
                    death.queue
                ),
                MAX_MESSAGE_BYTES,
            )
            .to_owned(),
            stage: BROKER.to_owned(),
            ..Self::unknown("", "")
        }
    }

    fn unknown(code: &str, message: &str) -> Self {
        Self {
            status: Status::Unknown,
            stage: UNKNOWN.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
            effort: None,
            at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(reason: &str) -> Headers {
        Headers::dead_lettered("invoice.jobs", reason, 1_800_000_000)
    }

    fn with(mut headers: Headers, failure: &str) -> Headers {
        headers.set_text(FAILURE, failure);
        headers
    }

    const WHOLE: &str = r#"{"job_id":"CLM-1","run":"ab","status":"undetermined","calls":9,"billed":8,"at":"2026-11-22T09:10:11Z",
        "error":{"stage":"verification","code":"316","message":"in maintenance","attempts":7}}"#;

    #[test]
    fn a_copy_has_the_reason_of_whoever_put_it_there() {
        let none = Headers::default;
        for (headers, expected) in [
            (
                with(none(), WHOLE),
                (Status::Undetermined, "verification", "316", true),
            ),
            (
                with(none(), &WHOLE.replace("undetermined", "invalid_job")),
                (Status::InvalidJob, "verification", "316", true),
            ),
            (
                with(none(), &WHOLE.replace("undetermined", "postponed")),
                (Status::Unknown, "verification", "316", true),
            ),
            (
                with(none(), &WHOLE.replace("verification", "prophecy")),
                (Status::Undetermined, "prophecy", "316", true),
            ),
            (
                with(none(), r#"{"status":"invalid_job","error":null}"#),
                (Status::InvalidJob, "unknown", "unexplained", false),
            ),
            (
                with(none(), "{}"),
                (Status::Unknown, "unknown", "unreadable", false),
            ),
            (
                with(none(), "why not"),
                (Status::Unknown, "unknown", "unreadable", false),
            ),
            (none(), (Status::Unknown, "unknown", "unexplained", false)),
            (
                dead("delivery_limit"),
                (Status::Unknown, "broker", "delivery_limit", true),
            ),
            (
                dead("some_day"),
                (Status::Unknown, "broker", "some_day", true),
            ),
            // Replayed by hand with its old header, and then it killed its workers.
            (
                with(dead("delivery_limit"), WHOLE),
                (Status::Unknown, "broker", "delivery_limit", true),
            ),
            // Moved out and in again by a person, through a queue with a time to live.
            (
                with(dead("expired"), WHOLE),
                (Status::Undetermined, "verification", "316", true),
            ),
        ] {
            let reason = Reason::new(Told::of(&headers).as_ref(), &headers);
            let found = (
                reason.status,
                reason.stage.as_str(),
                reason.code.as_str(),
                reason.at.is_some(),
            );
            assert_eq!(found, expected, "{:?}", headers.text(FAILURE));
            assert!(!reason.message.is_empty());
        }
    }

    #[test]
    fn what_the_worker_counted_is_kept() {
        let headers = with(Headers::default(), WHOLE);
        let reason = Reason::new(Told::of(&headers).as_ref(), &headers);
        assert_eq!(
            reason.effort,
            Some(Effort {
                attempts: 7,
                calls: 9,
                billed: 8
            })
        );
        assert_eq!(reason.at, Some("2026-11-22T09:10:11Z".parse().unwrap()));
    }

    #[test]
    fn the_brokers_reason_says_where_and_why_in_words() {
        let reason = Reason::new(None, &dead("delivery_limit"));
        assert_eq!(
            reason.message,
            "the broker itself moved it here from invoice.jobs: its workers died, or lost their connection, too often"
        );
        assert_eq!(reason.at, Timestamp::from_second(1_800_000_000).ok());
    }

    #[test]
    fn a_strangers_long_words_are_cut() {
        let long = WHOLE
            .replace("316", &"9".repeat(1_000))
            .replace("in maintenance", &"x".repeat(1_000));
        let headers = with(Headers::default(), &long);
        let reason = Reason::new(Told::of(&headers).as_ref(), &headers);
        assert_eq!(
            (reason.code.len(), reason.message.len()),
            (MAX_CODE_BYTES, MAX_MESSAGE_BYTES)
        );
    }
}
