//! One copy in the failed queue: what is known of it, without its body.

use super::reason::{FailureHeader, Reason};
use crate::broker::{Message, TRUNCATED, run_id};
use crate::domain::job::{Job, JobEnvelope, LARGEST_BODY_BYTES, Rejected};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FailedJob {
    /// `None` where the job named none that could be read.
    pub(super) job_id: Option<String>,
    pub(super) run: String,
    /// The job queue that it came from; `None` where that is not known.
    pub(super) queue: Option<String>,
    /// The job's own deadline: it is in the body, and a replay does not move it.
    pub(super) deadline: Option<Timestamp>,
    pub(super) reason: Reason,
    /// The body was too large for a job, and only its beginning is here: the copy can be shown and
    /// dropped, and never replayed.
    pub(super) is_truncated: bool,
}

impl FailedJob {
    pub(super) fn of(message: &Message) -> Self {
        let headers = &message.properties.headers;
        let header = FailureHeader::of(headers);
        let reason = Reason::new(header.as_ref(), headers);
        let job = read(message);
        let deadline = job.as_ref().ok().and_then(|job| job.deadline);
        let named_in_body = || match job {
            Ok(job) => Some(job.id),
            Err(rejected) => rejected.job_id,
        };
        let queue = header.as_ref().and_then(|header| header.queue.clone());
        // The broker gave it up, and says where.
        let queue = queue.or_else(|| headers.death().map(|death| death.queue));
        let job_id = header
            .and_then(|header| header.job_id)
            .or_else(|| named_in_body().map(|id| id.to_string()));
        let is_truncated = headers.contains(TRUNCATED) || message.body.len() > LARGEST_BODY_BYTES;
        Self {
            job_id,
            run: run_id(message),
            queue,
            deadline,
            reason,
            is_truncated,
        }
    }

    /// True where its own deadline is past, so that no call would be made for it any more.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline < now)
    }

    /// Makes a replay another run, and the same one however often it is tried: a replay that was
    /// interrupted between the broker's confirm and the acknowledgement is only repeated.
    pub(super) fn mark(&self) -> String {
        let failed_at = self.reason.at.map(|at| at.to_string()).unwrap_or_default();
        hex::encode(
            Sha256::new()
                .chain_update(&self.run)
                .chain_update([0])
                .chain_update(failed_at)
                .finalize(),
        )
    }
}

/// Reads the job without the worker's own limit on the size of a body.
pub(super) fn read(message: &Message) -> Result<Job, Box<Rejected>> {
    let (content_encoding, message_id) = (
        message.properties.content_encoding.as_deref(),
        message.properties.message_id.as_deref(),
    );
    Job::read(
        &JobEnvelope {
            body: &message.body,
            content_encoding,
            message_id,
        },
        LARGEST_BODY_BYTES,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{FAILURE, Properties, replay_copy};
    use std::collections::HashSet;

    fn message(body: &str, message_id: Option<&str>, failure: Option<&str>) -> Message {
        let mut properties = Properties {
            message_id: message_id.map(str::to_owned),
            ..Properties::default()
        };
        if let Some(failure) = failure {
            properties.headers.set_text(FAILURE, failure);
        }
        Message {
            body: body.to_owned().into(),
            properties,
        }
    }

    fn failure(job_id: &str, at: &str) -> String {
        format!(r#"{{"job_id":{job_id},"status":"undetermined","at":"{at}"}}"#)
    }

    #[test]
    fn a_job_is_called_as_the_worker_called_it_or_as_it_calls_itself() {
        let named = failure("\"CLM-1\"", "2026-01-01T00:00:00Z");
        let nameless = failure("null", "2026-01-01T00:00:00Z");
        for (message, expected) in [
            (
                message(r#"{"job_id":"CLM-2"}"#, Some("m"), Some(&named)),
                Some("CLM-1"),
            ),
            (
                message(r#"{"job_id":"CLM-2","image":{"key":"a"}}"#, Some("m"), None),
                Some("CLM-2"),
            ),
            (
                message(r#"{"job_id":"CLM-2"}"#, Some("m"), Some(&nameless)),
                Some("CLM-2"),
            ),
            (message("{", Some("m"), Some(&nameless)), Some("m")),
            (message("{", None, Some(&nameless)), None),
        ] {
            assert_eq!(FailedJob::of(&message).job_id.as_deref(), expected);
        }
    }

    #[test]
    fn a_job_is_late_once_its_own_deadline_is_past() {
        let job = |field: &str| {
            message(
                &format!(r#"{{"job_id":"a","image":{{"key":"a"}}{field}}}"#),
                None,
                None,
            )
        };
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        for (copy, late) in [
            (job(r#","deadline":"2026-11-22T19:59:59+08:00""#), true),
            (job(r#","deadline":"2026-11-22T20:00:00+08:00""#), false),
            (job(""), false),
            (message("{", None, None), false),
        ] {
            assert_eq!(FailedJob::of(&copy).is_late(now), late, "{:?}", copy.body);
        }
    }

    #[test]
    fn the_mark_is_the_same_for_a_copy_and_another_for_any_other() {
        let (early, late) = (
            failure("null", "2026-01-01T00:00:00Z"),
            failure("null", "2026-01-01T00:00:00.001Z"),
        );
        let first = message("{}", None, Some(&early));
        let again = replay_copy(&first, &FailedJob::of(&first).mark());
        let copies = [
            first.clone(),
            message("{}", None, Some(&late)),
            message("{ }", None, Some(&early)),
            message("{}", None, None),
            again,
        ];
        let marks: HashSet<String> = copies
            .iter()
            .map(|copy| FailedJob::of(copy).mark())
            .collect();
        assert_eq!(marks.len(), copies.len());
        assert_eq!(
            FailedJob::of(&first).mark(),
            FailedJob::of(&first.clone()).mark()
        );
    }
}
