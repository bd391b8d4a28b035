//! Why and for how long a scope is closed.

use crate::cluster::peers::Peers;
use crate::domain::account::VendorName;
use crate::domain::failure::Stage;
use crate::policy::Streak;
use jiff::{SignedDuration, Timestamp};

/// A probe waits for the rate, calls, and may call again in place. One that takes longer counts as
/// lost.
const PROBE_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// One worker's record of a scope. Of two records of the same scope, every worker keeps the same
/// one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScopeRecord {
    pub(super) version: u64,
    /// The worker that changed it last.
    pub(super) by: String,
    /// The scope was closed because this worker did not reach the other side, which may be its own
    /// network: no heartbeat carries it.
    pub(super) is_own: bool,
    pub(super) state: ScopeState,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScopeState {
    Open { since: Timestamp },
    Closed(Closure),
}

/// Why and for how long a scope is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Closure {
    /// The stage of the call that failed.
    pub stage: Stage,
    /// The vendor whose code it is.
    pub vendor: VendorName,
    pub code: String,
    /// The policy's reason, for people.
    pub reason: String,
    /// The streak that this failure completed, where no single answer closed the scope.
    pub streak: Option<Streak>,
    pub since: Timestamp,
    /// When one call may try.
    pub until: Timestamp,
    /// The failed calls: the one that closed the scope, and the probes since.
    pub failures: u32,
    pub(super) probing: Option<Probing>,
    /// This worker's own; no heartbeat carries it.
    pub(super) turns: ProbeTurns,
}

/// Which run's call failed last, and whether it has let other runs probe first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ProbeTurns {
    pub(super) failed_run: String,
    /// Another run was refused since.
    pub(super) others_wait: bool,
    pub(super) has_yielded: bool,
}

/// The probe that is on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Probing {
    pub(super) by: String,
    pub(super) since: Timestamp,
}

/// The failure that closes a scope.
#[derive(Clone, Debug)]
pub struct ClosureCause {
    pub stage: Stage,
    pub vendor: VendorName,
    pub code: String,
    pub reason: String,
    pub streak: Option<Streak>,
    /// The run whose call failed.
    pub run: String,
    /// The call was to open the scope.
    pub is_probe: bool,
    /// This worker's own network may be the reason.
    pub is_own: bool,
    pub now: Timestamp,
}

impl Closure {
    /// A probe of a worker that died, or one that takes too long, does not count.
    pub(super) fn is_probed(&self, peers: &Peers, now: Timestamp) -> bool {
        let lasts = |probing: &Probing| {
            now.duration_since(probing.since) < PROBE_LASTS && peers.is_alive(&probing.by, now)
        };
        self.probing.as_ref().is_some_and(lasts)
    }

    /// Jobs do not probe it, because they may be at fault themselves.
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

impl ScopeRecord {
    /// Whether every worker that knows both prefers this one.
    pub(super) fn replaces(&self, known: Option<&Self>) -> bool {
        known.is_none_or(|known| {
            self.version > known.version || (self.version == known.version && self.by < known.by)
        })
    }

    pub(super) fn closure(&self) -> Option<&Closure> {
        match &self.state {
            ScopeState::Closed(closure) => Some(closure),
            ScopeState::Open { .. } => None,
        }
    }

    pub(super) fn closure_mut(&mut self) -> Option<&mut Closure> {
        match &mut self.state {
            ScopeState::Closed(closure) => Some(closure),
            ScopeState::Open { .. } => None,
        }
    }

    pub(super) fn since(&self) -> Timestamp {
        match &self.state {
            ScopeState::Open { since } | ScopeState::Closed(Closure { since, .. }) => *since,
        }
    }

    pub(super) fn until(&self, now: Timestamp) -> Timestamp {
        self.closure().map_or(now, |closure| closure.until)
    }
}
