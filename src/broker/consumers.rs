//! The consumers that jobs come from: of the due queue and of each job queue, or of none.

use super::config::Config;
use super::consumer::Consumer;
use super::delivery::Delivery;
use super::error::BrokerError;
use super::session::Session;
use futures_util::future::{FutureExt, select_all};
use std::sync::Arc;

/// Consumers of all queues, of the due queue alone, or none.
#[derive(Debug, Default)]
pub struct JobConsumers {
    due: Option<Consumer>,
    /// The first is the next whose turn it is.
    jobs: Vec<JobsConsumer>,
}

#[derive(Debug)]
struct JobsConsumer {
    queue: Arc<str>,
    consumer: Consumer,
}

impl JobConsumers {
    /// Consumes with these prefetches from now on, each job queue with its own; none means that the
    /// queues are left alone. Returns what the consumers before had received by then: it is in this
    /// worker's hands and must be started, because handing it back would count as a death of the job.
    ///
    /// # Errors
    /// The generation may be over.
    pub async fn replace(
        &mut self,
        session: &Session,
        queues: &Config,
        (due, jobs): (Option<u16>, Option<u16>),
    ) -> Result<Vec<Delivery>, BrokerError> {
        let received = self.stop().await;
        if let Some(prefetch) = jobs {
            for jobs in queues.job_queues() {
                let consumer = session.consume(&jobs.queue, prefetch).await?;
                let queue = jobs.queue.into();
                self.jobs.push(JobsConsumer { queue, consumer });
            }
        }
        if let Some(prefetch) = due {
            self.due = Some(session.consume(&queues.due_queue, prefetch).await?);
        }
        Ok(received)
    }

    /// Takes nothing more, and returns what had been received.
    pub async fn stop(&mut self) -> Vec<Delivery> {
        let mut received = Vec::new();
        if let Some(mut due) = self.due.take() {
            due.cancel().await;
            while let Some(delivery) = due.next().await {
                received.push(delivery);
            }
        }
        for mut jobs in std::mem::take(&mut self.jobs) {
            jobs.consumer.cancel().await;
            while let Some(delivery) = jobs.next().await {
                received.push(delivery);
            }
        }
        received
    }

    /// The next delivery; `None` when a consumer was lost. The job queues take turns. Never returns
    /// while there is no consumer. Cancel safe.
    pub async fn next(&mut self, is_jobs_queue_first: bool) -> Option<Delivery> {
        let Self { due, jobs } = self;
        if is_jobs_queue_first {
            tokio::select! {
                biased;
                delivery = next_of_jobs(jobs) => delivery,
                delivery = next_of(due) => delivery,
            }
        } else {
            tokio::select! {
                biased;
                delivery = next_of(due) => delivery,
                delivery = next_of_jobs(jobs) => delivery,
            }
        }
    }
}

impl JobsConsumer {
    async fn next(&mut self) -> Option<Delivery> {
        let mut delivery = self.consumer.next().await?;
        delivery.jobs_queue = Some(Arc::clone(&self.queue));
        Some(delivery)
    }
}

/// The queue that gave one is asked last for the next.
async fn next_of_jobs(jobs: &mut [JobsConsumer]) -> Option<Delivery> {
    if jobs.is_empty() {
        return std::future::pending().await;
    }
    // They are polled in this order.
    let next = jobs.iter_mut().map(|jobs| jobs.next().boxed());
    let (delivery, index, others) = select_all(next).await;
    drop(others);
    jobs.rotate_left(index + 1);
    delivery
}

async fn next_of(consumer: &mut Option<Consumer>) -> Option<Delivery> {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}
