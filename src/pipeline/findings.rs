//! What has been found out about a job, and the result it becomes.

use crate::checkpoint::StoredResult;
use crate::domain::checks;
use crate::domain::failure::Failure;
use crate::domain::job::{Job, Rejected};
use crate::domain::progress::{Progress, Totals};
use crate::domain::result::{Flag, ImagePart, JobError, JobResult, RecognitionPart, SCHEMA, Status, Verdict, VerificationPart};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Findings {
    pub image: Option<ImagePart>,
    /// The key of the final checkpoint: job, image and what was asked. None while the image is not at hand.
    pub question: Option<String>,
    pub recognition: Option<RecognitionPart>,
    pub verification: Option<VerificationPart>,
    pub verdict: Option<Verdict>,
    pub flags: Vec<Flag>,
    pub error: Option<JobError>,
}

/// A result, ready to be published.
pub struct Answer {
    pub status: Status,
    pub verdict: Option<Verdict>,
    pub error: Option<JobError>,
    /// What it cost.
    pub totals: Totals,
    /// Where it is checkpointed before it is published; `None` where it need not be.
    pub question: Option<String>,
    pub body: Box<RawValue>,
}

impl Answer {
    /// When it was found: the same in every copy of it, whenever that is made.
    pub fn finished(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Finished {
            finished: Timestamp,
        }
        serde_json::from_str::<Finished>(self.body.get()).ok().map(|result| result.finished)
    }

    /// As it is published.
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.body.get().as_bytes())
    }
}

impl Findings {
    pub(super) fn into_answer(self, job: &Job, progress: &Progress, status: Status, finished: Timestamp) -> Answer {
        let recognised = self.recognition.as_ref().map(|part| &part.invoice);
        let verified = self.verification.as_ref().map(|part| &part.invoice);
        let registry = self.verification.as_ref().map(|part| &part.registry);
        let nothing_to_compare = recognised.is_none() && verified.is_none();
        let checks = if nothing_to_compare { Vec::new() } else { checks::check(recognised, verified, registry) };
        let result = JobResult {
            schema: SCHEMA,
            job_id: Some(job.id.as_str()),
            status,
            verdict: self.verdict,
            flags: self.flags,
            checks,
            recognition: self.recognition,
            verification: self.verification,
            error: self.error.clone(),
            calls: progress.calls().to_vec(),
            image: self.image,
            first_seen: progress.first_seen,
            finished,
            metadata: job.metadata.as_deref(),
        };
        Answer {
            status,
            verdict: self.verdict,
            error: self.error,
            totals: progress.totals,
            question: self.question,
            body: body_of(&result),
        }
    }
}

/// The answer to what is no job.
pub fn answer_to_rejected(rejected: &Rejected, first_seen: Timestamp, finished: Timestamp) -> Answer {
    let error = JobError::new(&rejected.failure, 0);
    let result = JobResult {
        schema: SCHEMA,
        job_id: rejected.job_id.as_ref().map(crate::domain::job::JobId::as_str),
        status: Status::InvalidJob,
        verdict: None,
        flags: Vec::new(),
        recognition: None,
        verification: None,
        checks: Vec::new(),
        error: Some(error.clone()),
        calls: Vec::new(),
        image: None,
        first_seen,
        finished,
        metadata: rejected.metadata.as_deref(),
    };
    Answer {
        status: Status::InvalidJob,
        verdict: None,
        error: Some(error),
        totals: Totals::default(),
        question: None,
        body: body_of(&result),
    }
}

/// What a failure outside the line ends in: nothing was found out.
pub fn answer_to_failure(job: &Job, status: Status, failure: &Failure, progress: &Progress, finished: Timestamp) -> Answer {
    let findings = Findings { error: Some(JobError::new(failure, 1)), ..Findings::default() };
    findings.into_answer(job, progress, status, finished)
}

/// The answer of a completed run, for another run of the same job: with its own metadata, and without the calls, which this run
/// did not make. `None` where the stored result cannot be read.
pub fn answer_of_another_run(job: &Job, stored: &StoredResult) -> Option<Answer> {
    let mut fields: BTreeMap<&str, &RawValue> = serde_json::from_str(stored.body.get()).ok()?;
    let calls = to_raw_value(&[(); 0]).ok()?;
    let none = to_raw_value(&()).ok()?;
    fields.insert("calls", &calls);
    fields.insert("metadata", job.metadata.as_deref().unwrap_or(&none));
    Some(Answer {
        status: stored.status,
        verdict: stored.verdict,
        error: stored.error.clone(),
        totals: Totals::default(),
        question: None,
        body: to_raw_value(&fields).ok()?,
    })
}

fn body_of(result: &JobResult<'_>) -> Box<RawValue> {
    // Cannot fail: every key is text and every number finite.
    to_raw_value(result).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
