//! Publishes this worker's heartbeats, and applies those of the others: who is alive and has work,
//! and what is closed.
//!
//! Losing any of them costs extra calls, never a job; so nothing here is tried twice, and no job
//! waits for it.

use crate::broker::{Consumer, Message, PublishError, Publisher};
use crate::cluster::exchange::{ControlExchange, Received};
use crate::pipeline::Pipeline;
use crate::telemetry::metric::{self, PublishKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub(super) struct Heartbeats {
    pub(super) exchange: ControlExchange,
    pub(super) pipeline: Arc<Pipeline>,
    /// At least one heartbeat is published in this time, as long as the fleet is small.
    pub(super) every: Duration,
}

impl Heartbeats {
    /// Runs until either side ends with its connection. `problems` receives why a heartbeat could
    /// not be published.
    pub(super) async fn run(
        self: Arc<Self>,
        incoming: Consumer,
        publisher: Publisher,
        stop: CancellationToken,
        problems: Sender<PublishError>,
    ) {
        tokio::select! {
            biased;
            () = self.receive(incoming) => {}
            () = self.publish(&publisher, &stop, &problems) => {}
        }
    }

    /// This worker's next heartbeat.
    pub(super) fn next(&self, is_draining: bool) -> Message {
        let retrier = &self.pipeline.retrier;
        let heartbeat = retrier.breaker.heartbeat(is_draining);
        self.exchange.seal(heartbeat, retrier.clock.now())
    }

    async fn receive(&self, mut incoming: Consumer) {
        let retrier = &self.pipeline.retrier;
        while let Some(delivery) = incoming.next().await {
            let (message, now) = (&delivery.message, retrier.clock.now());
            match self.exchange.receive(message, now) {
                Received::Peer(heartbeat) => {
                    if heartbeat.worker == retrier.breaker.membership().peers().me() {
                        let time = message.properties.received_at();
                        self.pipeline.broker_clock.learn(time, now);
                    }
                    retrier.breaker.apply_heartbeat(heartbeat);
                }
                Received::Resume(resume) => retrier.breaker.resume(&resume),
                Received::OtherFleet => retrier.breaker.record_other_fleet(),
                Received::Ignored => {}
            }
        }
    }

    async fn publish(
        &self,
        publisher: &Publisher,
        stop: &CancellationToken,
        problems: &Sender<PublishError>,
    ) {
        let breaker = &self.pipeline.retrier.breaker;
        let mut every = interval(self.every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said_draining = false;
        let mut due = Instant::now();
        loop {
            let is_news = tokio::select! {
                biased;
                () = stop.cancelled(), if !said_draining => true,
                _ = every.tick() => false,
                () = breaker.membership().announced() => true,
            };
            self.pipeline.tell_rates();
            if !is_news {
                // A tick is late by a moment, or early by one.
                if Instant::now() + self.every / 2 < due {
                    continue;
                }
                due = Instant::now() + breaker.membership().heartbeat_interval(self.every);
            }
            said_draining = stop.is_cancelled();
            let began = Instant::now();
            let announced = publisher.announce(&self.next(said_draining)).await;
            if announced.is_ok() {
                metric::publish_confirmed(PublishKind::Heartbeat, began.elapsed());
            }
            if let Err(problem) = announced {
                tracing::debug!(%problem, "a heartbeat was not published");
                // Err: an earlier problem was not looked at yet.
                let _ = problems.try_send(problem);
            }
        }
    }
}
