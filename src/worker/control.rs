//! What workers tell each other: who is alive and has work, and what is closed.
//!
//! Losing any of it costs extra calls, never a job; so nothing here is tried twice, and nothing
//! waits for it.

use super::Worker;
use crate::broker::{Consumer, Message, PublishError, Publisher, SEAL};
use crate::cluster::heartbeat::{Heartbeat, KIND, MAX_BYTES};
use crate::cluster::peer_register::{Admission, PeerRegister};
use crate::seal::{SealKind, Sealer};
use crate::telemetry::metric;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often a worker tells everything it knows (contract, control messages); at once where
/// something happened.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);

/// A message on the control exchange, as far as it can be believed.
pub enum ControlMessage {
    /// A worker with our seal wrote it.
    Sealed(Heartbeat),
    /// Sealed by us, and does not say whose it is: of a version that this one does not know.
    Unreadable,
    Unsealed,
}

/// Who wrote this message?
pub fn read_control_message(message: &Message, sealer: &Sealer) -> ControlMessage {
    let body = &message.body;
    let seal = message
        .properties
        .headers
        .text(SEAL)
        .filter(|_| body.len() <= MAX_BYTES);
    if !seal.is_some_and(|seal| sealer.accepts(SealKind::Heartbeat, &[body], &seal)) {
        return ControlMessage::Unsealed;
    }
    Heartbeat::parse(body).map_or(ControlMessage::Unreadable, ControlMessage::Sealed)
}

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
            self.receive(&delivery.message);
        }
    }

    /// Only what a worker of this fleet said, now and for the first time, is listened to.
    fn receive(&self, message: &Message) {
        let now = self.pipeline.retrier.clock.now();
        let heartbeat = match read_control_message(message, &self.sealer) {
            ControlMessage::Sealed(heartbeat) => heartbeat,
            ControlMessage::Unreadable => {
                tracing::debug!("a heartbeat does not say whose it is");
                return;
            }
            ControlMessage::Unsealed => {
                metric::seal_refused(SealKind::Heartbeat);
                if self.peers().reports_refusal(now) {
                    tracing::warn!(
                        exchange = self.queues.control_exchange,
                        mend = "workers of one fleet need the same seal.key, others a broker.control_exchange of their own",
                        "a control message has no valid seal of ours and is ignored; at most one line in ten minutes says so"
                    );
                }
                return;
            }
        };
        let admission = self.peers().admit(&heartbeat, now);
        match admission {
            Admission::Peer => self.pipeline.retrier.breaker.hear(heartbeat),
            Admission::Repeated | Admission::OutOfTime => {
                tracing::debug!(
                    peer = heartbeat.worker,
                    ?admission,
                    "a heartbeat is ignored"
                );
            }
            Admission::OtherFleet { is_first } => {
                metric::foreign_heartbeat();
                self.pipeline.retrier.breaker.neighbour_heard();
                if is_first {
                    tracing::warn!(
                        exchange = self.queues.control_exchange,
                        peer = heartbeat.worker,
                        mend = "give each deployment its own broker.control_exchange",
                        "workers with other queues or accounts use the same control exchange; they are not counted as peers"
                    );
                }
            }
        }
    }

    /// What this worker says now, sealed.
    pub(super) fn heartbeat(&self, draining: bool) -> Message {
        let heartbeat = self.pipeline.retrier.breaker.heartbeat(draining);
        let json = self
            .peers()
            .stamp(heartbeat, self.pipeline.retrier.clock.now())
            .to_json();
        let seal = self.sealer.seal(SealKind::Heartbeat, &[&json]);
        let mut message = Message::json(KIND, json);
        message.properties.headers.set_text(SEAL, &seal);
        message
    }

    fn peers(&self) -> MutexGuard<'_, PeerRegister> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell_others(
        &self,
        told: &Publisher,
        stop: &CancellationToken,
        problems: &Sender<PublishError>,
    ) {
        let breaker = &self.pipeline.retrier.breaker;
        let mut every = interval(self.heartbeat_every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_draining = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !told_draining => {}
                _ = every.tick() => {}
                () = breaker.news() => {}
            }
            told_draining = stop.is_cancelled();
            self.pipeline.tell_rates();
            if let Err(problem) = told.announce(&self.heartbeat(told_draining)).await {
                tracing::debug!(%problem, "a heartbeat was not told");
                // Err: an earlier one was not looked at yet.
                let _ = problems.try_send(problem);
            }
        }
    }
}
