//! The one way out of the line: what the worker does with a job next.

use crate::checkpoint::StoredResult;
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status};
use crate::result_builder::{Answer, ResultBuilder};
use crate::retry::{Arrival, JobContext, JobEnd, ParkRequest, Retrier, StageStopped};

/// The worker's next action for a job whose turn in the pipeline is over.
pub enum Outcome {
    /// Checkpoint this result, publish it, acknowledge.
    Publish(Box<Answer>),
    /// The run was answered before: publish the same bytes again.
    Replay(Box<Answer>),
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

impl From<Box<StageStopped>> for Exit {
    fn from(stopped: Box<StageStopped>) -> Self {
        Self::Stopped(stopped)
    }
}

impl Exit {
    pub(super) fn replay(stored: StoredResult, question: String) -> Self {
        let answer = Answer::kept(stored, Some(question));
        Self::Early(Outcome::Replay(Box::new(answer)))
    }

    /// A job whose call may still be under way at another worker waits until it must be over.
    pub(super) fn redelivered(job: &JobContext<'_>, retrier: &Retrier) -> Self {
        let request = ParkRequest::redelivered(job, retrier);
        Self::Early(Outcome::Park(Box::new(request)))
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
            Err(Exit::Stopped(stopped)) => match JobEnd::of(*stopped, job, progress, retrier) {
                JobEnd::Parked(request) => return Self::Park(request),
                JobEnd::Answered {
                    status,
                    verdict,
                    error,
                } => result.ends(status, verdict, error),
            },
        };
        let finished = retrier.clock.now();
        Self::Publish(Box::new(result.build(job.job, progress, status, finished)))
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
    let status = match line.map_err(|stopped| JobEnd::of(*stopped, job, progress, retrier)) {
        Ok(()) => result.status(),
        Err(JobEnd::Answered {
            status,
            verdict,
            error,
        }) => result.ends(status, verdict, error),
        Err(JobEnd::Parked(request)) => {
            let ParkRequest { until, failure, .. } = *request;
            let message = format!(
                "{}; a queued job would be tried again at {until}",
                failure.message
            );
            let attempts = progress.attempts(failure.stage);
            let error = JobError {
                message,
                ..JobError::new(&failure, attempts)
            };
            result.ends(Status::Undetermined, None, error)
        }
    };
    result.build(job.job, progress, status, retrier.clock.now())
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
        let stored = stored.for_another_run(&progress.run, job.metadata.as_deref());
        return match stored.filter(|_| completed) {
            Some(stored) => {
                let answer = Answer::kept(stored, None);
                Err(Exit::Early(Outcome::Publish(Box::new(answer))))
            }
            None => Ok(()),
        };
    }
    let never_published = (progress.delivered.redelivered || progress.delivered.unsent.is_some())
        && !progress.delivered.asked_again;
    if arrival.redelivered || never_published {
        // The worker that stored it may have died, or lost its connection, before it was published.
        return Err(Exit::replay(stored, question.to_owned()));
    }
    if arrival.returned && !progress.delivered.asked_again {
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
