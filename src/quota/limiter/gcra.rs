//! The spacing of calls by governor (GCRA), and the change from one rate to another.

use super::clock::{TokioClock, TokioInstant};
use crate::cluster::share::Share;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// The bounds of a period, whatever the rate.
const FASTEST: Duration = Duration::from_nanos(1);
const SLOWEST: Duration = Duration::from_hours(24);
/// The part of the rate that is used: a second that holds exactly as many calls as the account has
/// would hold one too many as soon as one of them is early on the wire.
pub(super) const USED: f64 = 0.995;
/// A timer that fires late must not cost a part of every period: the next call makes up for this
/// much. What [`USED`] leaves free in a second is more than this.
const LATENESS: Duration = Duration::from_millis(3);
/// A worker that has missed the beginning of its turn returns to it by calls that are closer than a
/// round by this part. At most this much of a late timer is made up for at once.
const CATCHING_UP: f64 = 0.003_5;
const LATENESS_IN_TURNS: Duration = Duration::from_micros(1_500);
/// A larger burst would exceed the time that governor can count, at the slowest rates.
const LARGEST_BURST: u32 = 100_000;
/// When the rate changes, free places are counted one by one up to this number. In a larger burst,
/// all are taken to be free.
const COUNTED: u32 = 64;

/// The values that the spacing follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    /// The account's rate in calls a second, as configured.
    pub(super) rate: f64,
    pub(super) burst: u32,
    pub(super) share: Share,
    /// The learned part of the configured rate.
    pub(super) part: f64,
}

#[derive(Debug)]
pub(super) struct Gcra {
    terms: Terms,
    /// The time from one call of this worker to its next.
    period: Duration,
    governor: Governor,
    /// The number of governor's cells that a call takes. None is longer than what a late timer may
    /// leave over.
    call: NonZeroU32,
    not_before: Instant,
    /// The turns taken beyond the learned rate, where the workers agree on a higher step. Each
    /// whole one is left out.
    owed: f64,
}

type Governor = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<TokioInstant>>;

impl Gcra {
    pub(super) fn new(terms: Terms) -> Self {
        let Terms {
            rate,
            burst,
            share,
            part,
        } = terms;
        let period = period(share.of(rate * part));
        let (closest, late) = if terms.takes_turns() {
            (period.mul_f64(1.0 - CATCHING_UP), LATENESS_IN_TURNS)
        } else {
            (period, LATENESS)
        };
        let burst = share.of_burst(burst).min(LARGEST_BURST);
        let pieces =
            u32::try_from(closest.as_nanos().div_ceil(late.as_nanos())).unwrap_or(u32::MAX);
        let call = NonZeroU32::new(pieces.min((u32::MAX - 1) / burst)).unwrap_or(NonZeroU32::MIN);
        let slice = (closest / call.get()).max(FASTEST);
        let reserve = u32::try_from(late.as_nanos() / slice.as_nanos())
            .unwrap_or(u32::MAX)
            .max(1);
        let capacity = call
            .saturating_mul(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
            .saturating_add(reserve);
        let quota = Quota::with_period(slice).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let governor = RateLimiter::direct_with_clock(quota.allow_burst(capacity), TokioClock);
        Self {
            terms,
            period,
            governor,
            call,
            not_before: Instant::now(),
            owed: 0.0,
        }
    }

    pub(super) fn terms(&self) -> Terms {
        self.terms
    }

    /// Takes a place, or returns how long it is until one is free. Where the workers take turns,
    /// this one leaves out whole turns so that its calls come to the part `wanted` of the rate, if
    /// that is less than the part in the terms. `now` is the time of the wall clock.
    pub(super) fn take(&mut self, wanted: f64, now: Timestamp) -> Option<Duration> {
        if let Some(wait) = self.try_to() {
            // The turn is planned now, because a timer that fires late must not cost it.
            return Some(wait + self.until_turn(now.saturating_add(wait).unwrap_or(now)));
        }
        if self.terms.takes_turns() {
            self.owed += (1.0 - wanted / self.terms.part).max(0.0);
            if self.owed >= 1.0 {
                self.owed -= 1.0;
                self.not_before = Instant::now() + self.period.mul_f64(1.5);
            }
        }
        None
    }

    /// Returns how long it is until this worker's turn; zero where the workers take none.
    fn until_turn(&self, planned: Timestamp) -> Duration {
        if self.terms.takes_turns() {
            self.terms.share.until_turn(self.period, planned)
        } else {
            Duration::ZERO
        }
    }

    /// Changes to other terms. Places that were free stay free, and a call that has waited for half
    /// a period waits for half of the new one: however often the rate changes, every call is made.
    pub(super) fn change(&mut self, terms: Terms) {
        let mut next = Self::new(terms);
        let mut free = 0;
        let wait = loop {
            match self.try_to() {
                None if free < terms.burst.min(COUNTED) => free += 1,
                None => break Duration::ZERO,
                Some(wait) => break wait,
            }
        };
        if free < COUNTED {
            next.drain(
                terms
                    .share
                    .of_burst(terms.burst)
                    .saturating_sub(free.max(1)),
            );
        }
        if free == 0 {
            next.not_before = Instant::now()
                + next
                    .period
                    .mul_f64(wait.div_duration_f64(self.period).min(1.0));
        }
        next.owed = self.owed;
        *self = next;
    }

    /// Removes so many free places.
    fn drain(&self, places: u32) {
        if let Some(cells) = NonZeroU32::new(places.saturating_mul(self.call.get())) {
            // This is never an error: a new governor has all its places.
            let _ = self.governor.check_n(cells);
        }
    }

    fn try_to(&self) -> Option<Duration> {
        let carried = self.not_before.saturating_duration_since(Instant::now());
        if !carried.is_zero() {
            return Some(carried);
        }
        match self.governor.check_n(self.call) {
            Ok(Err(not_yet)) => Some(not_yet.wait_time_from(TokioClock.now()).max(FASTEST)),
            // `Err` cannot occur: the capacity is always more than a call takes.
            Ok(Ok(())) | Err(_) => None,
        }
    }
}

impl Terms {
    fn takes_turns(&self) -> bool {
        self.share.takes_turns(self.burst, self.rate)
    }
}

fn period(rate_per_second: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / (rate_per_second * USED))
        .unwrap_or(SLOWEST)
        .clamp(FASTEST, SLOWEST)
}
