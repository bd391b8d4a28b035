//! What lies in the store: JSON in an envelope with a version.

use crate::domain::progress::Totals;
use crate::domain::result::{JobError, Status, Verdict, VerificationPart};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Objects of another version are treated as absent.
pub(super) const VERSION: u32 = 1;

/// What verification said about an image today.
#[derive(Clone, Serialize, Deserialize)]
pub enum VerificationAnswer {
    /// The registry knows the bill.
    Found(Box<VerificationPart>),
    /// A negative verdict, and the provider's code behind it.
    Negative { verdict: Verdict, error: JobError },
}

/// What is known of an image's verification, of one day.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Verification {
    Answered(VerificationAnswer),
    /// Paid for, too, and no answer: with this code it was not read as it lies, and the next call has it turned.
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
    /// What it had cost: told again with a second copy for the operator.
    #[serde(default)]
    pub totals: Totals,
    /// As it is: text within text would be escaped in every write and read.
    #[serde(rename = "result")]
    pub body: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) v: u32,
    pub(super) value: T,
}
