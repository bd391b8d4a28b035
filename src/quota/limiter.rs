//! How fast we may call: this worker's share of the account's rate, first come first served, on
//! tokio's clock; slower where the provider says so.

mod clock;
mod gcra;

use crate::cluster::share::{RateShare, Share, rate_step, rate_step_above};
use crate::quota::learned::LearnedRate;
use gcra::{Gcra, Terms};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// Shares change while calls wait.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A refusal so soon after shares have changed says nothing about the account: another worker was
/// still using its former share.
const SETTLING: Duration = Duration::from_millis(1_500);
/// A rate that is learned call by call is put into effect in steps.
const WORTH_A_CHANGE: f64 = 0.01;
/// When a worker that held the others back leaves, they go up by a step at a time, so long after
/// the other.
const CLIMBING: Duration = Duration::from_secs(1);
/// A worker whose calls have not waited for so long does not use the rate up; nor does one of whose
/// last calls too few had to.
const IDLE_AFTER: Duration = Duration::from_secs(5);
const OF_LAST_CALLS: f64 = 0.2;
const WAITING: f64 = 0.7;

/// One place in the rate after the other. With a burst of 1, calls are never closer than the
/// period, but for what a late timer left over.
#[derive(Debug)]
pub(super) struct Limiter {
    configured: f64,
    burst: u32,
    began: Instant,
    /// governor's own waiting wakes every waiter at once; this queue is fair, so its first waiter
    /// alone looks at the limiter.
    turn: AsyncMutex<()>,
    state: Mutex<LimiterState>,
}

#[derive(Debug)]
struct LimiterState {
    learned: LearnedRate,
    gcra: Gcra,
    /// Since when the others leave us this much.
    shared: Option<Instant>,
    /// Since when the part of the rate is what it is.
    changed: Instant,
    /// There is more, which is gone up to by steps.
    climbs: bool,
    /// Others have learned less.
    held_back: bool,
    /// When a call waited last.
    waited: Option<Instant>,
    /// The part of the last calls that had to wait.
    waiting: f64,
}

impl Limiter {
    /// `rate_per_second` is finite and above zero: the configuration was validated.
    pub(super) fn new(rate_per_second: f64, burst: u32) -> Self {
        let terms = Terms {
            rate: rate_per_second,
            burst,
            share: Share::WHOLE,
            part: 1.0,
        };
        let (learned, gcra, began) = (LearnedRate::default(), Gcra::new(terms), Instant::now());
        let state = Mutex::new(LimiterState {
            learned,
            gcra,
            shared: None,
            changed: began,
            climbs: false,
            held_back: false,
            waited: None,
            waiting: 0.0,
        });
        Self {
            configured: rate_per_second,
            burst,
            began,
            turn: AsyncMutex::new(()),
            state,
        }
    }

    /// The rate that this worker may use of the account's, in calls a second.
    pub(super) fn rate_per_second(&self, standing: RateShare) -> f64 {
        let state = self.state();
        let granted = state.learned.part().min(standing.of_others);
        // What is climbed up to is not there yet.
        let part = if state.climbs {
            granted.min(state.gcra.terms().part)
        } else {
            granted
        };
        standing.share.of(self.configured * part)
    }

    /// The part of the configured rate that the provider grants, as far as this worker has learned:
    /// all of it, where this worker has no use for more. Who does not try does not learn that there
    /// is more, and must not hold the others back.
    pub(super) fn used_up_part(&self) -> f64 {
        let state = self.state();
        let is_used_up = state.waiting > WAITING
            && state
                .waited
                .is_some_and(|waited| waited.elapsed() < IDLE_AFTER);
        if is_used_up {
            state.learned.part()
        } else {
            1.0
        }
    }

    /// Waits for a place in the rate. Dropped while waiting, it takes none. `standing` tells this
    /// worker's share of it now. Was there a wait?
    pub(super) async fn acquire(&self, standing: impl Fn() -> RateShare) -> bool {
        let _turn = self.turn.lock().await;
        let mut planned = None;
        loop {
            let standing = standing();
            let terms = (standing.share, standing.of_others);
            let wait = match planned {
                Some((with, at))
                    if with == terms && !self.state().climbs && Instant::now() < at =>
                {
                    at.saturating_duration_since(Instant::now())
                }
                _ => {
                    let Some(wait) = self.check(standing) else {
                        self.state().called(planned.is_some());
                        return planned.is_some();
                    };
                    wait
                }
            };
            planned = Some((terms, Instant::now() + wait));
            self.state().waited = Some(Instant::now());
            tokio::time::sleep(wait.min(LOOK_AGAIN)).await;
        }
    }

    /// A call that had to wait was not refused.
    pub(super) fn granted(&self) {
        let state = &mut *self.state();
        state.learned.granted(state.gcra.terms().part);
    }

    /// The provider said that we are too fast, to a call that was `started` then.
    pub(super) fn lower(&self, started: Instant) {
        let state = &mut *self.state();
        let Terms { share, part, .. } = state.gcra.terms();
        let is_settling = state
            .shared
            .is_some_and(|shared| started.saturating_duration_since(shared) < SETTLING);
        if share != Share::WHOLE && is_settling {
            return;
        }
        state.learned.refused(
            part,
            started.saturating_duration_since(self.began),
            self.began.elapsed(),
        );
        let lowered = self.common(share, state.learned.part());
        if lowered < part {
            state.change(self.terms(share, lowered));
        }
    }

    /// Takes a place, or says how long until there is one.
    fn check(
        &self,
        RateShare {
            share,
            of_others,
            now,
        }: RateShare,
    ) -> Option<Duration> {
        let state = &mut *self.state();
        let before = state.gcra.terms();
        let learned = state.learned.part();
        let wanted = learned.min(of_others);
        let mut part = self.common(share, wanted);
        // Where others held this worker back, it has not tried that much for a while.
        let is_far = part > rate_step_above(before.part);
        state.climbs = is_far && (state.climbs || state.held_back);
        state.held_back = of_others < learned;
        if state.climbs {
            part = if state.changed.elapsed() < CLIMBING {
                before.part
            } else {
                rate_step_above(before.part)
            };
        }
        let is_shared_anew = share != before.share;
        let is_told_to_slow_down = part < before.part && of_others < learned;
        // However often that happens, refusals are heard half of the time.
        if (is_shared_anew || is_told_to_slow_down)
            && state
                .shared
                .is_none_or(|shared| shared.elapsed() >= 2 * SETTLING)
        {
            state.shared = Some(Instant::now());
        }
        let is_worth_a_change = part < before.part
            || part > before.part * (1.0 + WORTH_A_CHANGE)
            || (part >= 1.0 && before.part < 1.0);
        if is_shared_anew || is_worth_a_change {
            state.change(self.terms(share, part));
        }
        state.gcra.take(wanted, now)
    }

    /// Those who take turns go in steps: otherwise no two of them had the same idea of a turn.
    fn common(&self, share: Share, part: f64) -> f64 {
        if share.takes_turns(self.burst, self.configured) {
            rate_step(part)
        } else {
            part
        }
    }

    fn terms(&self, share: Share, part: f64) -> Terms {
        Terms {
            rate: self.configured,
            burst: self.burst,
            share,
            part,
        }
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimiterState {
    fn called(&mut self, has_waited: bool) {
        self.waiting += OF_LAST_CALLS * (f64::from(u8::from(has_waited)) - self.waiting);
    }

    fn change(&mut self, terms: Terms) {
        if terms.part.to_bits() != self.gcra.terms().part.to_bits() {
            self.changed = Instant::now();
        }
        self.gcra.change(terms);
    }
}

#[cfg(test)]
mod tests;
