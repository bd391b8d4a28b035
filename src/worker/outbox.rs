//! Publishes what a delivery becomes, and goes elsewhere when the first destination is gone.

use super::Parts;
use super::context::DeliveryContext;
use crate::broker::{
    FAILURE, FittedMessage, FittedPark, Message, ParkedState, PatientPublisher, Properties,
    PublishError, TRUNCATED, Unpublished, failed_copy, fit_parked, fit_to_frame, log_left_out,
    next_delay, parked_copy,
};
use crate::domain::result::ProgressMessage;
use crate::pipeline::Answer;
use crate::telemetry::metric;
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const TRACE_HEADER: &str = "traceparent";

/// Publishes results, copies and parked jobs to their queues.
pub(super) struct Outbox {
    parts: Arc<Parts>,
    publisher: PatientPublisher,
}

/// The fate of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Yes,
    /// Its queue refuses, or hangs.
    NotYet,
}

impl Outbox {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        let (health, randomness) = (parts.health.clone(), parts.randomness.clone());
        let publish_timeout = parts.settings.queues.publish_timeout.clone();
        Self {
            publisher: PatientPublisher::new(publish_timeout, health, randomness),
            parts,
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
        let run = &context.past.progress.run;
        let message = self.reply(context, "invoice.result", run.clone(), body);
        if let Some(reply_to) = self.reply_to(context) {
            let (generation, patience) = (context.generation, context.patience());
            let publisher = &self.publisher;
            let publishing =
                publisher.publish_to_reply_queue(generation, patience, reply_to, &message);
            match publishing.await {
                Ok(()) => return Ok(Sent::Yes),
                Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
                Err(problem @ PublishError::Forbidden(_)) => {
                    return Err(Unpublished::forbidden(context.generation, &problem));
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
        let queue = &self.parts.settings.queues.results_queue;
        match self.publish_to_own_queue(context, queue, &message).await {
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
        let progress = &context.past.progress;
        let Some(reply_to) = self.reply_to(context) else {
            return;
        };
        // A name of its own: consumers know results by the run id alone.
        let id = format!("{}.{}", progress.run, progress.totals.parked);
        // Cannot fail: plain text and numbers.
        let body = serde_json::to_vec(message).unwrap_or_default();
        let message = self.reply(context, "invoice.progress", id, body.into());
        let publishing = self
            .publisher
            .try_reply_queue(context.generation, reply_to, &message);
        if let Err(problem) = publishing.await {
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
            "run": context.past.progress.run,
            "status": answer.status,
            "error": answer.error,
            "calls": answer.totals.calls,
            "billed": answer.totals.billed,
            // A copy that is made once more, after a crash, is of the same failure.
            "at": answer.finished().unwrap_or_else(|| self.parts.pipeline.retrier.clock.now()),
        });
        let max_job_bytes = self.parts.settings.max_job_bytes;
        let copy = failed_copy(context.message, &reason.to_string(), max_job_bytes);
        let copy = fit(context, copy, &[FAILURE, TRUNCATED]);
        let queue = &self.parts.settings.queues.failed_queue;
        self.publish_to_own_queue(context, queue, &copy).await
    }

    /// Publishes the job into the longest delay queue that does not overshoot; further hops follow
    /// until the time has come.
    pub(super) async fn park(
        &self,
        context: &DeliveryContext<'_>,
        until: Timestamp,
    ) -> Result<(), Unpublished> {
        let queues = &self.parts.settings.queues;
        let wait =
            Duration::try_from(until.duration_since(self.parts.pipeline.retrier.clock.now()))
                .unwrap_or_default();
        let queue = queues.retry_queue(next_delay(&queues.retry_delays, wait));
        let not_before_ms = u64::try_from(until.as_millisecond()).unwrap_or_default();
        let parked = |progress: &str| {
            let state = ParkedState {
                progress: progress.to_owned(),
                not_before_ms,
                deaths: context.past.deaths,
            };
            parked_copy(context.message, &state, &self.parts.sealer)
        };
        let room = context.generation.session.publisher().room_for_properties();
        let FittedPark {
            message,
            left_out,
            parcel_left_out,
        } = fit_parked(&context.past.progress, room, parked);
        log_left_out(&left_out, &context.past.progress.run);
        if parcel_left_out {
            tracing::error!(
                job.run = context.past.progress.run,
                "a paid answer is too large to travel with its job in one frame of this broker (frame_max): it may be paid for again"
            );
        }
        self.publish_to_own_queue(context, &queue, &message).await
    }

    async fn publish_to_own_queue(
        &self,
        context: &DeliveryContext<'_>,
        queue: &str,
        message: &Message,
    ) -> Result<(), Unpublished> {
        self.publisher
            .publish_to_own_queue(context.generation, context.patience(), queue, message)
            .await
    }

    /// The queue where the job wants its result, if it may: nothing is published to a queue that is
    /// not allowed.
    fn reply_to<'m>(&self, context: &DeliveryContext<'m>) -> Option<&'m str> {
        let reply_to = context.message.properties.reply_to.as_deref();
        reply_to
            .filter(|queue| !queue.is_empty() && self.parts.settings.queues.allows_reply_to(queue))
    }

    fn reply(&self, context: &DeliveryContext<'_>, kind: &str, id: String, body: Bytes) -> Message {
        let job = &context.message.properties;
        let mut properties = Properties {
            correlation_id: job.correlation_id.clone(),
            message_id: Some(id),
            timestamp: u64::try_from(self.parts.pipeline.retrier.clock.now().as_second()).ok(),
            ..Message::json(kind, Bytes::new()).properties
        };
        if let Some(trace) = job.headers.text(TRACE_HEADER) {
            properties.headers.set_text(TRACE_HEADER, &trace);
        }
        fit(context, Message { body, properties }, &[])
    }
}

/// The job matters more than what its submitter put on the message beside it.
fn fit(context: &DeliveryContext<'_>, message: Message, ours: &[&str]) -> Message {
    let room = context.generation.session.publisher().room_for_properties();
    let FittedMessage { message, left_out } = fit_to_frame(message, room, ours);
    log_left_out(&left_out, &context.past.progress.run);
    message
}
