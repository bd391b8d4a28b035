//! The result we publish: part of the contract, so names here are fixed.

use super::checks::Check;
use super::failure::{Billed, CONNECT, Failure, Stage};
use super::invoice::{Invoice, Registry};
use super::seen_bill::SeenBefore;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

const SCHEMA: &str = "invoice.result/1";
/// A broker refuses what is larger than its `max_message_size`, 16 MiB by default in RabbitMQ 4,
/// and closes the channel.
const MAX_RESULT_BYTES: usize = 15 << 20;
/// The lines that are kept of each list where a result is too large: tried in turn.
const LINES_THAT_FIT: [usize; 3] = [10_000, 1_000, 0];

pub const PROGRESS_SCHEMA: &str = "invoice.progress/1";

/// The message that is published to the reply queue when a job that asked for progress is parked.
#[derive(Serialize, JsonSchema)]
pub struct ProgressMessage<'a> {
    #[schemars(extend("const" = PROGRESS_SCHEMA))]
    pub schema: &'static str,
    pub job_id: &'a str,
    /// The stage for which the job waits, and the code of its failure.
    pub stage: Stage,
    pub code: &'a str,
    /// Attempts made at the stage by now.
    pub attempt: u32,
    pub next_attempt_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub struct JobResult<'a> {
    #[schemars(extend("const" = SCHEMA))]
    pub schema: &'static str,
    pub job_id: Option<&'a str>,
    pub status: Status,
    pub verdict: Option<Verdict>,
    pub flags: Vec<Flag>,
    /// The earlier job about the same bill.
    pub seen_before: Option<SeenBefore>,
    pub recognition: Option<RecognitionPart>,
    pub verification: Option<VerificationPart>,
    pub checks: Vec<Check>,
    pub error: Option<JobError>,
    pub calls: Vec<CallRecord>,
    pub image: Option<ImagePart>,
    pub first_seen: Timestamp,
    pub finished: Timestamp,
    /// The job's own metadata, byte for byte.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub metadata: Option<&'a RawValue>,
}

impl JobResult<'_> {
    /// A result that says nothing but its status.
    pub fn new(status: Status, first_seen: Timestamp, finished: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            job_id: None,
            status,
            verdict: None,
            flags: Vec::new(),
            seen_before: None,
            recognition: None,
            verification: None,
            checks: Vec::new(),
            error: None,
            calls: Vec::new(),
            image: None,
            first_seen,
            finished,
            metadata: None,
        }
    }

    /// A body that every broker takes, with as many lines as fit.
    pub fn to_body(&mut self) -> Box<RawValue> {
        let mut body = self.body();
        for lines in LINES_THAT_FIT {
            if body.get().len() <= MAX_RESULT_BYTES {
                break;
            }
            self.keep_lines(lines);
            body = self.body();
        }
        body
    }

    fn body(&self) -> Box<RawValue> {
        // Cannot fail: every key is text and every number finite.
        to_raw_value(self).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    /// Keeps so many lines of each list of both invoices, and says how many are left out. The
    /// checks were made over all of them.
    fn keep_lines(&mut self, max: usize) {
        let recognised = self.recognition.as_mut().map(|part| &mut part.invoice);
        let verified = self.verification.as_mut().map(|part| &mut part.invoice);
        for invoice in recognised.into_iter().chain(verified) {
            invoice.keep_lines(max);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Completed,
    Undetermined,
    InvalidJob,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Undetermined => "undetermined",
            Self::InvalidJob => "invalid_job",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Genuine,
    Voided,
    RedLettered,
    Mismatch,
    NotFound,
    Invalid,
    NotUsable,
    /// `verify` was false: read, not verified.
    Recognized,
}

impl Verdict {
    pub const ALL: [Self; 8] = [
        Self::Genuine,
        Self::Voided,
        Self::RedLettered,
        Self::Mismatch,
        Self::NotFound,
        Self::Invalid,
        Self::NotUsable,
        Self::Recognized,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Voided => "voided",
            Self::RedLettered => "red_lettered",
            Self::Mismatch => "mismatch",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::NotUsable => "not_usable",
            Self::Recognized => "recognized",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    Posted,
    Printed,
    Reimbursed,
    RegistryStatusUnknown,
    SeenBefore,
    /// Number, total or patient of the paper are not those of the registry.
    DiffersFromRegistry,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct RecognitionPart {
    pub invoice: Invoice,
    pub request_id: Option<String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct VerificationPart {
    pub invoice: Invoice,
    pub registry: Registry,
    pub request_id: Option<String>,
    pub qr_code_found: Option<bool>,
}

/// Why there is no verdict, or what the provider said behind a negative one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobError {
    pub stage: Stage,
    pub code: String,
    pub message: String,
    /// Attempts made at the stage that failed.
    pub attempts: u32,
}

impl JobError {
    pub fn new(failure: &Failure, attempts: u32) -> Self {
        Self {
            stage: failure.stage,
            code: failure.code.clone(),
            message: failure.message.to_string(),
            attempts,
        }
    }

    /// As [`Failure::connection_cause`].
    pub fn connection_cause(&self) -> Option<&str> {
        (self.code == CONNECT).then_some(self.message.as_str())
    }
}

/// One call to a paid provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallRecord {
    pub stage: Stage,
    pub code: String,
    pub request_id: Option<String>,
    pub at: Timestamp,
    pub duration_ms: u64,
    pub billed: Billed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ImagePart {
    Object {
        bucket: String,
        key: String,
        version_id: Option<String>,
        /// Hex; absent where its bytes were not read.
        sha256: Option<String>,
        /// Its length in bytes.
        bytes: Option<u64>,
        /// By name, also of a file that no provider takes.
        format: Option<String>,
        /// In pixels, as stored.
        width: Option<u32>,
        height: Option<u32>,
        /// The pictures that were sent instead; absent where the original was.
        #[serde(default)]
        prepared: Option<Box<PreparedPictures>>,
    },
    /// Without its query, which may carry a signature.
    Url { url: String },
}

impl ImagePart {
    /// The same image, and what was sent instead of it.
    #[must_use]
    pub fn with_prepared(mut self, pictures: &BTreeMap<Stage, PreparedPicture>) -> Self {
        if let Self::Object { prepared, .. } = &mut self
            && !pictures.is_empty()
        {
            *prepared = Some(Box::new(PreparedPictures {
                recognition: pictures.get(&Stage::Recognition).cloned(),
                verification: pictures.get(&Stage::Verification).cloned(),
            }));
        }
        self
    }
}

/// The picture that each provider was sent instead of the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreparedPictures {
    pub recognition: Option<PreparedPicture>,
    pub verification: Option<PreparedPicture>,
}

/// A picture that was made of the original, to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreparedPicture {
    pub format: String,
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// Its length in bytes.
    pub bytes: u64,
    /// A JPEG's, 1 to 100; absent where nothing was lost.
    pub quality: Option<u8>,
    /// Turned upright as its EXIF orientation wants it.
    pub turned: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::invoice::{CostDetail, Invoice};

    #[test]
    fn a_result_is_as_long_as_a_broker_takes_and_says_what_is_left_out() {
        let invoice = |lines: usize, bytes: usize| Invoice {
            cost_details: vec![
                CostDetail {
                    name: Some("x".repeat(bytes)),
                    ..CostDetail::default()
                };
                lines
            ],
            ..Invoice::default()
        };
        for (lines, bytes, kept) in [
            (100, 10, 100),
            (20_000, 100, 20_000),
            (20_000, 1_000, 10_000),
            (20_000, 2_000, 1_000),
            (1_000, 20_000, 0),
        ] {
            let part = RecognitionPart {
                invoice: invoice(lines, bytes),
                request_id: None,
            };
            let mut result = JobResult {
                recognition: Some(part),
                ..JobResult::new(
                    Status::Completed,
                    Timestamp::UNIX_EPOCH,
                    Timestamp::UNIX_EPOCH,
                )
            };
            let body: serde_json::Value = serde_json::from_str(result.to_body().get()).unwrap();
            let invoice = &body["recognition"]["invoice"];
            assert_eq!(
                invoice["cost_details"].as_array().unwrap().len(),
                kept,
                "{lines} {bytes}"
            );
            assert_eq!(
                invoice["left_out"]["cost_details"].as_u64().unwrap_or(0),
                (lines - kept) as u64
            );
        }
    }
}
