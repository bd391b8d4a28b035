//! What may be taken from the queues, and when that changes.

use super::shared::Breaker;
use crate::telemetry::health::Paused;
use std::time::Duration;
use tokio::sync::watch;

/// How often is looked whether a probe that is on its way was given up for lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is taken from the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    Open,
    /// One job at a time, until one reaches the paused stage.
    Probe(Vec<Paused>),
    Shut(Vec<Paused>),
}

impl Flow {
    /// The stages that this worker gets no job past.
    pub fn paused(&self) -> &[Paused] {
        match self {
            Self::Open => &[],
            Self::Probe(paused) | Self::Shut(paused) => paused,
        }
    }
}

impl Breaker {
    /// What may be taken from the queues now.
    pub fn flow(&self) -> Flow {
        let now = self.0.clock.now();
        let state = &*self.state();
        let mut paused: Vec<Paused> = state
            .closures
            .paused()
            .chain(state.unstored_as_paused())
            .collect();
        for paused in &mut paused {
            paused.has_worked = state.worked.contains(&paused.stage);
        }
        // What a probe buys could not be stored either.
        let due = state.unstored.is_none() && state.closures.is_probe_due(&state.peers, now);
        match paused.is_empty() {
            true => Flow::Open,
            false if due => Flow::Probe(paused),
            false => Flow::Shut(paused),
        }
    }

    /// Returns when the flow may be another one: something changed, or the time for a probe has
    /// come.
    pub async fn flow_changes(&self, flow: &Flow, changes: &mut watch::Receiver<()>) {
        let now = self.0.clock.now();
        let wake = match flow {
            Flow::Open | Flow::Probe(_) => None,
            Flow::Shut(paused) => {
                let due = paused
                    .iter()
                    .map(|paused| paused.next_probe)
                    .filter(|probe| *probe > now)
                    .min();
                let until =
                    due.and_then(|probe| Duration::try_from(probe.duration_since(now)).ok());
                Some(until.unwrap_or(LOOK_AGAIN))
            }
        };
        tokio::select! {
            biased;
            // Never an error: the sender lives in `self`.
            _ = changes.changed() => {}
            () = sleep(wake) => {}
        }
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}
