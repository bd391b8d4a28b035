//! Why and for how long a place is closed.

use crate::cluster::peers::Peers;
use crate::domain::failure::Stage;
use crate::policy::Streak;
use jiff::{SignedDuration, Timestamp};

/// A probe waits for the rate, calls, and may call again in place; one that takes longer is given
/// up for lost.
const PROBE_LASTS: SignedDuration = SignedDuration::from_mins(5);
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) version: u64,
    /// The worker that changed it last.
    pub(super) by: String,
    pub(super) state: State,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Open { since: Timestamp },
    Closed(Closure),
}

/// Why and for how long a place is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Closure {
    /// Of the call that failed.
    pub stage: Stage,
    pub code: String,
    /// In the policy's words.
    pub reason: String,
    /// What it was one too many of, where it was no single answer.
    pub streak: Option<Streak>,
    pub since: Timestamp,
    /// When one call may try.
    pub until: Timestamp,
    /// Calls that were to open it and failed, with the one that closed it.
    pub failures: u32,
    pub(super) probing: Option<Probing>,
    /// The run whose call failed last, and who waits for it; known to its worker only.
    pub(super) queue: Queue,
}

/// Before a place that is closed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Queue {
    pub(super) run: String,
    /// Somebody else was refused since.
    pub(super) others_wait: bool,
    /// The run itself has let them go first.
    pub(super) stood_back: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Probing {
    pub(super) by: String,
    pub(super) since: Timestamp,
}

/// The failure that closes a place.
#[derive(Clone, Debug)]
pub struct Cause {
    pub stage: Stage,
    pub code: String,
    pub reason: String,
    pub streak: Option<Streak>,
    /// Whose call it was.
    pub run: String,
    /// It was to open the place.
    pub is_probe: bool,
    pub now: Timestamp,
}

impl Closure {
    /// Whoever probed and died, or took for ever, does not count.
    pub(super) fn is_probed(&self, peers: &Peers, now: Timestamp) -> bool {
        let lasts = |probing: &Probing| {
            now.duration_since(probing.since) < PROBE_LASTS && peers.is_alive(&probing.by, now)
        };
        self.probing.as_ref().is_some_and(lasts)
    }

    /// Not by jobs, which may be at fault themselves.
    pub(super) fn is_probed_by_control_calls(&self) -> bool {
        self.streak.is_some_and(Streak::needs_a_control_call)
    }

    pub(super) fn probed_for(&self, now: Timestamp) -> SignedDuration {
        self.probing
            .as_ref()
            .map_or(SignedDuration::ZERO, |probing| {
                now.duration_since(probing.since)
            })
    }
}
