//! What is kept: paid answers, final results, and runs that could not be parked.

use super::found_bill::BillClaim;
use crate::domain::progress::{PaidBy, Progress, Totals};
use crate::domain::result::{
    CallRecord, JobError, RecognitionPart, Status, Verdict, VerificationPart,
};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

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

/// The first object about an image: where it is missing, neither a verification nor a result is
/// kept that is about this image.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one in a job, and it is moved once"
)]
pub(super) enum Recognition {
    Read(RecognitionPart),
    /// It was not read, and there may be other answers about it.
    Unread {
        is_unread: bool,
    },
}

/// The outcome of looking for the first object about an image.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one in a job, and it is moved once"
)]
pub enum FirstLook {
    /// Nothing at all is kept that is about this image.
    Nothing,
    /// It was asked about before; the recognition, if it could be read.
    Seen(Option<RecognitionPart>),
}

/// The objects that are written together with a final result.
#[derive(Default)]
pub struct Beside {
    /// The image that the result is about, where no recognition of it is kept.
    pub unread_image: Option<String>,
    /// The verification that led to it.
    pub verification: Option<UnkeptVerification>,
    /// The job's marks of its bill, where the registry knows more of it.
    pub bill_marks: Option<BillClaim>,
}

/// An answer that is paid for and only remembered by this process yet.
pub struct UnkeptVerification {
    pub image: String,
    pub answer: (Date, VerificationAnswer),
    /// The run and worker that paid for it.
    pub paid: PaidBy,
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
    /// Calls of turns that were lost before this one, which its result does not list. The ledger may
    /// not have them: a worker that publishes the result once more tells of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovered: Vec<CallRecord>,
    /// JSON as it is: text within text would be escaped in every write and read.
    #[serde(rename = "result")]
    pub body: Box<RawValue>,
}

impl StoredResult {
    /// When it was found: the same in every copy of it, whenever that is made.
    pub fn finished(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Finished {
            finished: Timestamp,
        }
        let result = serde_json::from_str::<Finished>(self.body.get()).ok()?;
        Some(result.finished)
    }

    /// Why the job is in the failed queue, for its operator: JSON. `queue` is the job queue that it
    /// came from.
    pub fn failure_reason(
        &self,
        job_id: Option<&str>,
        queue: Option<&str>,
        now: Timestamp,
    ) -> String {
        let reason = serde_json::json!({
            "job_id": job_id,
            "run": self.run,
            "queue": queue,
            "status": self.status,
            "error": self.error,
            "calls": self.totals.calls,
            "billed": self.totals.billed,
            // A copy that is made once more, after a crash, is of the same failure.
            "at": self.finished().unwrap_or(now),
        });
        reason.to_string()
    }

    /// The bytes that are published.
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.body.get().as_bytes())
    }

    /// The answer to another run of the same job: with its own metadata, and without the calls,
    /// which that run did not make. `None` where this one cannot be read.
    pub fn for_another_run(&self, run: &str, metadata: Option<&RawValue>) -> Option<Self> {
        let mut fields: BTreeMap<&str, &RawValue> = serde_json::from_str(self.body.get()).ok()?;
        let calls = to_raw_value(&[(); 0]).ok()?;
        let none = to_raw_value(&()).ok()?;
        fields.insert("calls", &calls);
        fields.insert("metadata", metadata.unwrap_or(&none));
        Some(Self {
            run: run.to_owned(),
            status: self.status,
            verdict: self.verdict,
            error: self.error.clone(),
            totals: Totals::default(),
            recovered: Vec::new(),
            body: to_raw_value(&fields).ok()?,
        })
    }
}

/// The answers that a run had paid for when it could not be parked: its delivery comes back without
/// it.
#[derive(Clone, Serialize, Deserialize)]
pub struct UnparkedRun {
    pub progress: Progress,
    /// Until when it was to wait.
    pub until: Timestamp,
}
