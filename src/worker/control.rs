//! What workers tell each other: who is alive and has work, and what is closed.
//!
//! Losing any of it costs extra calls, never a job; so nothing here is tried twice, and nothing waits for it.

use super::Worker;
use crate::broker::{Consumer, Message, PublishError, Publisher};
use crate::domain::heartbeat::{Heartbeat, KIND};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often a worker tells everything it knows (contract, control messages); at once where something happened.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);

impl Worker {
    /// Until one side ends with its connection.
    pub(super) async fn converse(
        self: Arc<Self>,
        heard: Consumer,
        told: Publisher,
        stop: CancellationToken,
        problems: Sender<PublishError>,
    ) {
        tokio::select! {
            biased;
            () = self.hear(heard) => {}
            () = self.tell_others(&told, &stop, &problems) => {}
        }
    }

    async fn hear(&self, mut heard: Consumer) {
        while let Some(delivery) = heard.next().await {
            if let Some(heartbeat) = Heartbeat::parse(&delivery.message.body) {
                self.pipeline.judge.gate.hear(heartbeat);
            }
        }
    }

    async fn tell_others(&self, told: &Publisher, stop: &CancellationToken, problems: &Sender<PublishError>) {
        let gate = &self.pipeline.judge.gate;
        let mut every = interval(self.heartbeat_every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_draining = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !told_draining => {}
                _ = every.tick() => {}
                () = gate.news() => {}
            }
            told_draining = stop.is_cancelled();
            self.pipeline.tell_rates();
            let heartbeat = gate.heartbeat(told_draining);
            if let Err(problem) = told.announce(&Message::json(KIND, heartbeat.to_json())).await {
                tracing::debug!(%problem, "a heartbeat was not told");
                // Err: an earlier one was not looked at yet.
                let _ = problems.try_send(problem);
            }
        }
    }
}
