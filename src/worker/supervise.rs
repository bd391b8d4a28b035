//! One generation after the other: connect, declare and consume; come back, with backoff, when the
//! broker or a queue was lost.
//!
//! An outage is told by one line on the way down, whatever goes first, and by one when consuming
//! begins again. Readiness is the first to say it: whoever reads the line and asks finds the worker
//! not ready.

use super::Worker;
use super::clock_watch::CLOCK_CHECK;
use super::feed::{Feed, Intake};
use crate::broker::{
    BrokerError, Generation, KEPT_BYTES, Outage, PublishError, Session, log_declared,
};
use crate::randomness::Randomness;
use crate::retry::reconnecting;
use crate::telemetry::health::State;
use crate::telemetry::metric;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// A generation that lived so long was a sound one: the next reconnect begins with a short wait
/// again.
const LASTING: Duration = Duration::from_secs(30);

/// A generation and what it is fed by.
pub(super) struct Serving {
    pub(super) generation: Arc<Generation>,
    pub(super) feed: Feed,
    /// What workers tell each other; ends with the generation.
    pub(super) _control: AbortOnDropHandle<()>,
    /// Why a heartbeat could not be published.
    pub(super) problems: Receiver<PublishError>,
}

/// Why a generation serves no more.
pub(super) enum Served {
    Lost,
    /// The broker ended a consumer, and nothing else.
    Cancelled,
    Stopped,
}

impl Worker {
    /// One generation after the other. Returns the one that was serving when `stop` came, if any.
    pub(super) async fn serve_generations(
        self: &Arc<Self>,
        turns: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Option<Serving>, BrokerError> {
        let mut pause = reconnecting();
        let mut connected_before = false;
        // One line on the way down, whatever it is that goes first; the way up is told when
        // consuming begins.
        let mut told = Vec::new();
        loop {
            let established = match self
                .establish(&mut pause, &mut told, connected_before, stop)
                .await
            {
                Ok(established) => established,
                Err(error) => {
                    // A paid call in the air is worth waiting for, whatever ends the worker.
                    turns.close();
                    let _ = tokio::time::timeout(self.settings.shutdown_grace, turns.wait()).await;
                    return Err(error);
                }
            };
            let Some(mut serving) = established else {
                return Ok(None);
            };
            if connected_before {
                metric::broker_reconnected();
            }
            connected_before = true;
            let since = Instant::now();
            match self.serve(&mut serving, turns, stop).await {
                Served::Stopped => return Ok(Some(serving)),
                Served::Lost => serving.generation.end(),
                // With a deleted queue go the broker's copies of what is in hand: nobody delivers
                // it again. It is answered on the connections that it came with, which live until
                // then.
                Served::Cancelled => {
                    let (lost, halt) = (
                        serving.generation.session.lost(),
                        serving.generation.halt.clone(),
                    );
                    // Once those are gone as well, nothing more is to be bought.
                    tokio::spawn(async move {
                        lost.await;
                        halt.cancel();
                    });
                    for delivery in serving.feed.stop().await {
                        drop(self.start(delivery, &serving.generation, turns, false));
                    }
                }
            }
            told = vec![Outage::OutOfReach];
            // A connection that does not last is no reason to knock without pause.
            if since.elapsed() >= LASTING {
                pause = reconnecting();
            } else {
                sleep_unless(pause(&self.randomness), stop).await;
            }
        }
    }

    /// Connects, declares and begins to consume, again and again until it succeeds. `None`: asked
    /// to stop meanwhile.
    async fn establish(
        self: &Arc<Self>,
        pause: &mut impl FnMut(&Randomness) -> Duration,
        told: &mut Vec<Outage>,
        connected_before: bool,
        stop: &CancellationToken,
    ) -> Result<Option<Serving>, BrokerError> {
        let mut is_clock_reported = false;
        loop {
            if let Some(problem) = self.clock_problem().await {
                self.health.set(State::Disconnected {
                    problem: problem.clone(),
                });
                if !std::mem::replace(&mut is_clock_reported, true) {
                    tracing::error!(problem, "the clock of this machine is wrong");
                }
                sleep_unless(CLOCK_CHECK, stop).await;
                if stop.is_cancelled() {
                    return Ok(None);
                }
                continue;
            }
            let error = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                outcome = self.attempt(connected_before, stop) => match outcome {
                    Ok(serving) => {
                        told.clear();
                        return Ok(Some(serving));
                    }
                    // What was there, and is deleted now, will be declared anew by whoever did
                    // that.
                    Err(error) if error.is_final() && !(connected_before && error.is_missing()) => return Err(error),
                    Err(error) => error,
                },
            };
            let (wait, outage, problem) =
                (pause(&self.randomness), error.outage(), error.to_string());
            self.health.set(State::Disconnected {
                problem: problem.clone(),
            });
            if told.contains(&outage) {
                tracing::debug!(
                    problem,
                    wait_ms = wait.as_millis(),
                    "still so: {}",
                    outage.message()
                );
            } else {
                tracing::error!(problem, "{}", outage.message());
                told.push(outage);
            }
            sleep_unless(wait, stop).await;
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        connected_before: bool,
        stop: &CancellationToken,
    ) -> Result<Serving, BrokerError> {
        let session = self
            .broker
            .connect_for_bodies(self.settings.max_job_bytes.max(KEPT_BYTES))
            .await?;
        match Box::pin(self.begin(&session, connected_before, stop)).await {
            Ok((feed, control, problems)) => Ok(Serving {
                generation: Arc::new(Generation::new(session, stop)),
                feed,
                _control: control,
                problems,
            }),
            Err(error) => Err(session.explain(error).await),
        }
    }

    /// Nothing is taken from a queue before it is proven that this user may do all that a job
    /// needs.
    async fn begin(
        self: &Arc<Self>,
        session: &Session,
        connected_before: bool,
        stop: &CancellationToken,
    ) -> Result<(Feed, AbortOnDropHandle<()>, Receiver<PublishError>), BrokerError> {
        let missing = if connected_before {
            session.missing().await?
        } else {
            Vec::new()
        };
        self.queue_watch.log_missing(&missing);
        session.topology().await?;
        if connected_before {
            log_declared(&missing);
        } else {
            self.queue_watch.record_missing(&[]);
        }
        session.prove_publishing().await?;
        // Before the others are greeted: they answer a newcomer at once.
        let heard = session.control().await?;
        // Who can take nothing from us, for want of memory say, should hand out nothing either.
        let told = self.heartbeats.next(stop.is_cancelled());
        session
            .publisher()
            .announce(&told)
            .await
            .map_err(|problem| problem.about(self.heartbeats.exchange.name()))?;
        let (sender, problems) = channel(1);
        let control =
            Arc::clone(&self.heartbeats).run(heard, session.publisher(), stop.clone(), sender);
        let control = AbortOnDropHandle::new(tokio::spawn(control));
        let mut feed = Feed::default();
        let (intake, prefetch) = (
            Intake::of(&self.pipeline.retrier.breaker.flow(), false),
            self.pipeline.prefetch(self.settings.max_in_flight),
        );
        if intake == Intake::Nothing {
            // Consuming would prove the right to read.
            let missing = session.missing_rights().await?;
            if !missing.is_empty() {
                return Err(BrokerError::Forbidden {
                    missing,
                    grant: None,
                });
            }
        }
        // Nothing was taken before, so nothing was received.
        let _ = feed
            .follow(intake, session, &self.settings.queues, prefetch)
            .await?;
        Ok((feed, control, problems))
    }

    pub(super) fn lost(&self, problem: &str, turns: &TaskTracker) -> Served {
        self.health.set(State::Disconnected {
            problem: problem.to_owned(),
        });
        tracing::warn!(
            problem,
            in_flight = turns.len(),
            "the broker was lost; what was not acknowledged will be delivered again"
        );
        Served::Lost
    }

    /// Because of what the broker refuses to this worker.
    pub(super) fn given_up(&self, problem: &str, turns: &TaskTracker) -> Served {
        self.health.set(State::Disconnected {
            problem: problem.to_owned(),
        });
        tracing::warn!(
            problem,
            in_flight = turns.len(),
            "the worker takes no more jobs; what was not acknowledged is delivered again"
        );
        Served::Lost
    }

    pub(super) fn cancelled(&self, problem: &str, turns: &TaskTracker) -> Served {
        self.health.set(State::Disconnected {
            problem: problem.to_owned(),
        });
        tracing::warn!(
            problem,
            in_flight = turns.len(),
            "no more jobs come from the broker; connecting anew, those in flight are finished"
        );
        Served::Cancelled
    }
}

async fn sleep_unless(wait: Duration, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
