//! One generation after the other: connect, declare and consume; come back, with backoff, when the
//! broker or a queue was lost; drain when the worker is asked to stop.

use super::intake::{Action, Event, Intake};
use super::serve::{Served, Serving, Worker};
use crate::attempts::Attempts;
use crate::broker::{
    BrokerError, Generation, GenerationEnd, JobConsumers, KEPT_BYTES, OutageLog, Session,
};
use crate::clock::watch::clock_is_right;
use crate::panics::remember_places;
use crate::telemetry::health::HealthState;
use crate::telemetry::metric;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::channel;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The first wait before the worker connects again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A generation that lived so long was a sound one: the next reconnect begins with a short wait
/// again.
const LASTING: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every job in flight was settled.
    Yes,
    /// `shutdown_grace` ran out; the broker will deliver the rest again.
    No,
}

impl Worker {
    /// Works until `stop`, through any number of lost connections. What is in flight when it ends
    /// is given `shutdown_grace`.
    ///
    /// # Errors
    /// Only what will not mend itself: a topology that differs from what we need, an unusable
    /// configuration.
    pub async fn run(&self, stop: &CancellationToken) -> Result<Drained, BrokerError> {
        remember_places();
        // What an operator asks for, the worker also does by itself once it is unfit.
        let fitness = &self.handler.fitness;
        let ended = stop.child_token();
        let mut serving = Box::pin(self.serve_generations(&ended));
        let served = tokio::select! {
            biased;
            served = &mut serving => served,
            () = fitness.lost() => {
                ended.cancel();
                serving.await
            }
        };
        if !fitness.is_lost() {
            self.parts.health.set(HealthState::Draining);
        }
        let (in_flight, grace) = (self.in_flight.len(), self.parts.settings.shutdown_grace);
        tracing::info!(in_flight, grace_s = grace.as_secs(), "draining");
        self.in_flight.close();
        let (serving, error) = match served {
            Ok(serving) => (serving, None),
            Err(error) => (None, Some(error)),
        };
        // A paid call that is being made is worth waiting for, whatever ends the worker.
        let drained = timeout(grace, self.drain(serving)).await;
        if let Some(error) = error {
            return Err(error);
        }
        if fitness.is_lost() {
            // Not ended: a supervisor would start it again, and it would fail on the next two jobs.
            stop.cancelled().await;
        }
        Ok(match drained {
            Ok(()) => Drained::Yes,
            Err(_) => Drained::No,
        })
    }

    async fn drain(&self, serving: Option<Serving>) {
        let Some(Serving {
            generation,
            mut consumers,
            _heartbeats,
            ..
        }) = serving
        else {
            return self.in_flight.wait().await;
        };
        self.start_all(consumers.stop().await, &generation);
        self.in_flight.wait().await;
        if let Some(generation) = Arc::into_inner(generation) {
            generation.session.close().await;
        }
    }

    /// Serves one generation after the other. Returns the one that was served when `stop` came, if
    /// any.
    async fn serve_generations(
        &self,
        stop: &CancellationToken,
    ) -> Result<Option<Serving>, BrokerError> {
        let mut attempts = Attempts::every(FIRST_WAIT, &self.parts.randomness);
        let mut outages = OutageLog::new(self.parts.health.clone());
        let mut connected_before = false;
        loop {
            let connect = || self.connect(connected_before, stop);
            let again = |error: &BrokerError, _| {
                // What was there, and was deleted since, will be declared again by the operator who
                // did that.
                let is_final = error.is_final() && !(connected_before && error.is_missing());
                if !is_final {
                    outages.record(error);
                }
                !is_final
            };
            let mut serving = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                connected = attempts.run(connect, again) => connected?,
            };
            if std::mem::replace(&mut connected_before, true) {
                metric::broker_reconnected();
            }
            let since = Instant::now();
            match self.serve(&mut serving, stop).await {
                Served::Stopped => return Ok(Some(serving)),
                Served::Ended(GenerationEnd::Lost) => serving.generation.end(),
                Served::Ended(GenerationEnd::Cancelled) => self.leave(serving).await,
            }
            outages.lost();
            // A connection that does not last is no reason to connect again without a wait.
            if since.elapsed() >= LASTING {
                attempts.restart();
            } else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(None),
                    () = attempts.wait() => {}
                }
            }
        }
    }

    /// A deleted queue takes the broker's copies of the jobs in hand with it: they are never
    /// delivered again. So they are answered on the connections that it came with, which live until
    /// then.
    async fn leave(&self, mut serving: Serving) {
        let lost = serving.generation.session.lost();
        let halt = serving.generation.halt.clone();
        // Once those are gone as well, nothing more is to be bought.
        tokio::spawn(async move {
            lost.await;
            halt.cancel();
        });
        self.start_all(serving.consumers.stop().await, &serving.generation);
    }

    async fn connect(
        &self,
        connected_before: bool,
        stop: &CancellationToken,
    ) -> Result<Serving, BrokerError> {
        let pipeline = &self.parts.pipeline;
        clock_is_right(&self.parts.health, || pipeline.asked_clock_problem()).await;
        let largest_body = self.parts.settings.max_job_bytes.max(KEPT_BYTES);
        let session = self.parts.broker.connect_for_bodies(largest_body).await?;
        let generation = Arc::new(Generation::new(session, stop));
        match Box::pin(self.begin(&generation, connected_before, stop)).await {
            Ok(serving) => Ok(serving),
            Err(error) => Err(generation.session.explain(error).await),
        }
    }

    /// Nothing is taken from a queue before it is proven that this user may do all that a job
    /// needs.
    async fn begin(
        &self,
        generation: &Arc<Generation>,
        connected_before: bool,
        stop: &CancellationToken,
    ) -> Result<Serving, BrokerError> {
        let session = &generation.session;
        self.queue_watch.prepare(session, connected_before).await?;
        let following = self.parts.ledger.open(generation).await;
        // Before this worker's first heartbeat: the others answer a newcomer at once.
        let incoming = session.control().await?;
        // A broker that takes nothing from us, for want of memory say, should hand out nothing
        // either.
        let publisher = session.publisher();
        publisher
            .announce(&self.heartbeats.next(stop.is_cancelled()))
            .await
            .map_err(|problem| problem.about(self.heartbeats.exchange.name()))?;
        let (sender, problems) = channel(1);
        let heartbeats =
            Arc::clone(&self.heartbeats).run(incoming, publisher, stop.clone(), sender);
        let mut serving = Serving {
            generation: Arc::clone(generation),
            consumers: JobConsumers::default(),
            intake: Intake::default(),
            _heartbeats: AbortOnDropHandle::new(tokio::spawn(heartbeats)),
            _following: following,
            problems,
        };
        self.take_first(&mut serving, session).await?;
        Ok(serving)
    }

    /// Begins to consume, or proves the right to where nothing may be taken yet.
    async fn take_first(
        &self,
        serving: &mut Serving,
        session: &Session,
    ) -> Result<(), BrokerError> {
        let round = Event::Round {
            flow: &self.parts.pipeline.retrier.breaker.flow(),
            wanted: self.prefetch(),
            queues: 1,
            in_hand: 0,
        };
        if let Action::Take(taking) = serving.intake.on(round) {
            let (queues, prefetches) = (&self.parts.settings.queues, taking.prefetches());
            let replaced = serving.consumers.replace(session, queues, prefetches);
            // Nothing was taken before, so nothing was received.
            return replaced.await.map(drop);
        }
        let missing = session.missing_rights().await?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(BrokerError::Forbidden {
            missing,
            grant: None,
        })
    }
}
