//! What the worker publishes, and where it goes when its first destination is gone.

use super::Worker;
use super::session::Generation;
use crate::broker::{Config, FAILURE, Message, NOT_BEFORE, PROGRESS, Properties, PublishError, Publisher, failed_copy, hop, parked};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status};
use crate::retry::wait;
use crate::telemetry::metric;
use bytes::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// A queue that refuses or hangs gets so many tries before its message goes elsewhere.
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const TRACE_HEADER: &str = "traceparent";

pub(super) struct Outbox<'a> {
    generation: &'a Generation,
    publisher: Publisher,
    queues: &'a Config,
    clock: Clock,
    chance: &'a Chance,
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
    pub(super) fn outbox<'a>(&'a self, generation: &'a Generation) -> Outbox<'a> {
        Outbox {
            generation,
            publisher: generation.session.publisher(),
            queues: &self.queues,
            clock: self.pipeline.judge.clock,
            chance: &self.chance,
        }
    }
}

impl Outbox<'_> {
    /// To the job's `reply_to`; where it names none, or that queue is gone or refuses, to the results queue.
    pub(super) async fn result(&self, job: &Message, run: &str, body: Bytes) -> Result<(), Unpublished> {
        let mut properties = Properties {
            content_type: Some("application/json".into()),
            correlation_id: job.properties.correlation_id.clone(),
            message_id: Some(run.to_owned()),
            kind: Some("invoice.result".into()),
            timestamp: u64::try_from(self.clock.now().as_second()).ok(),
            ..Properties::default()
        };
        if let Some(trace) = job.properties.headers.text(TRACE_HEADER) {
            properties.headers.set_text(TRACE_HEADER, &trace);
        }
        let message = Message { body, properties };
        let Some(reply_to) = job.properties.reply_to.as_deref().filter(|queue| !queue.is_empty()) else {
            return self.to_our_queue(&self.queues.results_queue, &message).await;
        };
        match self.try_publish(reply_to, &message).await {
            Ok(()) => Ok(()),
            Err(PublishError::Lost) => Err(Unpublished::GenerationLost),
            Err(problem) => {
                metric::result_returned();
                tracing::warn!(job.run = run, problem = %problem, "reply_to would not take the result; it goes to the results queue");
                self.to_our_queue(&self.queues.results_queue, &message).await
            }
        }
    }

    /// A copy of the job for the operator, with the reason.
    pub(super) async fn failed(
        &self,
        job: &Message,
        progress: &Progress,
        job_id: Option<&str>,
        status: Status,
        error: Option<&JobError>,
    ) -> Result<(), Unpublished> {
        let reason = serde_json::json!({
            "job_id": job_id,
            "run": progress.run,
            "status": status,
            "error": error,
            "calls": progress.totals.calls,
            "billed": progress.totals.billed,
            "at": self.clock.now(),
        });
        self.to_our_queue(&self.queues.failed_queue, &failed_copy(job, &reason.to_string())).await
    }

    /// Into the longest delay queue that does not overshoot; further hops follow until the time has come.
    pub(super) async fn park(&self, job: &Message, progress: &Progress, until: Timestamp) -> Result<(), Unpublished> {
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let queue = self.queues.retry_queue(hop(&self.queues.retry_delays, wait));
        let not_before = u64::try_from(until.as_millisecond()).unwrap_or_default();
        self.to_our_queue(&queue, &parked(job, &progress.to_header(), not_before)).await
    }

    /// A queue of ours that is gone is declared again, once. A message that the protocol cannot carry (a stranger's headers beyond
    /// the frame size) goes without its foreign headers: the job matters more.
    async fn to_our_queue(&self, queue: &str, message: &Message) -> Result<(), Unpublished> {
        let unpublished = |problem: PublishError| match problem {
            PublishError::Lost => Unpublished::GenerationLost,
            other => Unpublished::Queue { queue: queue.to_owned(), problem: other.to_string() },
        };
        match self.try_publish(queue, message).await {
            Err(PublishError::Returned) => {
                tracing::warn!(queue, "one of our queues is gone; declaring it again");
                if let Err(error) = self.generation.session.topology().await {
                    return Err(Unpublished::Queue { queue: queue.to_owned(), problem: error.to_string() });
                }
                self.try_publish(queue, message).await.map_err(unpublished)
            }
            Err(PublishError::Refused(problem)) => {
                tracing::warn!(queue, problem = %problem, "the message cannot be carried as it is; its foreign headers are left out");
                let mut plain = message.clone();
                plain.properties.headers.retain(|name| [PROGRESS, NOT_BEFORE, FAILURE].contains(&name));
                self.try_publish(queue, &plain).await.map_err(unpublished)
            }
            outcome => outcome.map_err(unpublished),
        }
    }

    /// Waits and tries again where the queue might take it later.
    async fn try_publish(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        let mut tries = 1;
        loop {
            match self.publisher.publish(queue, message).await {
                Err(PublishError::Nacked | PublishError::TimedOut) if tries < TRIES => {
                    tokio::time::sleep(wait(FIRST_WAIT, tries, self.chance.unit())).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }
}
