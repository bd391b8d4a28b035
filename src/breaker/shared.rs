//! The state that a breaker, its permits and its clones share, with the clock, the other workers and
//! the policy that it depends on.

use super::ClosureChange;
use super::gauges::ClosureGauges;
use super::log::log_change;
use super::state::{BreakerContext, BreakerState};
use super::unstored::UnstoredAnswers;
use crate::clock::Clock;
use crate::cluster::membership::Membership;
use crate::policy::Policy;
use jiff::tz::TimeZone;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<BreakerState>,
    /// Notified when something is closed or opened, here or elsewhere.
    pub(super) changed: watch::Sender<()>,
    pub(super) unstored: UnstoredAnswers,
    gauges: Mutex<ClosureGauges>,
    pub(super) membership: Membership,
    pub(super) policy: Arc<Policy>,
    pub(super) clock: Clock,
    pub(super) timezone: TimeZone,
}

impl Shared {
    pub(super) fn new(
        membership: Membership,
        policy: Arc<Policy>,
        clock: Clock,
        timezone: TimeZone,
    ) -> Self {
        let changed = watch::Sender::new(());
        Self {
            state: Mutex::default(),
            unstored: UnstoredAnswers::new(changed.clone()),
            changed,
            gauges: Mutex::default(),
            membership,
            policy,
            clock,
            timezone,
        }
    }

    /// Reads or changes the state as of now.
    pub(super) fn with<T>(
        &self,
        act: impl FnOnce(&mut BreakerState, &BreakerContext<'_>) -> T,
    ) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let context = BreakerContext {
            peers: &self.membership.peers(),
            policy: &self.policy,
            timezone: &self.timezone,
            now: self.clock.now(),
        };
        act(&mut state, &context)
    }

    /// This worker's jobs and the other workers should know of it at once.
    pub(super) fn announce(&self) {
        self.membership.announce();
        self.changed.send_replace(());
    }

    /// Logs what has changed, and sets the metrics to what holds now.
    pub(super) fn report(&self, changes: &[ClosureChange]) {
        for change in changes {
            log_change(change, &self.policy);
        }
        // The lock is taken before the state is read, so that the metrics end at the newest state.
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.set(self.with(|state, _| ClosureGauges::of(&state.closures)));
    }
}
