//! Looks after the worker's queues while it runs: RabbitMQ tells only consumers that their queue is
//! gone.
//!
//! A queue that expires, or that an operator deletes, takes its messages with it. That cannot be
//! undone; but it is said, and the queue is declared again before more is lost.

use super::Worker;
use super::session::Generation;
use crate::broker::topology::queues;
use crate::broker::{BrokerError, PublishError};
use crate::telemetry::health::Trouble;
use crate::telemetry::metric;
use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Contract, section 4.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// A heartbeat that finds no exchange makes a worker look at once, but not at every one.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl Worker {
    /// For as long as it is polled: the generation ends without it.
    pub(super) async fn watch_queues(
        &self,
        generation: &Generation,
        problems: &mut Receiver<PublishError>,
    ) {
        let mut every = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut missing = Vec::new();
        let mut looked = None;
        loop {
            tokio::select! {
                _ = every.tick() => {}
                Some(problem) = problems.recv() => match problem {
                    PublishError::Forbidden(_) => {
                        generation.give_up(problem);
                        pending::<()>().await;
                    }
                    // The control exchange is gone.
                    PublishError::Returned if looked.is_none_or(|looked: Instant| looked.elapsed() >= LOOK_AGAIN) => {}
                    _ => continue,
                },
            }
            looked = Some(Instant::now());
            match self.look(generation, &missing).await {
                Ok(found) => missing = found,
                Err(error @ BrokerError::Forbidden { .. }) => {
                    generation.give_up(generation.session.explain(error).await);
                }
                Err(error) => tracing::debug!(%error, "could not look at the queues"),
            }
        }
    }

    /// Answers what is missing still. `known` was missing at the look before, and is not logged
    /// again.
    async fn look(
        &self,
        generation: &Generation,
        known: &[String],
    ) -> Result<Vec<String>, BrokerError> {
        let session = &generation.session;
        let mut missing = session.missing().await?;
        self.measure(&missing);
        if !missing.is_empty() {
            let new: Vec<String> = missing
                .iter()
                .filter(|name| !known.contains(name))
                .cloned()
                .collect();
            self.log_missing(&new);
            self.health.trouble(
                Trouble::Missing,
                &format!("does not exist any more: {}", missing.join(", ")),
            );
            if self.queues.declare_topology {
                missing = self.declare_again(generation, missing).await?;
            }
        }
        if missing.is_empty() {
            self.health.recovered(Trouble::Missing);
        }
        if !missing.contains(&self.queues.control_exchange) {
            session.rebind_control().await?;
        }
        // A worker without jobs would not notice that it may not publish any more.
        match session.prove_publishing().await {
            Err(error @ BrokerError::Forbidden { .. }) => return Err(error),
            Err(error) => tracing::debug!(%error, "could not try to publish"),
            Ok(()) => {}
        }
        Ok(missing)
    }

    /// Answers what is missing still.
    async fn declare_again(
        &self,
        generation: &Generation,
        missing: Vec<String>,
    ) -> Result<Vec<String>, BrokerError> {
        match generation.session.topology().await {
            Ok(()) => {
                Self::log_declared(&missing);
                Ok(Vec::new())
            }
            Err(error @ (BrokerError::Forbidden { .. } | BrokerError::Lost(_))) => Err(error),
            Err(error) => {
                tracing::error!(problem = %error, "cannot be declared again");
                Ok(missing)
            }
        }
    }

    /// Names of queues that were there when this worker connected before.
    pub(super) fn log_missing(&self, missing: &[String]) {
        let mend = if self.queues.declare_topology {
            "find out who deleted it (an operator, x-expires, a policy); this worker declares it again"
        } else {
            "find out who deleted it (an operator, x-expires, a policy), and declare it: broker.declare_topology is false"
        };
        for name in missing {
            metric::queue_missing(name, true);
            if *name == self.queues.control_exchange {
                tracing::error!(
                    exchange = name,
                    mend,
                    "the control exchange was deleted: workers have not heard of each other since"
                );
            } else {
                tracing::error!(
                    queue = name,
                    mend,
                    "a queue of ours was deleted, and what was in it is lost"
                );
            }
        }
    }

    pub(super) fn log_declared(names: &[String]) {
        if !names.is_empty() {
            for name in names {
                metric::queue_declared_again(name);
            }
            tracing::warn!(names = names.join(", "), "declared again");
        }
    }

    pub(super) fn measure(&self, missing: &[String]) {
        let names = queues(&self.queues)
            .into_iter()
            .map(|queue| queue.name)
            .chain([self.queues.control_exchange.clone()]);
        names.for_each(|name| metric::queue_missing(&name, missing.contains(&name)));
    }
}
