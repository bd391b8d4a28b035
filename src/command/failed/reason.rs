//! Why a copy is in the failed queue: the worker's reason where it wrote one, else the broker's.

use crate::broker::{Death, FAILURE, Headers};
use crate::domain::failure::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES, cut};
use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The broker's word for a message that was delivered too often.
const DELIVERY_LIMIT: &str = "delivery_limit";
const BROKER: &str = "broker";
const UNKNOWN: &str = "unknown";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) status: FailedStatus,
    /// A stage of the pipeline, `broker` or `unknown`.
    pub(super) stage: String,
    pub(super) code: String,
    pub(super) message: String,
    /// Like the time, `None` where the header does not say it.
    pub(super) effort: Option<Effort>,
    pub(super) at: Option<Timestamp>,
}

/// The work that was done before the job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effort {
    /// Attempts made at the stage that failed.
    pub(super) attempts: u32,
    pub(super) calls: u32,
    /// Calls that were or may have been paid for.
    pub(super) billed: u32,
}

/// The status that the submitter got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum FailedStatus {
    Undetermined,
    InvalidJob,
    /// The worker left no header: whether the submitter got an answer is not known.
    #[serde(other)]
    Unknown,
}

/// The header `invoice-failure`, as far as it can be read: another version of the worker may have
/// written it.
#[derive(Deserialize)]
pub(super) struct FailureHeader {
    #[serde(default)]
    pub(super) job_id: Option<String>,
    /// The job queue that the job came from.
    #[serde(default)]
    pub(super) queue: Option<String>,
    status: FailedStatus,
    #[serde(default)]
    error: Option<FailureHeaderError>,
    #[serde(default)]
    calls: u32,
    #[serde(default)]
    billed: u32,
    #[serde(default)]
    at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct FailureHeaderError {
    stage: String,
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    attempts: u32,
}

impl FailedStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Undetermined => "undetermined",
            Self::InvalidJob => "invalid_job",
            Self::Unknown => UNKNOWN,
        }
    }
}

impl FailureHeader {
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
    pub(super) fn new(header: Option<&FailureHeader>, headers: &Headers) -> Self {
        match (header, headers.death()) {
            (Some(header), _) => Self::from_header(header),
            (None, Some(death)) => Self::from_death(&death, headers.died_at()),
            (None, None) if headers.contains(FAILURE) => Self::unknown(
                "unreadable",
                "the header invoice-failure cannot be read; another version may have written it",
            ),
            (None, None) => Self::unknown(
                "unexplained",
                "neither the worker nor the broker says why; it may have been put here by hand",
            ),
        }
    }

    fn from_header(header: &FailureHeader) -> Self {
        let (stage, code, message, attempts) = match &header.error {
            Some(error) => (
                error.stage.as_str(),
                error.code.as_str(),
                error.message.as_str(),
                error.attempts,
            ),
            None => (UNKNOWN, "unexplained", "the worker named no error", 0),
        };
        Self {
            status: header.status,
            stage: cut(stage, MAX_CODE_BYTES).to_owned(),
            code: cut(code, MAX_CODE_BYTES).to_owned(),
            message: cut(message, MAX_MESSAGE_BYTES).to_owned(),
            effort: Some(Effort {
                attempts,
                calls: header.calls,
                billed: header.billed,
            }),
            at: header.at,
        }
    }

    fn from_death(death: &Death, at: Option<Timestamp>) -> Self {
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
            status: FailedStatus::Unknown,
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
    fn a_copy_has_the_reason_of_the_worker_or_of_the_broker() {
        let none = Headers::default;
        for (headers, expected) in [
            (
                with(none(), WHOLE),
                (FailedStatus::Undetermined, "verification", "316", true),
            ),
            (
                with(none(), &WHOLE.replace("undetermined", "invalid_job")),
                (FailedStatus::InvalidJob, "verification", "316", true),
            ),
            (
                with(none(), &WHOLE.replace("undetermined", "postponed")),
                (FailedStatus::Unknown, "verification", "316", true),
            ),
            (
                with(none(), &WHOLE.replace("verification", "prophecy")),
                (FailedStatus::Undetermined, "prophecy", "316", true),
            ),
            (
                with(none(), r#"{"status":"invalid_job","error":null}"#),
                (FailedStatus::InvalidJob, "unknown", "unexplained", false),
            ),
            (
                with(none(), "{}"),
                (FailedStatus::Unknown, "unknown", "unreadable", false),
            ),
            (
                with(none(), "why not"),
                (FailedStatus::Unknown, "unknown", "unreadable", false),
            ),
            (
                none(),
                (FailedStatus::Unknown, "unknown", "unexplained", false),
            ),
            (
                dead("delivery_limit"),
                (FailedStatus::Unknown, "broker", "delivery_limit", true),
            ),
            (
                dead("some_day"),
                (FailedStatus::Unknown, "broker", "some_day", true),
            ),
            // Replayed by hand with its old header, and then it killed its workers.
            (
                with(dead("delivery_limit"), WHOLE),
                (FailedStatus::Unknown, "broker", "delivery_limit", true),
            ),
            // Moved out and in again by a person, through a queue with a time to live.
            (
                with(dead("expired"), WHOLE),
                (FailedStatus::Undetermined, "verification", "316", true),
            ),
        ] {
            let reason = Reason::new(FailureHeader::of(&headers).as_ref(), &headers);
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
        let reason = Reason::new(FailureHeader::of(&headers).as_ref(), &headers);
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
    fn long_texts_are_cut() {
        let long = WHOLE
            .replace("316", &"9".repeat(1_000))
            .replace("in maintenance", &"x".repeat(1_000));
        let headers = with(Headers::default(), &long);
        let reason = Reason::new(FailureHeader::of(&headers).as_ref(), &headers);
        assert_eq!(
            (reason.code.len(), reason.message.len()),
            (MAX_CODE_BYTES, MAX_MESSAGE_BYTES)
        );
    }
}
