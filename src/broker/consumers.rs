//! The consumers that jobs come from: of the due queue and of the jobs queue, or of neither.

use super::config::Config;
use super::consumer::Consumer;
use super::delivery::Delivery;
use super::error::BrokerError;
use super::session::Session;

/// Consumers of both queues, of the due queue alone, or none.
#[derive(Debug, Default)]
pub struct JobConsumers {
    due: Option<Consumer>,
    jobs: Option<Consumer>,
}

impl JobConsumers {
    /// Consumes with these prefetches from now on; none means that the queue is left alone. Returns
    /// what the consumers before had received by then: it is in this worker's hands and must be
    /// started, because handing it back would count as a death of the job.
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
            self.jobs = Some(session.consume(&queues.jobs_queue, prefetch).await?);
        }
        if let Some(prefetch) = due {
            self.due = Some(session.consume(&queues.due_queue, prefetch).await?);
        }
        Ok(received)
    }

    /// Takes nothing more, and returns what had been received.
    pub async fn stop(&mut self) -> Vec<Delivery> {
        let mut received = Vec::new();
        for mut consumer in [self.due.take(), self.jobs.take()].into_iter().flatten() {
            consumer.cancel().await;
            while let Some(delivery) = consumer.next().await {
                received.push(delivery);
            }
        }
        received
    }

    /// The next delivery; `None` when a consumer was lost. Never returns while there is no consumer.
    /// Cancel safe.
    pub async fn next(&mut self, is_jobs_queue_first: bool) -> Option<Delivery> {
        let (first, second) = if is_jobs_queue_first {
            (&mut self.jobs, &mut self.due)
        } else {
            (&mut self.due, &mut self.jobs)
        };
        tokio::select! {
            biased;
            delivery = next_of(first) => delivery,
            delivery = next_of(second) => delivery,
        }
    }
}

async fn next_of(consumer: &mut Option<Consumer>) -> Option<Delivery> {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}
