//! The worker: receive, take a turn with each delivery, settle; come back when the broker was lost;
//! drain when asked.

mod answer;
mod brought;
mod clock_watch;
mod feed;
mod heartbeats;
mod outbox;
mod panicked;
mod supervise;
mod suspect;
mod turn;

use crate::broker::{
    Broker, BrokerError, Delivery, Generation, QueueWatch, ReplySlots, RunLocks, watch_alarm,
};
use crate::cluster::exchange::ControlExchange;
use crate::panics::{PanicPlaces, remember_places};
use crate::pipeline::Pipeline;
use crate::randomness::Randomness;
use crate::seal::Sealer;
use crate::telemetry::health::{Health, State};
use crate::telemetry::job_event::EventSink;
use feed::Intake;
use heartbeats::Heartbeats;
use std::sync::Arc;
use std::time::Duration;
use supervise::{Served, Serving};
use suspect::{Room, expired};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How often a worker that has too many jobs in hand looks whether some have ended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The parts that a worker is made of.
pub struct Parts {
    pub settings: Settings,
    pub broker: Broker,
    pub pipeline: Arc<Pipeline>,
    pub sealer: Sealer,
    pub health: Health,
    pub events: Box<dyn EventSink>,
    pub randomness: Randomness,
}

/// What the configuration says about a worker.
#[derive(Clone, Debug)]
pub struct Settings {
    pub queues: crate::broker::Config,
    /// The workers with the same queues and accounts: only their heartbeats count.
    pub fleet: String,
    pub max_in_flight: u16,
    /// The largest body of a job, as it is sent and once it is unpacked.
    pub max_job_bytes: usize,
    pub shutdown_grace: Duration,
    pub heartbeat_every: Duration,
}

pub struct Worker {
    settings: Settings,
    broker: Broker,
    pipeline: Arc<Pipeline>,
    sealer: Sealer,
    health: Health,
    events: Box<dyn EventSink>,
    randomness: Randomness,
    heartbeats: Arc<Heartbeats>,
    queue_watch: QueueWatch,
    run_locks: RunLocks,
    reply_slots: ReplySlots,
    panics: PanicPlaces,
    /// Cancelled when the worker may take no more jobs.
    unfit: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every job in flight was settled.
    Yes,
    /// `shutdown_grace` ran out; the broker will deliver the rest again.
    No,
}

impl Worker {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            settings,
            broker,
            pipeline,
            sealer,
            health,
            events,
            randomness,
        } = parts;
        let exchange = ControlExchange::new(
            settings.queues.control_exchange.clone(),
            settings.fleet.clone(),
            sealer.clone(),
        );
        let heartbeats = Arc::new(Heartbeats {
            exchange,
            pipeline: Arc::clone(&pipeline),
            every: settings.heartbeat_every,
        });
        Self {
            queue_watch: QueueWatch::new(settings.queues.clone(), health.clone()),
            settings,
            broker,
            pipeline,
            sealer,
            health,
            events,
            randomness,
            heartbeats,
            run_locks: RunLocks::default(),
            reply_slots: ReplySlots::default(),
            panics: PanicPlaces::default(),
            unfit: CancellationToken::new(),
        }
    }

    /// Works until `stop`, through any number of lost connections. What is in flight when it ends
    /// is given `shutdown_grace`.
    ///
    /// # Errors
    /// Only what will not mend itself: a topology that differs from what we need, an unusable
    /// configuration.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) -> Result<Drained, BrokerError> {
        remember_places();
        let turns = TaskTracker::new();
        // What an operator asks for, the worker also does by itself once it is unfit.
        let ended = stop.child_token();
        let _unfit = AbortOnDropHandle::new(tokio::spawn({
            let (unfit, ended) = (self.unfit.clone(), ended.clone());
            async move {
                unfit.cancelled().await;
                ended.cancel();
            }
        }));
        let outcome = self.serve_generations(&turns, &ended).await;
        let is_unfit = self.unfit.is_cancelled();
        if !is_unfit {
            self.health.set(State::Draining);
        }
        tracing::info!(
            in_flight = turns.len(),
            grace_s = self.settings.shutdown_grace.as_secs(),
            "draining"
        );
        turns.close();
        let serving = outcome?;
        let drain = async {
            let Some(Serving {
                generation,
                mut feed,
                _control,
                problems: _,
            }) = serving
            else {
                return turns.wait().await;
            };
            for delivery in feed.stop().await {
                drop(self.start(delivery, &generation, &turns, false));
            }
            turns.wait().await;
            if let Some(generation) = Arc::into_inner(generation) {
                generation.session.close().await;
            }
        };
        let drained = tokio::time::timeout(self.settings.shutdown_grace, drain)
            .await
            .is_ok();
        if is_unfit {
            // Not ended: a supervisor would start it again, and it would fail on the next two jobs.
            stop.cancelled().await;
        }
        Ok(if drained { Drained::Yes } else { Drained::No })
    }

    /// Takes what may be taken, for as long as the generation lives.
    async fn serve(
        self: &Arc<Self>,
        serving: &mut Serving,
        turns: &TaskTracker,
        stop: &CancellationToken,
    ) -> Served {
        let Serving {
            generation,
            feed,
            problems,
            ..
        } = serving;
        // Boxed, as what is asked of the broker is: both are large, and seldom at work.
        let mut watching = Box::pin(self.queue_watch.run(generation, problems));
        let mut clock = std::pin::pin!(self.clock_goes_wrong());
        let breaker = &self.pipeline.retrier.breaker;
        let mut changes = breaker.changes();
        // Where jobs are taken one at a time: the turn that has to end before the next one begins.
        let mut single = None;
        let mut room: Option<Room> = None;
        // A stage that is paused because of a control call is probed by the next one, beside the
        // jobs.
        let mut asking: Option<AbortOnDropHandle<()>> = None;
        self.health.flows(breaker.flow().paused(), breaker.doubts());
        let _alarm = AbortOnDropHandle::new(tokio::spawn(watch_alarm(
            self.health.clone(),
            generation.session.blocked(),
        )));
        tracing::info!(
            queue = self.settings.queues.jobs_queue,
            prefetch = feed.prefetch(),
            "consuming"
        );
        loop {
            let flow = breaker.flow();
            let prefetch = self.pipeline.prefetch(self.settings.max_in_flight);
            let is_too_full = feed.is_too_full(prefetch, turns.len());
            let intake = match Intake::of(&flow, room.is_some()) {
                Intake::Full if is_too_full => Intake::Nothing,
                // One that waits here beside a suspect would come back with it, and look as if it
                // had killed its worker itself.
                Intake::Alone if single.is_some() => Intake::Nothing,
                intake => intake,
            };
            single = single.filter(|_| intake.is_single() || room.is_some());
            match feed
                .follow(intake, &generation.session, &self.settings.queues, prefetch)
                .await
            {
                Ok(received) => received
                    .into_iter()
                    .for_each(|delivery| drop(self.start(delivery, generation, turns, false))),
                Err(error @ BrokerError::Forbidden { .. }) => {
                    return self.lost(&error.to_string(), turns);
                }
                Err(error) => {
                    return self.lost(generation.problem().unwrap_or(&error.to_string()), turns);
                }
            }
            // Once nothing is taken any more, and not before.
            self.health.flows(flow.paused(), breaker.doubts());
            if asking.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
                asking = breaker.control_call_due().map(|(stage, streak)| {
                    let pipeline = Arc::clone(&self.pipeline);
                    AbortOnDropHandle::new(tokio::spawn(async move {
                        pipeline.probe(stage, streak).await;
                    }))
                });
            }
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => return Served::Stopped,
                () = generation.over() => None,
                () = &mut watching => continue,
                // What is in hand stops before another call, and is delivered again: no deadline is
                // judged by a wrong clock.
                problem = &mut clock => return self.lost(&problem, turns),
                () = breaker.flow_changes(&flow, &mut changes) => continue,
                () = tokio::time::sleep(LOOK_AGAIN), if is_too_full => continue,
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
            let Some(delivery) = delivery else {
                let problem = generation.problem().unwrap_or("given up by this worker");
                return match (generation.is_given_up(), generation.is_over()) {
                    (true, _) => self.given_up(problem, turns),
                    (false, true) => self.lost(problem, turns),
                    (false, false) => self.cancelled(problem, turns),
                };
            };
            let (is_due_suspect, is_alone) =
                (self.is_due_suspect(&delivery), intake == Intake::Alone);
            if is_alone {
                // All that its consumer may have is in hand: nothing else is on its way.
                feed.stop()
                    .await
                    .into_iter()
                    .for_each(|delivery| drop(self.start(delivery, generation, turns, false)));
            }
            let turn = self.start(delivery, generation, turns, is_alone);
            single = intake.is_single().then_some(turn);
            match &mut room {
                Some(room) if is_due_suspect => room.take(),
                None if is_due_suspect => {
                    room = self.make_room(feed, generation, turns, stop).await;
                }
                _ => {}
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        delivery: Delivery,
        generation: &Arc<Generation>,
        turns: &TaskTracker,
        is_alone: bool,
    ) -> JoinHandle<()> {
        let (worker, generation) = (Arc::clone(self), Arc::clone(generation));
        turns.spawn(async move { worker.turn(delivery, &generation, is_alone).await })
    }
}

/// Returns when the turn is over, if there is one.
async fn over(turn: &mut Option<JoinHandle<()>>) {
    match turn {
        Some(running) => drop(running.await),
        None => std::future::pending().await,
    }
    *turn = None;
}
