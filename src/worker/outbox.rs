//! What the worker publishes, and where it goes when its first destination is gone.

use super::Worker;
use super::turn::Turn;
use crate::broker::{
    Config, FAILURE, FittedMessage, FittedPark, Generation, Message, ParkedState, Properties,
    PublishError, Publisher, ReplySlots, TRUNCATED, failed_copy, fit_parked, fit_to_frame,
    log_left_out, next_delay, parked_copy,
};
use crate::clock::Clock;
use crate::domain::progress::Progress;
use crate::domain::result::ProgressMessage;
use crate::pipeline::Answer;
use crate::randomness::Randomness;
use crate::retry::LONGEST_HOLD;
use crate::seal::Sealer;
use crate::telemetry::health::{Health, Trouble};
use crate::telemetry::metric;
use crate::waits::growing;
use bytes::Bytes;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// A reply queue that refuses or hangs gets so many tries before the job is parked with its answer.
const REPLY_TRIES: u32 = 3;
/// Our own queues get as long as a delivery may be held, and so long at the least.
const LEAST_PATIENCE: Duration = Duration::from_mins(1);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const TRACE_HEADER: &str = "traceparent";

pub(super) struct Outbox<'a> {
    generation: &'a Generation,
    /// So long our own queues are asked.
    patience: Instant,
    publisher: Publisher,
    queues: &'a Config,
    sealer: &'a Sealer,
    max_job_bytes: usize,
    reply_slots: &'a ReplySlots,
    health: &'a Health,
    clock: Clock,
    randomness: &'a Randomness,
}

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Yes,
    /// Its queue refuses, or hangs.
    NotYet,
}

/// Nothing was stored: the delivery must not be acknowledged.
#[derive(Debug)]
pub(super) enum Unpublished {
    GenerationLost,
    /// A queue of ours would not take it.
    Queue {
        queue: String,
        problem: String,
    },
}

impl Worker {
    pub(super) fn outbox<'a>(&'a self, turn: &Turn<'a>) -> Outbox<'a> {
        Outbox {
            generation: turn.generation,
            publisher: turn.generation.session.publisher(),
            patience: (turn.began + LONGEST_HOLD).max(Instant::now() + LEAST_PATIENCE),
            queues: &self.settings.queues,
            sealer: &self.sealer,
            max_job_bytes: self.settings.max_job_bytes,
            reply_slots: &self.reply_slots,
            health: &self.health,
            clock: self.pipeline.retrier.clock,
            randomness: &self.randomness,
        }
    }
}

impl Outbox<'_> {
    /// To the job's `reply_to`; where it names none, or that queue is gone, to the results queue.
    /// So it is where the queue refuses and nobody `may_wait` for it. Of an answer that `is_kept`
    /// nothing is lost where the results queue refuses, too.
    pub(super) async fn result(
        &self,
        job: &Message,
        run: &str,
        body: Bytes,
        may_wait: bool,
        is_kept: bool,
    ) -> Result<Sent, Unpublished> {
        let message = self.reply(job, "invoice.result", run, run.to_owned(), body);
        let Some(reply_to) = self.reply_to(job) else {
            return self.to_results_queue(&message, is_kept).await;
        };
        let problem = match self.to_reply_queue(reply_to, &message).await {
            Ok(()) => return Ok(Sent::Yes),
            Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
            Err(problem @ PublishError::Forbidden(_)) => return Err(self.give_up(&problem)),
            Err(PublishError::Nacked | PublishError::TimedOut) if may_wait => {
                return Ok(Sent::NotYet);
            }
            Err(problem) => problem,
        };
        metric::result_returned();
        tracing::warn!(job.run = run, %problem, "reply_to would not take the result; it goes to the results queue");
        self.to_results_queue(&message, is_kept).await
    }

    async fn to_results_queue(
        &self,
        message: &Message,
        is_kept: bool,
    ) -> Result<Sent, Unpublished> {
        match self.to_our_queue(&self.queues.results_queue, message).await {
            Ok(()) => Ok(Sent::Yes),
            Err(Unpublished::Queue { queue, problem }) if is_kept => {
                tracing::error!(
                    queue,
                    problem,
                    "cannot publish a result to our own queue; its job waits with it, parked"
                );
                Ok(Sent::NotYet)
            }
            Err(unpublished) => Err(unpublished),
        }
    }

    /// A few times, in one of the few slots that a reply queue has; once where others have just
    /// given it up.
    async fn to_reply_queue(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        let Some(slot) = self.reply_slots.acquire(queue).await else {
            return Err(PublishError::TimedOut);
        };
        let mut tries = 1;
        loop {
            let outcome = self.try_publish_once(queue, message).await;
            match &outcome {
                Err(PublishError::Nacked | PublishError::TimedOut)
                    if tries < REPLY_TRIES
                        && Instant::now() < self.patience
                        && !slot.is_refused() =>
                {
                    tokio::time::sleep(growing(FIRST_WAIT, tries, self.randomness.unit())).await;
                    tries += 1;
                    continue;
                }
                Err(PublishError::Nacked | PublishError::TimedOut) => slot.record_refused(),
                Ok(()) => slot.record_taken(),
                Err(
                    PublishError::Returned
                    | PublishError::Lost
                    | PublishError::Forbidden(_)
                    | PublishError::Refused(_),
                ) => {}
            }
            return outcome;
        }
    }

    /// Tells a job that asked for it why it waits. Once: a reply queue that does not take it costs
    /// the job nothing.
    pub(super) async fn progress(
        &self,
        job: &Message,
        progress: &Progress,
        told: &ProgressMessage<'_>,
    ) {
        let Some(reply_to) = self.reply_to(job) else {
            return;
        };
        // A name of its own: consumers know results by the run id alone.
        let id = format!("{}.{}", progress.run, progress.totals.parked);
        // Cannot fail: plain text and numbers.
        let body = serde_json::to_vec(told).unwrap_or_default();
        let Some(_slot) = self
            .reply_slots
            .acquire(reply_to)
            .await
            .filter(|slot| !slot.is_refused())
        else {
            return;
        };
        if let Err(problem) = self
            .try_publish_once(
                reply_to,
                &self.reply(job, "invoice.progress", &progress.run, id, body.into()),
            )
            .await
        {
            tracing::debug!(job.run = progress.run, %problem, "reply_to did not take a progress message");
        }
    }

    /// Where the job wants its result, if it may: nothing is published to a queue that is not
    /// allowed.
    fn reply_to<'m>(&self, job: &'m Message) -> Option<&'m str> {
        job.properties
            .reply_to
            .as_deref()
            .filter(|queue| !queue.is_empty() && self.queues.allows_reply_to(queue))
    }

    fn reply(&self, job: &Message, kind: &str, run: &str, id: String, body: Bytes) -> Message {
        let mut properties = Properties {
            correlation_id: job.properties.correlation_id.clone(),
            message_id: Some(id),
            timestamp: u64::try_from(self.clock.now().as_second()).ok(),
            ..Message::json(kind, Bytes::new()).properties
        };
        if let Some(trace) = job.properties.headers.text(TRACE_HEADER) {
            properties.headers.set_text(TRACE_HEADER, &trace);
        }
        self.fitted(run, Message { body, properties }, &[])
    }

    /// The job matters more than what its submitter put on the message beside it.
    fn fitted(&self, run: &str, message: Message, ours: &[&str]) -> Message {
        let FittedMessage { message, left_out } =
            fit_to_frame(message, self.publisher.room_for_properties(), ours);
        log_left_out(&left_out, run);
        message
    }

    /// A copy of the job for the operator, with the reason.
    pub(super) async fn failed(
        &self,
        job: &Message,
        run: &str,
        job_id: Option<&str>,
        answer: &Answer,
    ) -> Result<(), Unpublished> {
        let reason = serde_json::json!({
            "job_id": job_id,
            "run": run,
            "status": answer.status,
            "error": answer.error,
            "calls": answer.totals.calls,
            "billed": answer.totals.billed,
            // A copy that is made once more, after a crash, is of the same failure.
            "at": answer.finished().unwrap_or_else(|| self.clock.now()),
        });
        let copy = self.fitted(
            run,
            failed_copy(job, &reason.to_string(), self.max_job_bytes),
            &[FAILURE, TRUNCATED],
        );
        self.to_our_queue(&self.queues.failed_queue, &copy).await
    }

    /// Into the longest delay queue that does not overshoot; further hops follow until the time has
    /// come. A suspect has died so often.
    pub(super) async fn park(
        &self,
        job: &Message,
        progress: &Progress,
        until: Timestamp,
        suspect: Option<u32>,
    ) -> Result<(), Unpublished> {
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let queue = self
            .queues
            .retry_queue(next_delay(&self.queues.retry_delays, wait));
        let not_before_ms = u64::try_from(until.as_millisecond()).unwrap_or_default();
        let FittedPark {
            message,
            left_out,
            parcel_left_out,
        } = fit_parked(progress, self.publisher.room_for_properties(), |header| {
            parked_copy(
                job,
                &ParkedState {
                    progress: header.to_owned(),
                    not_before_ms,
                    deaths: suspect,
                },
                self.sealer,
            )
        });
        log_left_out(&left_out, &progress.run);
        if parcel_left_out {
            tracing::error!(
                job.run = progress.run,
                "a paid answer is too large to travel with its job in one frame of this broker (frame_max): it may be paid for again"
            );
        }
        self.to_our_queue(&queue, &message).await
    }

    /// A queue of ours that refuses is asked for as long as a delivery may be held, and readiness
    /// says so; one that is gone is declared again.
    async fn to_our_queue(&self, queue: &str, message: &Message) -> Result<(), Unpublished> {
        let mut tries = 0;
        loop {
            let problem = match self.confirmed(queue, message, &mut tries).await {
                Ok(()) => {
                    if tries > 0 {
                        self.health.recovered(Trouble::Publishing);
                    }
                    return Ok(());
                }
                Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
                Err(problem @ PublishError::Forbidden(_)) => return Err(self.give_up(&problem)),
                Err(PublishError::Returned) => {
                    tracing::warn!(queue, "one of our queues is gone; declaring it again");
                    match self.generation.session.topology().await {
                        Ok(()) => format!("{queue} was gone"),
                        Err(error) => error.to_string(),
                    }
                }
                Err(problem) => problem.to_string(),
            };
            if Instant::now() >= self.patience {
                return Err(Unpublished::Queue {
                    queue: queue.to_owned(),
                    problem,
                });
            }
            tries += 1;
            self.health.trouble(
                Trouble::Publishing,
                &format!("cannot publish to {queue}: {problem}"),
            );
            tokio::time::sleep(growing(FIRST_WAIT, tries, self.randomness.unit())).await;
        }
    }

    /// This user may not publish, to whichever queue: no job can be answered until that is granted,
    /// so none is kept.
    fn give_up(&self, problem: &PublishError) -> Unpublished {
        self.generation.give_up(problem);
        Unpublished::GenerationLost
    }

    /// A confirm that is late is waited for, and readiness says so: a second message beside the
    /// first would be a second job. At the end of our patience the connection is given up with it.
    async fn confirmed(
        &self,
        queue: &str,
        message: &Message,
        tries: &mut u32,
    ) -> Result<(), PublishError> {
        let publishing = self.try_publish(queue, message);
        tokio::pin!(publishing);
        let bound = &self.queues.publish_timeout;
        if let Ok(published) = timeout(bound.duration(), &mut publishing).await {
            return published;
        }
        *tries += 1;
        self.health.trouble(
            Trouble::Publishing,
            &format!("{queue} has not confirmed a message within {bound}; it is waited for"),
        );
        timeout_at(self.patience, publishing)
            .await
            .unwrap_or(Err(PublishError::TimedOut))
    }

    /// To a reply queue, by the message's id: what hangs there is not sent again and again.
    async fn try_publish_once(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        if self.generation.is_over() {
            return Err(PublishError::Lost);
        }
        let id = message.properties.message_id.as_deref().unwrap_or_default();
        self.publisher.publish_once(queue, id, message).await
    }

    /// A lost generation publishes nothing more: the redelivered copy does.
    async fn try_publish(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        if self.generation.is_over() {
            return Err(PublishError::Lost);
        }
        self.publisher.publish(queue, message).await
    }
}
