//! Publishes what a delivery becomes, and goes elsewhere when the first destination is gone.

use super::config::Config;
use super::copies::{FAILURE, REPLY_TO, TRUNCATED, failed_copy};
use super::delay_queues::next_delay;
use super::error::PublishError;
use super::frame::{FittedMessage, fit_to_frame};
use super::in_hand::InHand;
use super::message::{Message, Properties};
use super::parked::{ParkedState, parked_copy};
use super::parked_fit::{FittedPark, fit_parked, log_left_out};
use super::patient::{Outgoing, PatientPublisher, Unpublished};
use crate::clock::Clock;
use crate::domain::result::ProgressMessage;
use crate::randomness::Randomness;
use crate::seal::Sealer;
use crate::telemetry::health::Health;
use crate::telemetry::metric::{self, PublishKind};
use crate::telemetry::trace;
use bytes::Bytes;
use jiff::Timestamp;
use std::time::Duration;
use tracing::{Instrument, Span};

/// Publishes results, copies and parked jobs to their queues.
pub struct Outbox {
    queues: Config,
    /// The failed queue keeps only the beginning of a larger body.
    max_job_bytes: usize,
    sealer: Sealer,
    clock: Clock,
    publisher: PatientPublisher,
}

/// The fate of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Yes,
    /// Its queue refuses, or hangs.
    NotYet,
}

impl Outbox {
    pub fn new(
        queues: Config,
        max_job_bytes: usize,
        sealer: Sealer,
        clock: Clock,
        (health, randomness): (Health, Randomness),
    ) -> Self {
        let publish_timeout = queues.publish_timeout.clone();
        Self {
            queues,
            max_job_bytes,
            sealer,
            clock,
            publisher: PatientPublisher::new(publish_timeout, health, randomness),
        }
    }

    /// Publishes to the job's `reply_to`; where it names none, or that queue is gone, to the results
    /// queue. So it does where the queue refuses and the result may not wait for it. Of an answer
    /// that `is_kept` nothing is lost where the results queue refuses, too.
    pub async fn publish_result(
        &self,
        job: &InHand<'_>,
        body: Bytes,
        may_wait: bool,
        is_kept: bool,
    ) -> Result<Sent, Unpublished> {
        self.publish_to_any(job, body, may_wait, is_kept)
            .instrument(trace::publish(PublishKind::Result))
            .await
    }

    async fn publish_to_any(
        &self,
        job: &InHand<'_>,
        body: Bytes,
        may_wait: bool,
        is_kept: bool,
    ) -> Result<Sent, Unpublished> {
        let run = &job.past.progress.run;
        let mut message = self.reply(job, "invoice.result", run.clone(), body);
        if let Some(reply_to) = self.reply_to(job) {
            let (generation, patience) = (job.generation, job.patience());
            let publisher = &self.publisher;
            let outgoing = Outgoing {
                kind: PublishKind::Result,
                queue: reply_to,
                message: &message,
            };
            let publishing = publisher.publish_to_reply_queue(generation, patience, outgoing);
            match publishing.await {
                Ok(()) => return Ok(Sent::Yes),
                Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
                Err(problem @ PublishError::Forbidden(_)) => {
                    return Err(Unpublished::forbidden(job.generation, &problem));
                }
                Err(PublishError::Nacked | PublishError::TimedOut) if may_wait => {
                    return Ok(Sent::NotYet);
                }
                Err(problem) => {
                    metric::result_returned();
                    tracing::warn!(job.run = run, %problem, "reply_to would not take the result; it goes to the results queue");
                    // For `results deliver`.
                    message.properties.headers.set_text(REPLY_TO, reply_to);
                    message = fit(job, message, &[REPLY_TO]);
                }
            }
        }
        let queue = &self.queues.results_queue;
        let outgoing = Outgoing {
            kind: PublishKind::Result,
            queue,
            message: &message,
        };
        match self.publish_to_own_queue(job, outgoing).await {
            Ok(()) => Ok(Sent::Yes),
            Err(Unpublished::Queue { queue, problem }) if is_kept => {
                tracing::error!(
                    queue,
                    problem,
                    "the results queue refuses a result; the job is parked with its result and tries again"
                );
                Ok(Sent::NotYet)
            }
            Err(unpublished) => Err(unpublished),
        }
    }

    /// Says why a job waits that asked for it. Once: a reply queue that does not take it costs the
    /// job nothing.
    pub async fn publish_progress(&self, job: &InHand<'_>, message: &ProgressMessage<'_>) {
        let progress = &job.past.progress;
        let Some(reply_to) = self.reply_to(job) else {
            return;
        };
        // A name of its own: consumers know results by the run id alone.
        let id = format!("{}.{}", progress.run, progress.costs.totals.parked);
        // Cannot fail: plain text and numbers.
        let body = serde_json::to_vec(message).unwrap_or_default();
        let span = trace::publish(PublishKind::Progress);
        let message = span.in_scope(|| self.reply(job, "invoice.progress", id, body.into()));
        let outgoing = Outgoing {
            kind: PublishKind::Progress,
            queue: reply_to,
            message: &message,
        };
        let publishing = self.publisher.try_reply_queue(job.generation, outgoing);
        if let Err(problem) = publishing.instrument(span).await {
            tracing::debug!(job.run = progress.run, %problem, "reply_to did not take a progress message");
        }
    }

    /// Publishes a copy of the job for the operator, with the reason as JSON text.
    pub async fn publish_failed_copy(
        &self,
        job: &InHand<'_>,
        reason_json: &str,
    ) -> Result<(), Unpublished> {
        let copy = failed_copy(job.message, reason_json, self.max_job_bytes);
        let copy = fit(job, copy, &[FAILURE, TRUNCATED]);
        let outgoing = Outgoing {
            kind: PublishKind::Failed,
            queue: &self.queues.failed_queue,
            message: &copy,
        };
        self.publish_to_own_queue(job, outgoing)
            .instrument(trace::publish(PublishKind::Failed))
            .await
    }

    /// Publishes the job into the longest delay queue that does not overshoot; further hops follow
    /// until the time has come.
    pub async fn park(&self, job: &InHand<'_>, until: Timestamp) -> Result<(), Unpublished> {
        let queues = &self.queues;
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let queue = queues.retry_queue(next_delay(&queues.retry_delays, wait));
        let not_before_ms = u64::try_from(until.as_millisecond()).unwrap_or_default();
        let parked = |progress: &str| {
            let state = ParkedState {
                progress: progress.to_owned(),
                not_before_ms,
                deaths: job.past.deaths,
            };
            parked_copy(job.message, &state, &self.sealer)
        };
        let room = job.generation.session.publisher().room_for_properties();
        let FittedPark {
            message,
            left_out,
            parcel_left_out,
        } = fit_parked(&job.past.progress, room, parked);
        log_left_out(&left_out, &job.past.progress.run);
        if parcel_left_out {
            tracing::error!(
                job.run = job.past.progress.run,
                "a paid answer is too large to travel with its job in one frame of this broker (frame_max): it may be paid for again"
            );
        }
        let outgoing = Outgoing {
            kind: PublishKind::Parked,
            queue: &queue,
            message: &message,
        };
        self.publish_to_own_queue(job, outgoing)
            .instrument(trace::publish(PublishKind::Parked))
            .await
    }

    async fn publish_to_own_queue(
        &self,
        job: &InHand<'_>,
        outgoing: Outgoing<'_>,
    ) -> Result<(), Unpublished> {
        self.publisher
            .publish_to_own_queue(job.generation, job.patience(), outgoing)
            .await
    }

    /// The queue where the job wants its result, if it may: nothing is published to a queue that is
    /// not allowed.
    fn reply_to<'m>(&self, job: &InHand<'m>) -> Option<&'m str> {
        let reply_to = job.message.properties.reply_to.as_deref();
        reply_to.filter(|queue| !queue.is_empty() && self.queues.allows_reply_to(queue))
    }

    fn reply(&self, job: &InHand<'_>, kind: &str, id: String, body: Bytes) -> Message {
        let submitted = &job.message.properties;
        let mut properties = Properties {
            correlation_id: submitted.correlation_id.clone(),
            message_id: Some(id),
            timestamp: u64::try_from(self.clock.now().as_second()).ok(),
            ..Message::json(kind, Bytes::new()).properties
        };
        let of_submitter = |name: &str| submitted.headers.text(name);
        for (name, value) in trace::carried(&Span::current(), of_submitter) {
            properties.headers.set_text(name, &value);
        }
        fit(job, Message { body, properties }, &[])
    }
}

/// The job matters more than what its submitter put on the message beside it.
fn fit(job: &InHand<'_>, message: Message, ours: &[&str]) -> Message {
    let room = job.generation.session.publisher().room_for_properties();
    let FittedMessage { message, left_out } = fit_to_frame(message, room, ours);
    log_left_out(&left_out, &job.past.progress.run);
    message
}
