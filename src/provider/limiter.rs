//! How fast we may call: this worker's share of the account's rate, first come first served, on tokio's clock; slower where the provider
//! says so.

mod clock;
mod pace;

use crate::domain::learned::{self, Learned};
use crate::domain::share::{Share, Standing};
use pace::{Pace, Terms};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// Shares change while somebody waits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A refusal so soon after shares have changed says nothing about the account: somebody else was still using his former share.
const SETTLING: Duration = Duration::from_millis(1_500);
/// A rate that is learned call by call is put into effect in steps.
const WORTH_A_CHANGE: f64 = 0.01;

/// One place in the rate after the other. With a burst of 1, calls are never closer than the period, but for what a late timer left over.
#[derive(Debug)]
pub struct Limiter {
    configured: f64,
    burst: u32,
    began: Instant,
    /// governor's own waiting wakes everybody at once; this queue is fair, so its first waiter alone looks at the limiter.
    turn: AsyncMutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    learned: Learned,
    pace: Pace,
    /// Since when the others leave us this much.
    settled: Instant,
}

impl Limiter {
    /// `rate_per_second` is finite and above zero: the configuration was validated.
    pub fn new(rate_per_second: f64, burst: u32) -> Self {
        let terms = Terms { rate: rate_per_second, burst, share: Share::WHOLE, part: 1.0 };
        let state = State { learned: Learned::default(), pace: Pace::new(terms), settled: Instant::now() };
        Self { configured: rate_per_second, burst, began: Instant::now(), turn: AsyncMutex::new(()), state: Mutex::new(state) }
    }

    /// What this worker may use of the account's rate.
    pub fn rate_per_second(&self, standing: Standing) -> f64 {
        standing.share.of(self.configured * self.part().min(standing.part))
    }

    /// The part of the configured rate that the provider grants, as far as this worker has learned.
    pub fn part(&self) -> f64 {
        self.state().learned.part()
    }

    /// Waits for a place in the rate. Dropped while waiting, it takes none. `standing` tells this worker's share of it now.
    /// Was there a wait?
    pub async fn acquire(&self, standing: impl Fn() -> Standing) -> bool {
        let _turn = self.turn.lock().await;
        let mut planned: Option<(Share, Instant)> = None;
        loop {
            let standing = standing();
            let wait = match planned {
                Some((share, at)) if share == standing.share && Instant::now() < at => at.saturating_duration_since(Instant::now()),
                _ => match self.check(standing) {
                    Some(wait) => wait,
                    None => return planned.is_some(),
                },
            };
            planned = Some((standing.share, Instant::now() + wait));
            tokio::time::sleep(wait.min(LOOK_AGAIN)).await;
        }
    }

    /// A call that had to wait was not refused.
    pub fn granted(&self) {
        self.state().learned.granted();
    }

    /// The provider said that we are too fast, to a call that was `started` then.
    pub fn lower(&self, started: Instant) {
        let state = &mut *self.state();
        let Terms { share, part, .. } = *state.pace.terms();
        if share != Share::WHOLE && state.settled.elapsed() < SETTLING {
            return;
        }
        state.learned.refused(part, started.saturating_duration_since(self.began), self.began.elapsed());
        let part = self.common(share, state.learned.part());
        if part < state.pace.terms().part {
            state.pace.change(self.terms(share, part));
        }
    }

    /// Takes a place, or says how long until there is one.
    fn check(&self, Standing { share, part: of_others, now }: Standing) -> Option<Duration> {
        let state = &mut *self.state();
        let before = *state.pace.terms();
        let learned = state.learned.part();
        let part = self.common(share, learned.min(of_others));
        let is_shared_anew = share != before.share;
        let was_told_to_slow_down = part < before.part && of_others < learned;
        if is_shared_anew || was_told_to_slow_down {
            state.settled = Instant::now();
        }
        let is_worth_a_change = part < before.part || part > before.part * (1.0 + WORTH_A_CHANGE) || (part >= 1.0 && before.part < 1.0);
        if is_shared_anew || is_worth_a_change {
            state.pace.change(self.terms(share, part));
        }
        state.pace.take(learned.min(of_others), now)
    }

    /// Those who take turns go in steps: otherwise no two of them had the same idea of a turn.
    fn common(&self, share: Share, part: f64) -> f64 {
        if share.takes_turns(self.burst) { learned::step(part) } else { part }
    }

    fn terms(&self, share: Share, part: f64) -> Terms {
        Terms { rate: self.configured, burst: self.burst, share, part }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
