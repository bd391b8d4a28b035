//! What is kept: paid answers, final results, and runs that could not be parked.

use crate::domain::progress::{Progress, Totals};
use crate::domain::result::{JobError, Status, Verdict, VerificationPart};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The verification's answer about an image, of one day.
#[derive(Clone, Serialize, Deserialize)]
pub enum VerificationAnswer {
    /// The registry knows the bill.
    Found(Box<VerificationPart>),
    /// A negative verdict, and the provider's code behind it.
    Negative { verdict: Verdict, error: JobError },
}

/// The state of an image's verification on one day.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Verification {
    Answered(VerificationAnswer),
    /// A call that was paid for and gave no answer: with this code the image was not read as it
    /// lies, and the next call has it turned.
    Unread {
        unread: String,
    },
}

/// A final result, as it was published.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredResult {
    pub run: String,
    pub status: Status,
    pub verdict: Option<Verdict>,
    #[serde(default)]
    pub error: Option<JobError>,
    /// The run's costs: a second copy for the operator says it again.
    #[serde(default)]
    pub totals: Totals,
    /// JSON as it is: text within text would be escaped in every write and read.
    #[serde(rename = "result")]
    pub body: Box<RawValue>,
}

/// The answers that a run had paid for when it could not be parked: its delivery comes back without
/// it.
#[derive(Clone, Serialize, Deserialize)]
pub struct UnparkedRun {
    pub progress: Progress,
    /// Until when it was to wait.
    pub until: Timestamp,
}
