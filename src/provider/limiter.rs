//! How fast we may call: this worker's share of the account's rate, first come first served, on tokio's clock; slower where the provider
//! says so.

mod clock;

use crate::domain::learned::Learned;
use crate::domain::share::Share;
use clock::{Moment, TokioClock};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// What a period is held between, however odd the rate.
const FASTEST: Duration = Duration::from_nanos(1);
const SLOWEST: Duration = Duration::from_hours(24);
/// Of the rate this much is used: a second that holds exactly as many calls as the account has would hold one too many as soon as one of
/// them is early on the wire.
const USED: f64 = 0.995;
/// A timer that fires late must not cost a part of every period: so much is made up for by the next call. What [`USED`] leaves free in a
/// second is more than this. Where workers take turns it is a turn.
const LATENESS: Duration = Duration::from_millis(3);
/// Shares change while somebody waits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A refusal so soon after shares have changed says nothing about the account: somebody else was still using his former share.
const SETTLING: Duration = Duration::from_millis(1_500);
/// Free places that are counted one by one where the pace changes: of a larger burst they are taken to be all free.
const COUNTED: u32 = 64;
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
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    learned: Learned,
    in_effect: InEffect,
    period: Duration,
    gcra: Gcra,
    /// What had been waited for at the pace before this one counts.
    not_before: Instant,
    /// Since when there is this share.
    shared: Instant,
    /// A call takes so many of governor's cells, none longer than what a late timer may leave over.
    call: NonZeroU32,
}

/// What a pace is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct InEffect {
    share: Share,
    /// Of the configured rate, as learned.
    part: f64,
}

type Gcra = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Moment>>;

impl Limiter {
    /// `rate_per_second` is finite and above zero: the configuration was validated.
    pub fn new(rate_per_second: f64, burst: u32) -> Self {
        let pace = Pace::new(rate_per_second, burst, Learned::default(), Share::WHOLE);
        Self { configured: rate_per_second, burst, began: Instant::now(), turn: AsyncMutex::new(()), pace: Mutex::new(pace) }
    }

    /// What this worker may use of the account's rate.
    pub fn rate_per_second(&self, share: Share) -> f64 {
        share.of(self.configured * self.pace().learned.part())
    }

    /// Waits for a place in the rate. Dropped while waiting, it takes none. `standing` tells this worker's share, and what o'clock it is.
    /// Was there a wait?
    pub async fn acquire(&self, standing: impl Fn() -> (Share, Timestamp)) -> bool {
        let _turn = self.turn.lock().await;
        let mut planned: Option<(Share, Instant)> = None;
        loop {
            let (share, now) = standing();
            let wait = match planned {
                Some((planned_with, at)) if planned_with == share && Instant::now() < at => at.saturating_duration_since(Instant::now()),
                _ => match self.check(share, now) {
                    Some(wait) => wait,
                    None => return planned.is_some(),
                },
            };
            planned = Some((share, Instant::now() + wait));
            tokio::time::sleep(wait.min(LOOK_AGAIN)).await;
        }
    }

    /// A call that had to wait was not refused.
    pub fn granted(&self) {
        self.pace().learned.granted();
    }

    /// The provider said that we are too fast, to a call that was `started` then.
    pub fn lower(&self, started: Instant) {
        let mut pace = self.pace();
        if pace.in_effect.share != Share::WHOLE && pace.shared.elapsed() < SETTLING {
            return;
        }
        pace.learned.refused(started.saturating_duration_since(self.began), self.began.elapsed());
        if pace.learned.part() < pace.in_effect.part {
            self.change(&mut pace, None);
        }
    }

    /// Takes a place, or says how long until there is one.
    fn check(&self, share: Share, now: Timestamp) -> Option<Duration> {
        let mut pace = self.pace();
        if pace.in_effect.share != share {
            self.change(&mut pace, Some(share));
        }
        if let Some(wait) = pace.take() {
            // Planned now: a timer that fires late must not cost the turn.
            return Some(wait + self.until_turn(&pace, now.saturating_add(wait).unwrap_or(now)));
        }
        let (part, in_effect) = (pace.learned.part(), pace.in_effect.part);
        if part > in_effect && (part >= 1.0 || part / in_effect > 1.0 + WORTH_A_CHANGE) {
            self.change(&mut pace, None);
        }
        None
    }

    /// Calls of several workers take turns. Who is not in a hurry need not wait for his, and where the true rate is another than the
    /// configured one their turns have nothing in common.
    fn until_turn(&self, pace: &Pace, planned: Timestamp) -> Duration {
        let InEffect { share, part } = pace.in_effect;
        let is_common = part >= 1.0 && !share.halved && share.of_burst(self.burst) == 1;
        if is_common { share.until_turn(period(share.of(self.configured)), planned) } else { Duration::ZERO }
    }

    /// To the rate that was learned by now, and to another share. Places that were free stay free, and who has waited for half a period
    /// waits for half of the new one: however often the pace changes, everybody's turn comes.
    fn change(&self, pace: &mut Pace, share: Option<Share>) {
        let is_shared_anew = share.is_some();
        let share = share.unwrap_or(pace.in_effect.share);
        let mut next = Pace::new(self.configured, self.burst, pace.learned, share);
        if !is_shared_anew {
            next.shared = pace.shared;
        }
        let mut free = 0;
        let wait = loop {
            match pace.take() {
                None if free < self.burst.min(COUNTED) => free += 1,
                None => break Duration::ZERO,
                Some(wait) => break wait,
            }
        };
        if free < COUNTED {
            next.drain(share.of_burst(self.burst).saturating_sub(free.max(1)));
        }
        if free == 0 {
            next.not_before = Instant::now() + next.period.mul_f64(wait.div_duration_f64(pace.period).min(1.0));
        }
        *pace = next;
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn new(configured: f64, burst: u32, learned: Learned, share: Share) -> Self {
        let part = learned.part();
        let (period, burst) = (period(share.of(configured * part)), share.of_burst(burst));
        let late = if share.workers < 2 { LATENESS } else { LATENESS.max(period / share.workers) };
        let pieces = u32::try_from(period.as_nanos().div_ceil(late.as_nanos())).unwrap_or(u32::MAX);
        let call = NonZeroU32::new(pieces.min((u32::MAX - 1) / burst)).unwrap_or(NonZeroU32::MIN);
        let slice = (period / call.get()).max(FASTEST);
        let reserve = u32::try_from(late.as_nanos() / slice.as_nanos()).unwrap_or(u32::MAX).max(1);
        let capacity = call.saturating_mul(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)).saturating_add(reserve);
        let quota = Quota::with_period(slice).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let gcra = RateLimiter::direct_with_clock(quota.allow_burst(capacity), TokioClock);
        Self { learned, in_effect: InEffect { share, part }, period, gcra, not_before: Instant::now(), shared: Instant::now(), call }
    }

    /// So many places are not there.
    fn drain(&self, places: u32) {
        if let Some(cells) = NonZeroU32::new(places.saturating_mul(self.call.get())) {
            // Never an error: a new one has all its places.
            let _ = self.gcra.check_n(cells);
        }
    }

    /// Takes a place, or says how long until there is one.
    fn take(&self) -> Option<Duration> {
        let carried = self.not_before.saturating_duration_since(Instant::now());
        if !carried.is_zero() {
            return Some(carried);
        }
        match self.gcra.check_n(self.call) {
            Ok(Err(not_yet)) => Some(not_yet.wait_time_from(TokioClock.now()).max(FASTEST)),
            // The capacity is always more than a call takes.
            Ok(Ok(())) | Err(_) => None,
        }
    }
}

fn period(rate_per_second: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / (rate_per_second * USED)).unwrap_or(SLOWEST).clamp(FASTEST, SLOWEST)
}

#[cfg(test)]
mod tests;
