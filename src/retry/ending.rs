//! How a job ends whose stage stopped: it is answered with an error, or parked.

use super::context::JobContext;
use super::retrier::Retrier;
use super::stage_stopped::StageStopped;
use crate::budget::BUDGET;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status, Verdict};
use crate::policy::Decision;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a job is parked that cannot go on for an unknown time, through no fault of its own.
pub const HELD_UP: Duration = Duration::from_mins(1);

/// The end of a job's turn in which a stage stopped.
pub enum JobEnd {
    Answered {
        status: Status,
        verdict: Option<Verdict>,
        error: JobError,
    },
    Parked(Box<ParkRequest>),
}

/// A job that is to be tried again, not before `until`, because of `failure`.
pub struct ParkRequest {
    pub until: Timestamp,
    /// No attempt is started after it, as far as it is known now.
    pub deadline: Option<Timestamp>,
    pub failure: Failure,
    /// The reason, from the policy's rule or from our own message.
    pub reason: String,
    /// The earliest time of the next call for the job, as far as it is known: while a stage is
    /// paused, its next probe.
    pub next_attempt_at: Timestamp,
    /// Another job's call will end the wait within seconds, so the submitter is sent no progress
    /// message.
    pub is_brief: bool,
    /// This worker is paused, or pauses now because of this job, or its budget is used up.
    pub by_pause: bool,
    /// The job was processed and the worker still runs, so earlier deaths of a worker were not its
    /// fault.
    pub survived: bool,
}

impl JobEnd {
    pub fn of(
        stopped: StageStopped,
        job: &JobContext<'_>,
        progress: &Progress,
        retrier: &Retrier,
    ) -> Self {
        let is_in_time = retrier.clock.now() < job.deadline;
        let park =
            |until, stopped| Self::Parked(Box::new(ParkRequest::new(until, stopped, job, retrier)));
        let failure = &stopped.failure;
        let error = JobError::new(failure, progress.attempts(failure.stage));
        match &stopped.policy.decision {
            Decision::Park { until } => park(*until, stopped),
            // The job is parked at once: another worker may be able to do what this one cannot.
            Decision::Pause if is_in_time => park(retrier.clock.now(), stopped),
            Decision::Retry { .. }
            | Decision::Rotate
            | Decision::Throttle
            | Decision::Resign
            | Decision::Inline
                if is_in_time =>
            {
                park(later(HELD_UP, retrier), stopped)
            }
            Decision::Fail {
                invalid_job: Some(code),
            } => Self::Answered {
                status: Status::InvalidJob,
                verdict: None,
                error: at_fault(failure, code),
            },
            Decision::Verdict(Some(verdict)) => Self::Answered {
                status: Status::Completed,
                verdict: Some(*verdict),
                error,
            },
            // After the deadline the job does not wait any more.
            Decision::Pause
            | Decision::Retry { .. }
            | Decision::Rotate
            | Decision::Throttle
            | Decision::Resign
            | Decision::Inline
            | Decision::Verdict(None)
            | Decision::Continue
            | Decision::Fail { invalid_job: None } => Self::Answered {
                status: Status::Undetermined,
                verdict: None,
                error,
            },
        }
    }
}

impl ParkRequest {
    /// Parks until `until`, or until the deadline if that is earlier: then the job is answered. The
    /// reason of a failure of our own is its message; the reason of a provider's is that of the
    /// rule.
    fn new(
        until: Timestamp,
        stopped: StageStopped,
        job: &JobContext<'_>,
        retrier: &Retrier,
    ) -> Self {
        let StageStopped {
            failure,
            policy,
            blocked,
            is_brief,
        } = stopped;
        let until = until.min(job.deadline.max(retrier.clock.now()));
        let is_ours = blocked.is_some() || matches!(failure.stage, Stage::Worker | Stage::Storage);
        let reason = match retrier.policy.reason_of(&policy) {
            "" if is_ours => &failure.message,
            reason => reason,
        };
        let reason = reason.to_owned();
        let blocked = blocked.as_ref();
        Self {
            until,
            deadline: Some(job.deadline),
            reason,
            next_attempt_at: blocked.map_or(until, |blocked| blocked.opens.max(until)),
            is_brief,
            by_pause: policy.decision == Decision::Pause
                || policy.rule == BUDGET
                || blocked.is_some_and(|blocked| blocked.scope.is_pause()),
            survived: true,
            failure,
        }
    }

    /// A job that waits until a store takes what was paid for it.
    pub fn in_store_trouble(until: Timestamp, failure: Failure) -> Self {
        Self {
            until,
            deadline: None,
            reason: failure.message.to_string(),
            failure,
            next_attempt_at: until,
            is_brief: false,
            by_pause: false,
            survived: true,
        }
    }

    /// Parks a job whose call may still be under way at another worker until that must be over.
    pub fn redelivered(job: &JobContext<'_>, retrier: &Retrier) -> Self {
        let failure = Failure::new(
            Stage::Worker,
            "redelivered",
            "delivered again: its earlier call may still be running elsewhere",
        );
        let until = later(job.redelivery_wait, retrier);
        let stopped = StageStopped::boxed(failure, Decision::Park { until });
        Self {
            survived: false,
            ..Self::new(until, *stopped, job, retrier)
        }
    }
}

fn later(wait: Duration, retrier: &Retrier) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    let now = retrier.clock.now();
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns the error of a job that is at fault, with our code in place of the store's: `NoSuchKey`
/// is `image.not_found`.
fn at_fault(failure: &Failure, code: &str) -> JobError {
    let stage = if code.starts_with("image.") {
        Stage::Image
    } else {
        failure.stage
    };
    let message = if code == failure.code {
        failure.message.to_string()
    } else {
        format!("{}: {}", failure.code, failure.message)
    };
    JobError {
        stage,
        code: code.to_owned(),
        message,
        attempts: 1,
    }
}
