//! Looks after the worker's queues while it runs: RabbitMQ tells only consumers that their queue is
//! gone.
//!
//! A queue that expires, or that an operator deletes, takes its messages with it. That cannot be
//! undone; but it is logged, and the queue is declared again before more is lost.

use super::config::Config;
use super::error::{BrokerError, PublishError};
use super::generation::Generation;
use super::session::Session;
use super::topology::queues;
use crate::telemetry::health::{Health, Trouble};
use crate::telemetry::metric;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// The contract's interval (section 4).
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// A heartbeat that finds no exchange makes the worker look at once, but not more often than this.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Which queues exist, as readiness, metrics and log say it.
#[derive(Debug)]
pub struct QueueWatch {
    queues: Config,
    health: Health,
}

impl QueueWatch {
    pub fn new(queues: Config, health: Health) -> Self {
        Self { queues, health }
    }

    /// Declares what is missing in a new session, and proves that this user may publish. Nothing is
    /// taken from a queue before. A worker that was `connected_before` logs what was deleted since.
    pub async fn prepare(
        &self,
        session: &Session,
        connected_before: bool,
    ) -> Result<(), BrokerError> {
        let missing = if connected_before {
            session.missing().await?
        } else {
            Vec::new()
        };
        self.log_missing(&missing);
        session.topology().await?;
        if connected_before {
            log_declared(&missing);
        } else {
            self.record_missing(&[]);
        }
        session.prove_publishing().await
    }

    /// Looks at the queues of this generation for as long as it is polled. `problems` are those of
    /// heartbeats that could not be published.
    pub async fn run(
        &self,
        generation: &Generation,
        problems: &mut Receiver<PublishError>,
    ) -> Infallible {
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
                        return pending().await;
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

    /// Returns what is still missing. `known` was missing at the look before, and is not logged
    /// again.
    async fn look(
        &self,
        generation: &Generation,
        known: &[String],
    ) -> Result<Vec<String>, BrokerError> {
        let session = &generation.session;
        let mut missing = session.missing().await?;
        self.record_missing(&missing);
        if !missing.is_empty() {
            let new = missing.iter().filter(|name| !known.contains(name));
            self.log_missing(new);
            self.health.trouble(
                Trouble::Missing,
                &format!("does not exist any more: {}", missing.join(", ")),
            );
            if self.queues.declare_topology {
                missing = declare_again(generation, missing).await?;
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

    /// Logs the names of queues that were there when this worker connected before.
    fn log_missing<'a>(&self, missing: impl IntoIterator<Item = &'a String>) {
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

    /// Sets the metric of every queue, and of the control exchange.
    fn record_missing(&self, missing: &[String]) {
        let names = queues(&self.queues)
            .into_iter()
            .map(|queue| queue.name)
            .chain([self.queues.control_exchange.clone()]);
        names.for_each(|name| metric::queue_missing(&name, missing.contains(&name)));
    }
}

/// Returns what is still missing.
async fn declare_again(
    generation: &Generation,
    missing: Vec<String>,
) -> Result<Vec<String>, BrokerError> {
    match generation.session.topology().await {
        Ok(()) => {
            log_declared(&missing);
            Ok(Vec::new())
        }
        Err(error @ (BrokerError::Forbidden { .. } | BrokerError::Lost(_))) => Err(error),
        Err(error) => {
            tracing::error!(
                queues = missing.join(", "),
                problem = %error,
                "the missing queues cannot be declared again; the worker tries again within a minute"
            );
            Ok(missing)
        }
    }
}

/// Logs and counts the queues that were deleted and exist again.
fn log_declared(names: &[String]) {
    if !names.is_empty() {
        for name in names {
            metric::queue_declared_again(name);
        }
        tracing::warn!(
            queues = names.join(", "),
            "queues that were deleted exist again: this worker declared them"
        );
    }
}
