//! The worker: receive, take a turn with each delivery, settle; come back when the broker was lost; drain when asked.

mod event;
mod outbox;
mod session;
mod turn;

pub use event::{Event, JobAnswered, JobParked};

use crate::broker::{Broker, BrokerError, Session};
use crate::chance::Chance;
use crate::pipeline::Pipeline;
use crate::retry::reconnecting;
use crate::telemetry::health::{Health, State};
use crate::telemetry::metric;
use session::Generation;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Returned jobs do not queue behind the backlog: they have a small prefetch of their own (contract, section 4).
const DUE_PREFETCH: u16 = 16;

pub struct Worker {
    pub broker: Broker,
    pub queues: crate::broker::Config,
    pub pipeline: Pipeline,
    pub chance: Chance,
    pub health: Health,
    pub max_in_flight: u16,
    pub shutdown_grace: Duration,
    /// Told what becomes of each job, beside log and metrics; for the demo.
    pub watcher: Option<UnboundedSender<Event>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every job in flight was settled.
    Yes,
    /// `shutdown_grace` ran out; the broker will deliver the rest again.
    No,
}

enum Served {
    Lost,
    AskedToStop,
}

impl Worker {
    /// Works until `stop`, through any number of lost connections.
    ///
    /// # Errors
    /// Only what will not mend itself: a topology that differs from what we need, an unusable configuration.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) -> Result<Drained, BrokerError> {
        let turns = TaskTracker::new();
        let mut connected_before = false;
        while let Some(session) = self.establish(stop).await? {
            if connected_before {
                metric::broker_reconnected();
            }
            connected_before = true;
            match self.serve(session, &turns, stop).await? {
                Served::Lost => {}
                Served::AskedToStop => break,
            }
        }
        turns.close();
        let drained = tokio::time::timeout(self.shutdown_grace, turns.wait()).await.is_ok();
        Ok(if drained { Drained::Yes } else { Drained::No })
    }

    /// Connects and declares, again and again until it succeeds. `None`: asked to stop meanwhile.
    async fn establish(&self, stop: &CancellationToken) -> Result<Option<Session>, BrokerError> {
        let mut pause = reconnecting();
        let mut told = false;
        loop {
            let attempt = async {
                let session = self.broker.connect().await?;
                session.topology().await?;
                Ok::<_, BrokerError>(session)
            };
            let problem = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                outcome = attempt => match outcome {
                    Ok(session) => return Ok(Some(session)),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => error.to_string(),
                },
            };
            let wait = pause(&self.chance);
            // One line on the way down; the way up is told when consuming begins.
            if told {
                tracing::debug!(problem, wait_ms = wait.as_millis(), "the broker is still out of reach");
            } else {
                tracing::error!(problem, "the broker is out of reach; trying again until it answers");
                told = true;
            }
            self.health.set(State::Disconnected { problem });
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Consumes until this generation is lost or we are asked to stop.
    async fn serve(self: &Arc<Self>, session: Session, turns: &TaskTracker, stop: &CancellationToken) -> Result<Served, BrokerError> {
        let generation = Arc::new(Generation::new(session));
        let consumers = async {
            let due = generation.session.consume(&self.queues.due_queue, DUE_PREFETCH).await?;
            let jobs = generation.session.consume(&self.queues.jobs_queue, self.max_in_flight).await?;
            Ok::<_, BrokerError>((due, jobs))
        };
        let (mut due, mut jobs) = match consumers.await {
            Ok(consumers) => consumers,
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                tracing::warn!(problem = %error, "the broker was lost before consuming began");
                self.health.set(State::Disconnected { problem: error.to_string() });
                tokio::time::sleep(reconnecting()(&self.chance)).await;
                return Ok(Served::Lost);
            }
        };
        self.health.set(State::Consuming);
        tracing::info!(queue = self.queues.jobs_queue, prefetch = self.max_in_flight, "consuming");
        loop {
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = generation.over() => None,
                delivery = due.next() => delivery,
                delivery = jobs.next() => delivery,
            };
            let Some(delivery) = delivery else {
                let problem = "the connection or a consumer was lost".to_owned();
                tracing::warn!(problem, in_flight = turns.len(), "the broker was lost; what was not acknowledged will be delivered again");
                self.health.set(State::Disconnected { problem });
                generation.end();
                return Ok(Served::Lost);
            };
            let (worker, generation) = (Arc::clone(self), Arc::clone(&generation));
            turns.spawn(async move { worker.turn(delivery, &generation).await });
        }
        self.health.set(State::Draining);
        tracing::info!(in_flight = turns.len(), grace_s = self.shutdown_grace.as_secs(), "draining");
        jobs.cancel().await;
        due.cancel().await;
        Ok(Served::AskedToStop)
    }
}
