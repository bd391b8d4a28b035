//! The worker: receive, take a turn with each delivery, settle; come back when the broker was lost; drain when asked.

mod alarm;
mod answer;
mod control;
mod event;
mod feed;
mod outbox;
mod replies;
mod runs;
mod session;
mod suspect;
mod turn;

pub use control::HEARTBEAT_EVERY;
pub use event::{Event, JobAnswered, JobParked};
pub use replies::Replies;
pub use runs::Runs;

use crate::broker::{Broker, BrokerError, Delivery};
use crate::chance::Chance;
use crate::pipeline::Pipeline;
use crate::retry::reconnecting;
use crate::telemetry::health::{Health, State};
use crate::telemetry::metric;
use feed::{Feed, Intake};
use session::Generation;
use std::sync::Arc;
use std::time::Duration;
use suspect::{Room, expired, is_suspect};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// A generation that lived so long was a sound one: the next reconnect begins with a short wait again.
const LASTING: Duration = Duration::from_secs(30);

pub struct Worker {
    pub broker: Broker,
    pub queues: crate::broker::Config,
    pub pipeline: Pipeline,
    pub chance: Chance,
    pub health: Health,
    pub max_in_flight: u16,
    pub shutdown_grace: Duration,
    pub runs: Runs,
    pub replies: Replies,
    /// [`HEARTBEAT_EVERY`], but for a simulation of days.
    pub heartbeat_every: Duration,
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

/// A generation and what it is fed by.
struct Serving {
    generation: Arc<Generation>,
    feed: Feed,
    /// What workers tell each other; ends with the generation.
    _control: AbortOnDropHandle<()>,
}

impl Worker {
    /// Works until `stop`, through any number of lost connections. What is in flight when it ends is given `shutdown_grace`.
    ///
    /// # Errors
    /// Only what will not mend itself: a topology that differs from what we need, an unusable configuration.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) -> Result<Drained, BrokerError> {
        let turns = TaskTracker::new();
        let outcome = self.serve_generations(&turns, stop).await;
        self.health.set(State::Draining);
        tracing::info!(in_flight = turns.len(), grace_s = self.shutdown_grace.as_secs(), "draining");
        turns.close();
        let serving = outcome?;
        let drain = async {
            let Some(Serving { generation, mut feed, _control }) = serving else { return turns.wait().await };
            for delivery in feed.stop().await {
                drop(self.start(delivery, &generation, &turns, false));
            }
            turns.wait().await;
            if let Some(generation) = Arc::into_inner(generation) {
                generation.session.close().await;
            }
        };
        let drained = tokio::time::timeout(self.shutdown_grace, drain).await.is_ok();
        Ok(if drained { Drained::Yes } else { Drained::No })
    }

    /// One generation after the other. Returns the one that was serving when `stop` came, if any.
    async fn serve_generations(self: &Arc<Self>, turns: &TaskTracker, stop: &CancellationToken) -> Result<Option<Serving>, BrokerError> {
        let mut pause = reconnecting();
        let mut connected_before = false;
        loop {
            let established = match self.establish(&mut pause, turns, stop).await {
                Ok(established) => established,
                Err(error) => {
                    // A paid call in the air is worth waiting for, whatever ends the worker.
                    turns.close();
                    let _ = tokio::time::timeout(self.shutdown_grace, turns.wait()).await;
                    return Err(error);
                }
            };
            let Some(mut serving) = established else { return Ok(None) };
            if connected_before {
                metric::broker_reconnected();
            }
            connected_before = true;
            let since = Instant::now();
            if self.serve(&mut serving, turns, stop).await == Served::UntilStop {
                return Ok(Some(serving));
            }
            serving.generation.end();
            // A connection that does not last is no reason to knock without pause.
            if since.elapsed() >= LASTING {
                pause = reconnecting();
            } else {
                sleep_unless(pause(&self.chance), stop).await;
            }
        }
    }

    /// Connects, declares and begins to consume, again and again until it succeeds. `None`: asked to stop meanwhile.
    async fn establish(
        self: &Arc<Self>,
        pause: &mut impl FnMut(&Chance) -> Duration,
        turns: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Option<Serving>, BrokerError> {
        let mut told = false;
        loop {
            let problem = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                outcome = self.attempt(turns, stop) => match outcome {
                    Ok(serving) => return Ok(Some(serving)),
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
            sleep_unless(wait, stop).await;
        }
    }

    async fn attempt(self: &Arc<Self>, turns: &TaskTracker, stop: &CancellationToken) -> Result<Serving, BrokerError> {
        let session = self.broker.connect().await?;
        session.topology().await?;
        let control = Arc::clone(self).converse(session.control().await?, session.publisher(), turns.clone(), stop.clone());
        let control = AbortOnDropHandle::new(tokio::spawn(control));
        let mut feed = Feed::default();
        // Nothing was taken before, so nothing was received.
        let _ = feed.follow(Intake::of(&self.pipeline.judge.gate.flow(), false), &session, &self.queues, self.max_in_flight).await?;
        Ok(Serving { generation: Arc::new(Generation::new(session, stop)), feed, _control: control })
    }

    /// Takes what may be taken, for as long as the generation lives.
    async fn serve(self: &Arc<Self>, serving: &mut Serving, turns: &TaskTracker, stop: &CancellationToken) -> Served {
        let Serving { generation, feed, .. } = serving;
        let gate = &self.pipeline.judge.gate;
        let mut changes = gate.changes();
        // Where jobs are taken one at a time: the turn that has to end before the next one begins.
        let mut single = None;
        let mut room: Option<Room> = None;
        self.health.flows(gate.flow().paused());
        let _alarm = AbortOnDropHandle::new(tokio::spawn(alarm::tell(self.health.clone(), generation.session.blocked())));
        tracing::info!(queue = self.queues.jobs_queue, prefetch = self.max_in_flight, "consuming");
        loop {
            let flow = gate.flow();
            let intake = Intake::of(&flow, room.is_some());
            single = single.filter(|_| intake.is_single());
            match feed.follow(intake, &generation.session, &self.queues, self.max_in_flight).await {
                Ok(received) => received.into_iter().for_each(|delivery| drop(self.start(delivery, generation, turns, false))),
                Err(error) => return self.lost(&error.to_string(), turns),
            }
            self.health.flows(flow.paused());
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => return Served::UntilStop,
                () = generation.over() => None,
                () = gate.flow_changes(&flow, &mut changes) => continue,
                () = over(&mut single) => {
                    room = room.filter(Room::is_kept);
                    continue;
                }
                () = expired(room), if single.is_none() => {
                    room = None;
                    continue;
                }
                delivery = feed.next(), if single.is_none() => delivery,
            };
            let Some(delivery) = delivery else { return self.lost("the connection or a consumer was lost", turns) };
            let (is_suspect, is_alone) = (is_suspect(&delivery), intake == Intake::Alone);
            let turn = self.start(delivery, generation, turns, is_alone);
            single = intake.is_single().then_some(turn);
            match &mut room {
                Some(room) if is_suspect => room.take(),
                None if is_suspect => room = Some(self.make_room(feed, generation, turns, stop).await),
                _ => {}
            }
        }
    }

    fn start(self: &Arc<Self>, delivery: Delivery, generation: &Arc<Generation>, turns: &TaskTracker, is_alone: bool) -> JoinHandle<()> {
        let (worker, generation) = (Arc::clone(self), Arc::clone(generation));
        turns.spawn(async move { worker.turn(delivery, &generation, is_alone).await })
    }

    fn lost(&self, problem: &str, turns: &TaskTracker) -> Served {
        tracing::warn!(problem, in_flight = turns.len(), "the broker was lost; what was not acknowledged will be delivered again");
        self.health.set(State::Disconnected { problem: problem.to_owned() });
        Served::UntilLost
    }
}

#[derive(PartialEq)]
enum Served {
    UntilLost,
    UntilStop,
}

/// Returns when the turn is over, if there is one.
async fn over(turn: &mut Option<JoinHandle<()>>) {
    match turn {
        Some(running) => drop(running.await),
        None => std::future::pending().await,
    }
    *turn = None;
}

async fn sleep_unless(wait: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
