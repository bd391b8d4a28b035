//! What has been found out about a job, and the result it becomes.

use crate::checkpoint::StoredResult;
use crate::domain::checks;
use crate::domain::failure::Failure;
use crate::domain::job::{Job, Rejected};
use crate::domain::progress::{Progress, Totals};
use crate::domain::result::{
    Flag, ImagePart, JobError, JobResult, RecognitionPart, SCHEMA, Status, Verdict,
    VerificationPart,
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// A broker refuses what is larger than its `max_message_size`, 16 MiB by default in RabbitMQ 4,
/// and closes the channel.
const MAX_RESULT_BYTES: usize = 15 << 20;
/// Of each list, where a result is too large: tried in turn.
const LINES_THAT_FIT: [usize; 3] = [10_000, 1_000, 0];

#[derive(Default)]
pub(super) struct ResultBuilder {
    pub image: Option<ImagePart>,
    /// The key of the final checkpoint: job, image and what was asked. None while the image is not
    /// at hand.
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
        serde_json::from_str::<Finished>(self.body.get())
            .ok()
            .map(|result| result.finished)
    }

    /// As it is published.
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.body.get().as_bytes())
    }
}

impl ResultBuilder {
    pub(super) fn into_answer(
        self,
        job: &Job,
        progress: &Progress,
        status: Status,
        finished: Timestamp,
    ) -> Answer {
        let recognised = self.recognition.as_ref().map(|part| &part.invoice);
        let verified = self.verification.as_ref().map(|part| &part.invoice);
        let registry = self.verification.as_ref().map(|part| &part.registry);
        let nothing_to_compare = recognised.is_none() && verified.is_none();
        let checks = if nothing_to_compare {
            Vec::new()
        } else {
            checks::check(recognised, verified, registry)
        };
        let mut result = JobResult {
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
            body: fitting(&mut result),
        }
    }
}

/// A result that every broker takes, with as many lines as fit.
fn fitting(result: &mut JobResult<'_>) -> Box<RawValue> {
    let mut body = body_of(result);
    for lines in LINES_THAT_FIT {
        if body.get().len() <= MAX_RESULT_BYTES {
            break;
        }
        result.keep_lines(lines);
        body = body_of(result);
    }
    body
}

/// The answer to what is no job.
pub fn answer_to_rejected(
    rejected: &Rejected,
    first_seen: Timestamp,
    finished: Timestamp,
) -> Answer {
    let error = JobError::new(&rejected.failure, 0);
    let result = JobResult {
        schema: SCHEMA,
        job_id: rejected
            .job_id
            .as_ref()
            .map(crate::domain::job::JobId::as_str),
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
pub fn answer_to_failure(
    job: &Job,
    status: Status,
    failure: &Failure,
    progress: &Progress,
    finished: Timestamp,
) -> Answer {
    let findings = ResultBuilder {
        error: Some(JobError::new(failure, 1)),
        ..ResultBuilder::default()
    };
    findings.into_answer(job, progress, status, finished)
}

/// The answer of a completed run, for another run of the same job: with its own metadata, and
/// without the calls, which this run did not make. `None` where the stored result cannot be read.
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
                schema: SCHEMA,
                job_id: None,
                status: Status::Completed,
                verdict: None,
                flags: Vec::new(),
                recognition: Some(part),
                verification: None,
                checks: Vec::new(),
                error: None,
                calls: Vec::new(),
                image: None,
                first_seen: Timestamp::UNIX_EPOCH,
                finished: Timestamp::UNIX_EPOCH,
                metadata: None,
            };
            let body: serde_json::Value = serde_json::from_str(fitting(&mut result).get()).unwrap();
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
