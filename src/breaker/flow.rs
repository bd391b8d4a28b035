//! What may be taken from the queues. Pure.

use crate::telemetry::health::Paused;
use jiff::Timestamp;
use std::time::Duration;

/// How often the worker looks whether a probe that is on its way was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    Open,
    /// One job at a time, until one reaches the paused stage.
    Probe(Vec<Paused>),
    Shut(Vec<Paused>),
}

impl Flow {
    pub(super) fn of(paused: Vec<Paused>, is_probe_due: bool) -> Self {
        match paused.is_empty() {
            true => Self::Open,
            false if is_probe_due => Self::Probe(paused),
            false => Self::Shut(paused),
        }
    }

    /// The stages that this worker gets no job past.
    pub fn paused(&self) -> &[Paused] {
        match self {
            Self::Open => &[],
            Self::Probe(paused) | Self::Shut(paused) => paused,
        }
    }

    /// When to look again although no change was announced.
    pub(super) fn look_again_in(&self, now: Timestamp) -> Option<Duration> {
        let Self::Shut(paused) = self else {
            return None;
        };
        let due = paused
            .iter()
            .map(|paused| paused.next_probe)
            .filter(|probe| *probe > now)
            .min();
        let until = due.and_then(|probe| Duration::try_from(probe.duration_since(now)).ok());
        Some(until.unwrap_or(LOOK_AGAIN))
    }
}
