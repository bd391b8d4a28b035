//! What becomes of a job whose stage stopped: a status with its error, or another turn later.

use super::context::JobContext;
use super::retrier::Retrier;
use super::stage_stopped::StageStopped;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status, Verdict};
use crate::policy::Decision;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a job waits that cannot go on, through no fault of its own and for an unknown time.
const HELD_UP: Duration = Duration::from_mins(1);

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
            // Handed back at once: another worker may be able to do what this one cannot.
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
            // Past the deadline nothing is waited for any more.
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
    /// Not beyond the deadline: whatever is waited for, the job is answered then. Failures of our
    /// own carry our own words; a provider's are described in the words of the rule.
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
            reason,
            next_attempt_at: blocked.map_or(until, |blocked| blocked.opens.max(until)),
            is_brief,
            by_pause: policy.decision == Decision::Pause
                || blocked.is_some_and(|blocked| blocked.scope.is_pause()),
            survived: true,
            failure,
        }
    }

    /// A job that waits until a store takes what was paid for it.
    pub fn in_store_trouble(until: Timestamp, failure: Failure) -> Self {
        Self {
            until,
            reason: failure.message.clone(),
            failure,
            next_attempt_at: until,
            is_brief: false,
            by_pause: false,
            survived: true,
        }
    }

    /// A job whose call may still be under way at another worker waits until it must be over.
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

/// The store's own code becomes ours: `NoSuchKey` is `image.not_found`.
fn at_fault(failure: &Failure, code: &str) -> JobError {
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
        code: code.to_owned(),
        message,
        attempts: 1,
    }
}
