//! One generation: takes what the intake allows, for as long as the generation lives.

use super::Parts;
use super::delivery::DeliveryHandler;
use super::heartbeats::Heartbeats;
use super::intake::{Action, Event, Intake};
use crate::broker::{
    Delivery, Generation, GenerationEnd, JobConsumers, PublishError, QueueWatch, is_due_suspect,
    record_lost, watch_alarm,
};
use crate::clock::watch::clock_goes_wrong;
use crate::cluster::exchange::ControlExchange;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// A worker that has too many jobs in hand looks so often whether some have ended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Jobs in hand are given so long to end before a suspect runs alone. A job may be held up for
/// minutes, by a throttle for instance: the others need not wait for that.
const ROOM_PATIENCE: Duration = Duration::from_mins(2);
/// A suspect comes back from the shortest delay queue; it may be so late.
const LATE: Duration = Duration::from_secs(10);

pub struct Worker {
    pub(super) parts: Arc<Parts>,
    pub(super) heartbeats: Arc<Heartbeats>,
    pub(super) queue_watch: QueueWatch,
    pub(super) handler: Arc<DeliveryHandler>,
    /// The deliveries that are being handled, of all generations.
    pub(super) in_flight: TaskTracker,
}

/// A generation that is served.
pub(super) struct Serving {
    pub(super) generation: Arc<Generation>,
    pub(super) consumers: JobConsumers,
    pub(super) intake: Intake,
    /// Both end with the generation.
    pub(super) _heartbeats: AbortOnDropHandle<()>,
    pub(super) _following: Option<AbortOnDropHandle<()>>,
    /// Why a heartbeat could not be published.
    pub(super) problems: Receiver<PublishError>,
}

/// Why a generation is served no more.
pub(super) enum Served {
    Ended(GenerationEnd),
    Stopped,
}

impl Worker {
    pub fn new(parts: Parts) -> Self {
        let (queues, health) = (&parts.settings.queues, parts.health.clone());
        let heartbeats = Heartbeats {
            exchange: ControlExchange::new(
                queues.control_exchange.clone(),
                parts.settings.fleet.clone(),
                parts.sealer.clone(),
            ),
            pipeline: Arc::clone(&parts.pipeline),
            every: parts.settings.heartbeat_every,
        };
        let queue_watch = QueueWatch::new(queues.clone(), health);
        let parts = Arc::new(parts);
        Self {
            heartbeats: Arc::new(heartbeats),
            queue_watch,
            handler: Arc::new(DeliveryHandler::new(Arc::clone(&parts))),
            in_flight: TaskTracker::new(),
            parts,
        }
    }

    /// Takes what may be taken, for as long as the generation lives.
    pub(super) async fn serve(&self, serving: &mut Serving, stop: &CancellationToken) -> Served {
        let Serving {
            generation,
            consumers,
            intake,
            problems,
            ..
        } = serving;
        let (queues, health) = (&self.parts.settings.queues, &self.parts.health);
        let breaker = &self.parts.pipeline.retrier.breaker;
        let mut changes = breaker.changes();
        // Boxed, as what is asked of the broker is: it is large, and seldom at work.
        let mut ended = Box::pin(self.ended(generation, problems, stop));
        // Where jobs are taken one at a time: the one that has to end before the next is taken.
        let mut single = None;
        // Until when a suspect is waited for, while it is.
        let mut room_until = Instant::now();
        // A stage that is paused because of a control call is probed by the next one, beside the
        // jobs.
        let mut control_call: Option<AbortOnDropHandle<()>> = None;
        health.flows(breaker.flow().paused(), breaker.doubts());
        let _alarm = AbortOnDropHandle::new(tokio::spawn(watch_alarm(
            health.clone(),
            generation.session.blocked(),
        )));
        tracing::info!(
            queue = queues.names_of_job_queues(),
            prefetch = intake.prefetch(),
            "consuming"
        );
        loop {
            let flow = breaker.flow();
            let round = Event::Round {
                flow: &flow,
                wanted: self.prefetch(),
                queues: queues.count_of_job_queues(),
                in_hand: self.in_flight.len(),
            };
            if let Action::Take(taking) = intake.on(round) {
                let prefetches = taking.prefetches();
                match consumers
                    .replace(&generation.session, queues, prefetches)
                    .await
                {
                    Ok(received) => self.start_all(received, generation),
                    Err(error) => {
                        let in_hand = self.in_flight.len();
                        return Served::Ended(generation.record_error(&error, health, in_hand));
                    }
                }
            }
            // Once nothing is taken any more, and not before.
            health.flows(flow.paused(), breaker.doubts());
            if control_call
                .as_ref()
                .is_none_or(AbortOnDropHandle::is_finished)
            {
                control_call = self.start_control_call();
            }
            let waits = intake.has_single();
            let delivery = tokio::select! {
                biased;
                served = &mut ended => return served,
                () = breaker.flow_changes(&flow, &mut changes) => continue,
                () = sleep(LOOK_AGAIN), if intake.is_too_full() => continue,
                () = end_of(&mut single), if waits => {
                    intake.on(Event::SingleEnded);
                    continue;
                }
                () = sleep_until(room_until), if intake.waits_for_suspect() => {
                    intake.on(Event::RoomExpired);
                    continue;
                }
                delivery = consumers.next(intake.is_jobs_queue_first()), if !waits => delivery,
            };
            let Some(delivery) = delivery else {
                return Served::Ended(generation.record_end(health, self.in_flight.len()));
            };
            let (sealer, now) = (&self.parts.sealer, self.handler.now());
            let is_due_suspect = is_due_suspect(&delivery.message, sealer, now);
            let action = intake.on(Event::Received { is_due_suspect });
            if action == Action::StartAlone {
                // All that its consumer may have is in hand: nothing else is on its way.
                self.start_all(consumers.stop().await, generation);
            }
            single = Some(self.start(delivery, generation, action == Action::StartAlone));
            if action == Action::StartAndEmpty {
                self.start_all(consumers.stop().await, generation);
                let is_empty = self.empty(generation, stop).await;
                room_until = Instant::now() + queues.shortest_delay() + LATE;
                intake.on(Event::Emptied { is_empty });
            }
        }
    }

    /// How many jobs of each job queue are to be in hand.
    pub(super) fn prefetch(&self) -> u16 {
        self.parts
            .pipeline
            .prefetch(self.parts.settings.max_in_flight)
    }

    pub(super) fn start_all(&self, deliveries: Vec<Delivery>, generation: &Arc<Generation>) {
        for delivery in deliveries {
            self.start(delivery, generation, false);
        }
    }

    fn start(
        &self,
        delivery: Delivery,
        generation: &Arc<Generation>,
        is_alone: bool,
    ) -> JoinHandle<()> {
        let (handler, generation) = (Arc::clone(&self.handler), Arc::clone(generation));
        self.in_flight
            .spawn(async move { handler.handle(delivery, &generation, is_alone).await })
    }

    /// Returns when the generation is to be served no more, although its consumers may live.
    async fn ended(
        &self,
        generation: &Generation,
        problems: &mut Receiver<PublishError>,
        stop: &CancellationToken,
    ) -> Served {
        let health = &self.parts.health;
        tokio::select! {
            biased;
            () = stop.cancelled() => Served::Stopped,
            () = generation.over() => Served::Ended(generation.record_end(health, self.in_flight.len())),
            never = self.queue_watch.run(generation, problems) => match never {},
            // What is in hand stops before another call, and is delivered again: no deadline is
            // judged by a wrong clock.
            problem = clock_goes_wrong(|| self.parts.pipeline.clock_problem()) => {
                Served::Ended(record_lost(health, self.in_flight.len(), &problem))
            }
        }
    }

    /// Lets what is in hand end, while nothing is taken. The suspect itself is parked meanwhile: a
    /// crash because of another job would count as its death. Returns false where a job takes too
    /// long: the suspect is tried again when it comes back.
    async fn empty(&self, generation: &Generation, stop: &CancellationToken) -> bool {
        self.in_flight.close();
        tokio::select! {
            biased;
            () = self.in_flight.wait() => {}
            () = stop.cancelled() => {}
            () = generation.over() => {}
            () = sleep(ROOM_PATIENCE) => {}
        }
        self.in_flight.reopen();
        self.in_flight.is_empty()
    }

    fn start_control_call(&self) -> Option<AbortOnDropHandle<()>> {
        let (account, streak) = self.parts.pipeline.retrier.breaker.control_call_due()?;
        let pipeline = Arc::clone(&self.parts.pipeline);
        let probing = async move { pipeline.probe(account, streak).await };
        Some(AbortOnDropHandle::new(tokio::spawn(probing)))
    }
}

/// Returns when the job has ended, if there is one.
async fn end_of(job: &mut Option<JoinHandle<()>>) {
    match job {
        Some(running) => drop(running.await),
        None => std::future::pending().await,
    }
    *job = None;
}
