//! The one way out of the line: what the worker does with a job next.

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

/// What the worker does with a job whose turn in the pipeline is over.
pub enum Outcome {
    /// Checkpoint this result, publish it, acknowledge.
    Publish(Box<Answer>),
    /// The run was answered before: publish the same bytes again.
    Replay {
        stored: Box<StoredResult>,
        /// The name of its checkpoint, where that is known.
        question: Option<String>,
    },
    /// Another copy of the run was answered: acknowledge, nothing else.
    Drop,
    /// Publish a parked copy, which comes back later, and acknowledge.
    Park(Box<ParkRequest>),
}

/// Why a job leaves the line before its end.
pub(super) enum Exit {
    /// A stage did not give what the job needs: the policy has decided what follows.
    Stopped(Box<StageStopped>),
    /// What is to become of the job is known without asking any further.
    Early(Outcome),
}

impl From<Box<StageStopped>> for Exit {
    fn from(stopped: Box<StageStopped>) -> Self {
        Self::Stopped(stopped)
    }
}

/// A job that is to be tried again, not before `until`, because of `failure`.
pub struct ParkRequest {
    pub until: Timestamp,
    pub failure: Failure,
    /// Why, in the policy's words or ours.
    pub reason: String,
    /// When a call will be made for the job, as far as is known: while a stage is paused, not
    /// before its next probe.
    pub next_attempt_at: Timestamp,
    /// Another job's call will end the wait within seconds: the submitter is sent no progress
    /// message.
    pub is_brief: bool,
    /// This worker is paused, or pauses now because of this job.
    pub by_pause: bool,
    /// The job had its turn and the worker lives: earlier deaths of the worker were not its fault.
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
        let next_attempt_at = barrier.map_or(until, |barrier| barrier.opens.max(until));
        let by_pause = ruling.decision == Decision::Pause
            || barrier.is_some_and(|barrier| barrier.scope.is_pause());
        let is_brief = barrier.is_some_and(|barrier| barrier.is_brief);
        Box::new(ParkRequest {
            until,
            failure,
            reason,
            next_attempt_at,
            is_brief,
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
