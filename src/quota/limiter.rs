//! How fast this worker may call: its share of the account's rate, on tokio's clock; slower where the
//! provider refuses calls as too fast. Whose turn it is to wait for the rate is not decided here.

mod clock;
mod gcra;

use crate::cluster::share::{RateShare, Share, rate_step, rate_step_above};
use crate::quota::learned::LearnedRate;
use gcra::{Gcra, Terms};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Shares change while calls wait, so a waiting call reads its share again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A refusal so soon after shares have changed says nothing about the account: another worker was
/// still using its former share.
const SETTLING: Duration = Duration::from_millis(1_500);
/// The learned rate changes with every call. It is put into effect when it has grown by this part.
const WORTH_A_CHANGE: f64 = 0.01;
/// When a worker that held the others back leaves, they raise their rate by one step in each of
/// these intervals.
const CLIMBING: Duration = Duration::from_secs(1);
/// A worker does not use its rate up if no call has waited for this long, or if too few of its last
/// calls had to wait.
const IDLE_AFTER: Duration = Duration::from_secs(5);
const OF_LAST_CALLS: f64 = 0.2;
const WAITING: f64 = 0.7;

/// Grants one call after the other. With a burst of 1, calls are never closer than the period,
/// except by what a late timer left over.
#[derive(Debug)]
pub(super) struct Limiter {
    configured: f64,
    burst: u32,
    began: Instant,
    state: Mutex<LimiterState>,
}

#[derive(Debug)]
struct LimiterState {
    learned: LearnedRate,
    gcra: Gcra,
    /// When the share last changed, or the others last lowered the rate.
    shared: Option<Instant>,
    /// When the part of the rate last changed.
    changed: Instant,
    /// A higher rate is allowed, and is approached in steps.
    climbs: bool,
    /// Another worker has learned a lower rate.
    held_back: bool,
    /// When a call last had to wait.
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
            state,
        }
    }

    /// Returns this worker's part of the account's rate, in calls a second.
    pub(super) fn rate_per_second(&self, rate_share: RateShare) -> f64 {
        let state = self.state();
        let granted = state.learned.part().min(rate_share.of_others);
        // While the rate is raised in steps, the rate in effect counts.
        let part = if state.climbs {
            granted.min(state.gcra.terms().part)
        } else {
            granted
        };
        rate_share.share.of(self.configured * part)
    }

    /// Returns the part of the configured rate that the provider grants, as far as this worker has
    /// learned. It is 1 where this worker does not use its rate up: such a worker does not learn
    /// that the provider grants more, and must not hold the others back.
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

    /// Waits for a place in the rate, and returns whether the call had to wait: one caller at a time,
    /// the one that has the turn. A future that is dropped while it waits takes no place.
    /// `read_share` returns this worker's current share.
    pub(super) async fn acquire(&self, read_share: impl Fn() -> RateShare) -> bool {
        let mut planned = None;
        loop {
            let rate_share = read_share();
            let terms = (rate_share.share, rate_share.of_others);
            let wait = match planned {
                Some((with, at))
                    if with == terms && !self.state().climbs && Instant::now() < at =>
                {
                    at.saturating_duration_since(Instant::now())
                }
                _ => {
                    let Some(wait) = self.check(rate_share) else {
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

    /// Records that a call that had to wait was not refused.
    pub(super) fn granted(&self) {
        let state = &mut *self.state();
        state.learned.granted(state.gcra.terms().part);
    }

    /// Records that the provider refused a call started at `started` as too fast.
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

    /// Takes a place, or returns how long it is until one is free.
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
        // If others held this worker back, it has not tried such a rate for a while.
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
        let is_slowed_by_others = part < before.part && of_others < learned;
        // However often that happens, refusals are taken into account half of the time.
        if (is_shared_anew || is_slowed_by_others)
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

    /// Workers that take turns round their rate to steps: otherwise no two of them would agree on
    /// how long a turn is.
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
