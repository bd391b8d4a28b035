//! Publishes what a delivery becomes, and goes elsewhere when the first destination is gone.

use super::Settings;
use super::context::DeliveryContext;
use crate::broker::{
    FAILURE, FittedMessage, FittedPark, Message, ParkedState, Properties, PublishError, ReplySlots,
    TRUNCATED, failed_copy, fit_parked, fit_to_frame, log_left_out, next_delay, parked_copy,
};
use crate::clock::Clock;
use crate::domain::result::ProgressMessage;
use crate::pipeline::Answer;
use crate::randomness::Randomness;
use crate::retry::Attempts;
use crate::seal::Sealer;
use crate::telemetry::health::{Health, Trouble};
use crate::telemetry::metric;
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// A reply queue that refuses or hangs gets so many tries before the job is parked with its answer.
const REPLY_TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const TRACE_HEADER: &str = "traceparent";

/// Where results, copies and parked jobs go.
pub(super) struct Outbox {
    settings: Arc<Settings>,
    sealer: Sealer,
    health: Health,
    clock: Clock,
    randomness: Randomness,
    reply_slots: ReplySlots,
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
    /// The worker panicked on it, and again when it was to be answered or parked for that.
    Panicked,
}

impl Outbox {
    pub(super) fn new(
        settings: Arc<Settings>,
        sealer: Sealer,
        health: Health,
        clock: Clock,
        randomness: Randomness,
    ) -> Self {
        Self {
            settings,
            sealer,
            health,
            clock,
            randomness,
            reply_slots: ReplySlots::default(),
        }
    }

    /// Publishes to the job's `reply_to`; where it names none, or that queue is gone, to the results
    /// queue. So it does where the queue refuses and the result may not wait for it. Of an answer
    /// that `is_kept` nothing is lost where the results queue refuses, too.
    pub(super) async fn publish_result(
        &self,
        context: &DeliveryContext<'_>,
        body: Bytes,
        may_wait: bool,
        is_kept: bool,
    ) -> Result<Sent, Unpublished> {
        let run = &context.progress.run;
        let message = self.reply(context, "invoice.result", run.clone(), body);
        if let Some(reply_to) = self.reply_to(context) {
            match self
                .publish_to_reply_queue(context, reply_to, &message)
                .await
            {
                Ok(()) => return Ok(Sent::Yes),
                Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
                Err(problem @ PublishError::Forbidden(_)) => {
                    return Err(give_up(context, &problem));
                }
                Err(PublishError::Nacked | PublishError::TimedOut) if may_wait => {
                    return Ok(Sent::NotYet);
                }
                Err(problem) => {
                    metric::result_returned();
                    tracing::warn!(job.run = run, %problem, "reply_to would not take the result; it goes to the results queue");
                }
            }
        }
        let queue = &self.settings.queues.results_queue;
        match self.publish_to_our_queue(context, queue, &message).await {
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

    /// Says why a job waits that asked for it. Once: a reply queue that does not take it costs the
    /// job nothing.
    pub(super) async fn publish_progress(
        &self,
        context: &DeliveryContext<'_>,
        message: &ProgressMessage<'_>,
    ) {
        let progress = &context.progress;
        let Some(reply_to) = self.reply_to(context) else {
            return;
        };
        let slot = self.reply_slots.acquire(reply_to).await;
        let Some(_slot) = slot.filter(|slot| !slot.is_refused()) else {
            return;
        };
        // A name of its own: consumers know results by the run id alone.
        let id = format!("{}.{}", progress.run, progress.totals.parked);
        // Cannot fail: plain text and numbers.
        let body = serde_json::to_vec(message).unwrap_or_default();
        let message = self.reply(context, "invoice.progress", id, body.into());
        if let Err(problem) = publish_once(context, reply_to, &message).await {
            tracing::debug!(job.run = progress.run, %problem, "reply_to did not take a progress message");
        }
    }

    /// Publishes a copy of the job for the operator, with the reason.
    pub(super) async fn publish_failed_copy(
        &self,
        context: &DeliveryContext<'_>,
        answer: &Answer,
    ) -> Result<(), Unpublished> {
        let reason = serde_json::json!({
            "job_id": context.job_id,
            "run": context.progress.run,
            "status": answer.status,
            "error": answer.error,
            "calls": answer.totals.calls,
            "billed": answer.totals.billed,
            // A copy that is made once more, after a crash, is of the same failure.
            "at": answer.finished().unwrap_or_else(|| self.clock.now()),
        });
        let max_job_bytes = self.settings.max_job_bytes;
        let copy = failed_copy(context.message, &reason.to_string(), max_job_bytes);
        let copy = fit(context, copy, &[FAILURE, TRUNCATED]);
        let queue = &self.settings.queues.failed_queue;
        self.publish_to_our_queue(context, queue, &copy).await
    }

    /// Publishes the job into the longest delay queue that does not overshoot; further hops follow
    /// until the time has come.
    pub(super) async fn park(
        &self,
        context: &DeliveryContext<'_>,
        until: Timestamp,
    ) -> Result<(), Unpublished> {
        let queues = &self.settings.queues;
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let queue = queues.retry_queue(next_delay(&queues.retry_delays, wait));
        let not_before_ms = u64::try_from(until.as_millisecond()).unwrap_or_default();
        let parked = |progress: &str| {
            let state = ParkedState {
                progress: progress.to_owned(),
                not_before_ms,
                deaths: context.deaths,
            };
            parked_copy(context.message, &state, &self.sealer)
        };
        let room = context.generation.session.publisher().room_for_properties();
        let FittedPark {
            message,
            left_out,
            parcel_left_out,
        } = fit_parked(&context.progress, room, parked);
        log_left_out(&left_out, &context.progress.run);
        if parcel_left_out {
            tracing::error!(
                job.run = context.progress.run,
                "a paid answer is too large to travel with its job in one frame of this broker (frame_max): it may be paid for again"
            );
        }
        self.publish_to_our_queue(context, &queue, &message).await
    }

    /// The queue where the job wants its result, if it may: nothing is published to a queue that is
    /// not allowed.
    fn reply_to<'m>(&self, context: &DeliveryContext<'m>) -> Option<&'m str> {
        let reply_to = context.message.properties.reply_to.as_deref();
        reply_to.filter(|queue| !queue.is_empty() && self.settings.queues.allows_reply_to(queue))
    }

    fn reply(&self, context: &DeliveryContext<'_>, kind: &str, id: String, body: Bytes) -> Message {
        let job = &context.message.properties;
        let mut properties = Properties {
            correlation_id: job.correlation_id.clone(),
            message_id: Some(id),
            timestamp: u64::try_from(self.clock.now().as_second()).ok(),
            ..Message::json(kind, Bytes::new()).properties
        };
        if let Some(trace) = job.headers.text(TRACE_HEADER) {
            properties.headers.set_text(TRACE_HEADER, &trace);
        }
        fit(context, Message { body, properties }, &[])
    }

    /// A few times, in one of the few slots that a reply queue has; once where other jobs have just
    /// given it up.
    async fn publish_to_reply_queue(
        &self,
        context: &DeliveryContext<'_>,
        queue: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        let Some(slot) = self.reply_slots.acquire(queue).await else {
            return Err(PublishError::TimedOut);
        };
        let refuses = |problem: &PublishError| {
            matches!(problem, PublishError::Nacked | PublishError::TimedOut)
        };
        let outcome = Attempts::every(FIRST_WAIT, &self.randomness)
            .at_most(REPLY_TRIES)
            .until(context.patience())
            .run(
                || publish_once(context, queue, message),
                |problem, _| refuses(problem) && !slot.is_refused(),
            )
            .await;
        match &outcome {
            Ok(()) => slot.record_taken(),
            Err(problem) if refuses(problem) => slot.record_refused(),
            Err(_) => {}
        }
        outcome
    }

    /// A queue of ours that refuses is tried for as long as a delivery may be held, and readiness
    /// says so; one that is gone is declared again.
    async fn publish_to_our_queue(
        &self,
        context: &DeliveryContext<'_>,
        queue: &str,
        message: &Message,
    ) -> Result<(), Unpublished> {
        let (patience, was_in_trouble) = (context.patience(), AtomicBool::new(false));
        let report = |problem: &str| {
            was_in_trouble.store(true, Ordering::Relaxed);
            self.health.trouble(Trouble::Publishing, problem);
        };
        let attempt = || async {
            let problem = match self
                .confirmed(context, queue, message, patience, &report)
                .await
            {
                Ok(()) => return Ok(()),
                Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
                Err(problem @ PublishError::Forbidden(_)) => {
                    return Err(give_up(context, &problem));
                }
                Err(PublishError::Returned) => {
                    tracing::warn!(queue, "one of our queues is gone; declaring it again");
                    match context.generation.session.topology().await {
                        Ok(()) => format!("{queue} was gone"),
                        Err(error) => error.to_string(),
                    }
                }
                Err(problem) => problem.to_string(),
            };
            Err(Unpublished::Queue {
                queue: queue.to_owned(),
                problem,
            })
        };
        let is_tried_again = |unpublished: &Unpublished, _| {
            let Unpublished::Queue { queue, problem } = unpublished else {
                return false;
            };
            report(&format!("cannot publish to {queue}: {problem}"));
            true
        };
        Attempts::every(FIRST_WAIT, &self.randomness)
            .until(patience)
            .run(attempt, is_tried_again)
            .await?;
        if was_in_trouble.load(Ordering::Relaxed) {
            self.health.recovered(Trouble::Publishing);
        }
        Ok(())
    }

    /// A confirm that is late is waited for, and readiness says so: a second message beside the
    /// first would be a second job. At the end of our patience the connection is given up with it.
    async fn confirmed(
        &self,
        context: &DeliveryContext<'_>,
        queue: &str,
        message: &Message,
        patience: Instant,
        report: &impl Fn(&str),
    ) -> Result<(), PublishError> {
        let publishing = publish(context, queue, message);
        tokio::pin!(publishing);
        let bound = &self.settings.queues.publish_timeout;
        if let Ok(published) = timeout(bound.duration(), &mut publishing).await {
            return published;
        }
        report(&format!(
            "{queue} has not confirmed a message within {bound}; it is waited for"
        ));
        timeout_at(patience, publishing)
            .await
            .unwrap_or(Err(PublishError::TimedOut))
    }
}

impl Unpublished {
    /// Logs what makes the worker connect anew.
    pub(super) fn log(&self) {
        match self {
            Self::GenerationLost => {}
            Self::Queue { queue, problem } => tracing::error!(
                queue,
                problem,
                "cannot publish to our own queue; connecting anew, the job will be delivered again"
            ),
            Self::Panicked => tracing::error!(
                "a job on which the worker failed can be neither answered nor parked; connecting anew, it will be delivered again"
            ),
        }
    }
}

/// The user may not publish, to whichever queue: no job can be answered until that is granted, so
/// none is kept.
fn give_up(context: &DeliveryContext<'_>, problem: &PublishError) -> Unpublished {
    context.generation.give_up(problem);
    Unpublished::GenerationLost
}

/// The job matters more than what its submitter put on the message beside it.
fn fit(context: &DeliveryContext<'_>, message: Message, ours: &[&str]) -> Message {
    let room = context.generation.session.publisher().room_for_properties();
    let FittedMessage { message, left_out } = fit_to_frame(message, room, ours);
    log_left_out(&left_out, &context.progress.run);
    message
}

/// Publishes to a reply queue, by the message's id: what hangs there is not sent again and again.
async fn publish_once(
    context: &DeliveryContext<'_>,
    queue: &str,
    message: &Message,
) -> Result<(), PublishError> {
    if context.generation.is_over() {
        return Err(PublishError::Lost);
    }
    let id = message.properties.message_id.as_deref().unwrap_or_default();
    let publisher = context.generation.session.publisher();
    publisher.publish_once(queue, id, message).await
}

/// A lost generation publishes nothing more: the redelivered copy does.
async fn publish(
    context: &DeliveryContext<'_>,
    queue: &str,
    message: &Message,
) -> Result<(), PublishError> {
    if context.generation.is_over() {
        return Err(PublishError::Lost);
    }
    let publisher = context.generation.session.publisher();
    publisher.publish(queue, message).await
}
