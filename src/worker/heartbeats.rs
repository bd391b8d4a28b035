//! Publishes this worker's heartbeats, and applies those of the others: who is alive and has work,
//! and what is closed.
//!
//! Losing any of them costs extra calls, never a job; so nothing here is tried twice, and no job
//! waits for it.

use crate::broker::{Consumer, Message, Properties, PublishError, Publisher};
use crate::cluster::exchange::{ControlExchange, Received};
use crate::pipeline::Pipeline;
use jiff::Timestamp;
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
                        let time = stamped(&message.properties);
                        self.pipeline.broker_clock.learn(time, now);
                    }
                    retrier.breaker.apply_heartbeat(heartbeat);
                }
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
            if let Err(problem) = publisher.announce(&self.next(said_draining)).await {
                tracing::debug!(%problem, "a heartbeat was not published");
                // Err: an earlier problem was not looked at yet.
                let _ = problems.try_send(problem);
            }
        }
    }
}

/// When the broker received a message of this worker, which sets no time itself: RabbitMQ's
/// interceptor `set_header_timestamp` writes it into a header and a property.
fn stamped(properties: &Properties) -> Option<Timestamp> {
    let millis = properties.headers.number("timestamp_in_ms");
    let seconds = || i64::try_from(properties.timestamp?).ok();
    match millis {
        Some(millis) => Timestamp::from_millisecond(millis).ok(),
        None => Timestamp::from_second(seconds()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_time_is_where_its_interceptor_writes_it() {
        let properties = |millis: Option<i64>, timestamp| {
            let mut properties = Properties {
                timestamp,
                ..Properties::default()
            };
            if let Some(millis) = millis {
                properties.headers.set_number("timestamp_in_ms", millis);
            }
            properties
        };
        for (millis, seconds, expected) in [
            (None, None, None),
            (Some(1_800_000_000_500), None, Some(1_800_000_000_500)),
            (Some(1_800_000_000_500), Some(7), Some(1_800_000_000_500)),
            (None, Some(1_800_000_000), Some(1_800_000_000_000)),
            (Some(i64::MAX), None, None),
            (None, Some(u64::MAX), None),
        ] {
            let stamped = stamped(&properties(millis, seconds));
            assert_eq!(stamped.map(Timestamp::as_millisecond), expected);
        }
    }
}
