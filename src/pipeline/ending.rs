//! What becomes of a job that leaves the line: an answer of what was found out by then, or another
//! turn later.

use super::{Answer, Pipeline, ResultBuilder};
use crate::breaker::Blocked;
use crate::checkpoint::StoredResult;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status};
use crate::policy::{Decision, PolicyDecision};
use crate::retry::StageStopped;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A job that is held up through no fault of its own, and for nobody knows how long.
const HELD_UP: Duration = Duration::from_mins(1);

/// How a job's turn in the pipeline ends.
pub enum Ending {
    /// A result is to be published.
    Answered(Box<Answer>),
    /// This run was answered before: the same bytes again.
    Replayed {
        stored: Box<StoredResult>,
        /// What its checkpoint is called, where that is known.
        question: Option<String>,
    },
    /// Another copy of this run was answered: nothing is left to do.
    Duplicate,
    /// To be parked, and tried again not before `until`.
    Parked(Box<ParkRequest>),
}

/// Not before `until`, because of `failure`.
pub struct ParkRequest {
    pub until: Timestamp,
    pub failure: Failure,
    /// Why, in the policy's words or ours.
    pub reason: String,
    /// When somebody will call, as far as is known: while a stage is paused, not before its next
    /// probe.
    pub expected: Timestamp,
    /// Somebody else's call is about to tell: not worth a word to anybody.
    pub brief: bool,
    /// Because this worker is paused, or pauses now.
    pub by_pause: bool,
    /// The job had its turn and the worker lives: its earlier deaths were not its fault.
    pub survived: bool,
}

impl Pipeline {
    /// What is to become of a job that left the line: an answer of what was found out by then, or
    /// another turn later.
    pub(super) fn stopped(
        &self,
        stopped: StageStopped,
        job: &Job,
        progress: &Progress,
        findings: &mut ResultBuilder,
    ) -> Result<Answer, Box<ParkRequest>> {
        let StageStopped {
            failure,
            ruling,
            barrier,
        } = stopped;
        let barrier = barrier.as_ref();
        let deadline = progress.deadline(job, self.job_deadline);
        let error = JobError::new(&failure, progress.attempts(failure.stage));
        let status = match ruling.decision {
            Decision::Park { until } => {
                return Err(self.parking(until, deadline, failure, &ruling, barrier));
            }
            // Handed back at once: another worker may be able to do what this one cannot.
            Decision::Pause if self.retrier.clock.now() < deadline => {
                return Err(self.parking(
                    self.retrier.clock.now(),
                    deadline,
                    failure,
                    &ruling,
                    barrier,
                ));
            }
            Decision::Retry { .. }
            | Decision::Rotate
            | Decision::Throttle
            | Decision::Resign
            | Decision::Inline
                if self.retrier.clock.now() < deadline =>
            {
                return Err(self.parking(self.later(HELD_UP), deadline, failure, &ruling, barrier));
            }
            Decision::Fail {
                invalid_job: Some(code),
            } => {
                findings.error = Some(at_fault(&failure, code));
                Status::InvalidJob
            }
            Decision::Verdict(Some(verdict)) => {
                findings.verdict = Some(verdict);
                findings.error = Some(error);
                Status::Completed
            }
            // Past the deadline nothing is waited for any more.
            Decision::Pause
            | Decision::Retry { .. }
            | Decision::Rotate
            | Decision::Throttle
            | Decision::Resign
            | Decision::Inline
            | Decision::Verdict(None)
            | Decision::Continue
            | Decision::Fail { invalid_job: None } => {
                findings.error = Some(error);
                Status::Undetermined
            }
        };
        Ok(std::mem::take(findings).into_answer(job, progress, status, self.retrier.clock.now()))
    }

    pub(super) fn later(&self, wait: Duration) -> Timestamp {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        self.retrier
            .clock
            .now()
            .saturating_add(wait)
            .unwrap_or(Timestamp::MAX)
    }

    /// Not beyond the deadline: whatever is waited for, the job is answered then. Failures of our
    /// own carry our own words; a provider's are told in the words of the rule.
    pub(super) fn parking(
        &self,
        until: Timestamp,
        deadline: Timestamp,
        failure: Failure,
        ruling: &PolicyDecision,
        barrier: Option<&Blocked>,
    ) -> Box<ParkRequest> {
        let until = until.min(deadline.max(self.retrier.clock.now()));
        let is_ours = barrier.is_some() || matches!(failure.stage, Stage::Worker | Stage::Storage);
        let reason = match self.retrier.policy.reason_of(ruling) {
            "" if is_ours => &failure.message,
            reason => reason,
        };
        let reason = reason.to_owned();
        let expected = barrier.map_or(until, |barrier| barrier.opens.max(until));
        let by_pause = ruling.decision == Decision::Pause
            || barrier.is_some_and(|barrier| barrier.place.is_pause());
        let brief = barrier.is_some_and(|barrier| barrier.brief);
        Box::new(ParkRequest {
            until,
            failure,
            reason,
            expected,
            brief,
            by_pause,
            survived: true,
        })
    }
}

/// Recognition's own failure, or that it is too late for one: today's verdict may be known all the
/// same. A verdict is decided by the policy, and what the store did concerns the whole job.
pub(super) fn is_recognitions(stopped: &StageStopped) -> bool {
    let StageStopped {
        failure, ruling, ..
    } = stopped;
    matches!(failure.stage, Stage::Recognition | Stage::Job)
        && matches!(ruling.decision, Decision::Fail { invalid_job: None })
}

/// The store's own code becomes ours: `NoSuchKey` is `image.not_found`.
fn at_fault(failure: &Failure, code: String) -> JobError {
    let stage = if code.starts_with("image.") {
        Stage::Image
    } else {
        failure.stage
    };
    let message = if code == failure.code {
        failure.message.clone()
    } else {
        format!("{}: {}", failure.code, failure.message)
    };
    JobError {
        stage,
        code,
        message,
        attempts: 1,
    }
}
