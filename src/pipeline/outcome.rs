//! How a job comes to the line, and the one way out of it: what the worker does with it next.

use super::result_builder::{Answer, ResultBuilder, answer_of_another_run};
use crate::checkpoint::StoredResult;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status};
use crate::policy::Decision;
use crate::retry::{JobContext, Retrier, StageStopped};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a job waits that cannot go on, through no fault of its own and for an unknown time.
const HELD_UP: Duration = Duration::from_mins(1);

/// How a job came to this worker.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The broker has handed this message out before.
    pub redelivered: bool,
    /// So another worker may still be at work on it.
    pub maybe_elsewhere: bool,
    /// It comes back from being parked: another copy of its run may have been answered meanwhile.
    pub returned: bool,
    /// Cancelled when this worker may start nothing more for the job.
    pub halt: CancellationToken,
    /// Since when its delivery is held.
    pub began: Instant,
}

/// The worker's next action for a job whose turn in the pipeline is over.
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
    /// The outcome is known without any further call.
    Early(Outcome),
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

impl From<Box<StageStopped>> for Exit {
    fn from(stopped: Box<StageStopped>) -> Self {
        Self::Stopped(stopped)
    }
}

impl Exit {
    pub(super) fn replay(stored: StoredResult, question: String) -> Self {
        Self::Early(Outcome::Replay {
            stored: Box::new(stored),
            question: Some(question),
        })
    }

    /// A job whose call may still be under way at another worker waits until it must be over.
    pub(super) fn redelivered(job: &JobContext<'_>, retrier: &Retrier) -> Self {
        let failure = Failure::new(
            Stage::Worker,
            "redelivered",
            "delivered again: its earlier call may still be running elsewhere",
        );
        let until = later(job.redelivery_wait, retrier);
        let stopped = StageStopped::boxed(failure, Decision::Park { until });
        let request = ParkRequest::new(until, *stopped, job, retrier);
        Self::Early(Outcome::Park(Box::new(ParkRequest {
            survived: false,
            ..request
        })))
    }
}

impl Outcome {
    /// Decides what becomes of a job at the end of its line.
    pub(super) fn of(
        line: Result<(), Exit>,
        job: &JobContext<'_>,
        progress: &Progress,
        mut result: ResultBuilder,
        retrier: &Retrier,
    ) -> Self {
        let status = match line {
            Ok(()) => result.status(),
            Err(Exit::Early(outcome)) => return outcome,
            Err(Exit::Stopped(stopped)) => {
                match ending(*stopped, job, progress, &mut result, retrier) {
                    Ok(status) => status,
                    Err(request) => return Self::Park(request),
                }
            }
        };
        Self::Publish(Box::new(result.build(
            job.job,
            progress,
            status,
            retrier.clock.now(),
        )))
    }
}

/// The answer to a job that is not queued. One that would be parked ends `undetermined`, and its
/// error names when it would be tried again.
pub(super) fn answer_at_once(
    line: Result<(), Box<StageStopped>>,
    job: &JobContext<'_>,
    progress: &Progress,
    mut result: ResultBuilder,
    retrier: &Retrier,
) -> Answer {
    let status = match line {
        Ok(()) => result.status(),
        Err(stopped) => {
            ending(*stopped, job, progress, &mut result, retrier).unwrap_or_else(|request| {
                let ParkRequest { until, failure, .. } = *request;
                let message = format!(
                    "{}; a queued job would be tried again at {until}",
                    failure.message
                );
                result.error = Some(JobError {
                    message,
                    ..JobError::new(&failure, progress.attempts(failure.stage))
                });
                Status::Undetermined
            })
        }
    };
    result.build(job.job, progress, status, retrier.clock.now())
}

/// How a job ends whose stage stopped: with a status, and what the result says about it, or with
/// another turn later.
fn ending(
    stopped: StageStopped,
    job: &JobContext<'_>,
    progress: &Progress,
    result: &mut ResultBuilder,
    retrier: &Retrier,
) -> Result<Status, Box<ParkRequest>> {
    let is_in_time = retrier.clock.now() < job.deadline;
    let park = |until, stopped| Err(Box::new(ParkRequest::new(until, stopped, job, retrier)));
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
        } => {
            result.error = Some(at_fault(failure, code));
            Ok(Status::InvalidJob)
        }
        Decision::Verdict(Some(verdict)) => {
            result.verdict = Some(*verdict);
            result.error = Some(error);
            Ok(Status::Completed)
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
            result.error = Some(error);
            Ok(Status::Undetermined)
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
            is_brief: blocked.is_some_and(|blocked| blocked.is_brief),
            by_pause: policy.decision == Decision::Pause
                || blocked.is_some_and(|blocked| blocked.scope.is_pause()),
            survived: true,
            failure,
        }
    }
}

/// Decides what a stored result of the same question means for this copy of the job. `Ok`: nothing,
/// it is asked again.
pub(super) fn answered_before(
    job: &Job,
    stored: StoredResult,
    question: &str,
    progress: &Progress,
    arrival: &Arrival,
) -> Result<(), Exit> {
    let completed = stored.status == Status::Completed;
    if stored.run != progress.run {
        return match answer_of_another_run(job, &stored).filter(|_| completed) {
            Some(answer) => Err(Exit::Early(Outcome::Publish(Box::new(answer)))),
            None => Ok(()),
        };
    }
    let never_published =
        (progress.redelivered || progress.unsent.is_some()) && !progress.asked_again;
    if arrival.redelivered || never_published {
        // The worker that stored it may have died, or lost its connection, before it was published.
        return Err(Exit::replay(stored, question.to_owned()));
    }
    if arrival.returned && !progress.asked_again {
        // A crash forked the run; the copy that stored the result publishes it before it is
        // settled.
        return Err(Exit::Early(Outcome::Drop));
    }
    if completed {
        Err(Exit::replay(stored, question.to_owned()))
    } else {
        Ok(())
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
