//! How fast we may call: strict, first come first served, on tokio's clock; slower where the provider says so.

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// What a period is held between, however odd the rate.
const FASTEST: Duration = Duration::from_nanos(1);
const SLOWEST: Duration = Duration::from_hours(24);
/// Being told to slow down takes so much of the rate away. Answers to calls that were in the air together are one such telling.
const DECREASE: f64 = 0.7;
const TOLD_ONCE: Duration = Duration::from_secs(1);
/// Never slower than this part of what is configured: at some rate the calls must go on, to learn that they may.
const LEAST: f64 = 0.05;
/// It climbs back by this part of what is configured, so often.
const INCREASE: f64 = 0.05;
const INCREASE_EVERY: Duration = Duration::from_secs(10);

/// One place in the rate after the other. With a burst of 1, calls are never closer than the period.
#[derive(Debug)]
pub struct Limiter {
    configured: f64,
    burst: NonZeroU32,
    /// governor's own waiting wakes everybody at once; this queue is fair, so its first waiter alone looks at the limiter.
    turn: AsyncMutex<()>,
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    rate_per_second: f64,
    changed: Instant,
    gcra: Gcra,
}

type Gcra = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Moment>>;

impl Limiter {
    /// `rate_per_second` is finite and above zero: the configuration was validated.
    pub fn new(rate_per_second: f64, burst: u32) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let pace = Pace { rate_per_second, changed: Instant::now(), gcra: gcra(rate_per_second, burst) };
        Self { configured: rate_per_second, burst, turn: AsyncMutex::new(()), pace: Mutex::new(pace) }
    }

    pub fn rate_per_second(&self) -> f64 {
        self.pace().rate_per_second
    }

    /// Waits for a place in the rate. Dropped while waiting, it takes none.
    pub async fn acquire(&self) {
        let _turn = self.turn.lock().await;
        while let Some(wait) = self.check() {
            tokio::time::sleep(wait).await;
        }
    }

    /// The provider said that we are too fast. Answers the rate from now on.
    pub fn lower(&self) -> f64 {
        let mut pace = self.pace();
        let rate = pace.rate_per_second;
        if rate >= self.configured || pace.changed.elapsed() >= TOLD_ONCE {
            pace.change((rate * DECREASE).max(self.configured * LEAST), self.burst);
        }
        pace.rate_per_second
    }

    /// Takes a place, or says how long until there is one.
    fn check(&self) -> Option<Duration> {
        let mut pace = self.pace();
        let rate = pace.rate_per_second;
        if rate < self.configured && pace.changed.elapsed() >= INCREASE_EVERY {
            pace.change((rate + self.configured * INCREASE).min(self.configured), self.burst);
        }
        pace.gcra.check().err().map(|not_yet| not_yet.wait_time_from(TokioClock.now()))
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Where a place was not yet free, the next one comes a whole new period later.
    fn change(&mut self, rate_per_second: f64, burst: NonZeroU32) {
        let next = gcra(rate_per_second, burst);
        if self.gcra.check().is_err() {
            // Never an error: a new one has all its places.
            let _ = next.check_n(burst);
        }
        *self = Self { rate_per_second, changed: Instant::now(), gcra: next };
    }
}

fn gcra(rate_per_second: f64, burst: NonZeroU32) -> Gcra {
    let period = Duration::try_from_secs_f64(1.0 / rate_per_second).unwrap_or(SLOWEST).clamp(FASTEST, SLOWEST);
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
    RateLimiter::direct_with_clock(quota.allow_burst(burst), TokioClock)
}

#[derive(Clone, Debug)]
struct TokioClock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Instant);

impl Clock for TokioClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Instant::now())
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0 + Duration::from(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn tenths(rate: f64) -> i64 {
        (10.0 * rate).round() as i64
    }

    async fn acquired_at(limiter: &Limiter, count: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..count {
            limiter.acquire().await;
            times.push(start.elapsed().as_millis());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_never_closer_than_the_period_not_even_at_first() {
        assert_eq!(acquired_at(&Limiter::new(10.0, 1), 5).await, [0, 100, 200, 300, 400]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_available_once_and_after_a_rest() {
        let limiter = Limiter::new(10.0, 3);
        assert_eq!(acquired_at(&limiter, 5).await, [0, 0, 0, 100, 200]);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(acquired_at(&limiter, 4).await, [0, 0, 0, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_one_a_second_waits_seconds() {
        assert_eq!(acquired_at(&Limiter::new(0.5, 1), 3).await, [0, 2_000, 4_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_are_served_in_the_order_in_which_they_came() {
        let limiter = Arc::new(Limiter::new(10.0, 1));
        let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..20 {
            let (limiter, sender) = (Arc::clone(&limiter), sender.clone());
            tokio::spawn(async move {
                limiter.acquire().await;
                let _ = sender.send(number);
            });
            tokio::task::yield_now().await;
        }
        drop(sender);
        let mut served = Vec::new();
        while let Some(number) = order.recv().await {
            served.push(number);
        }
        assert_eq!(served, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn being_told_to_slow_down_lowers_the_rate_at_once_and_once() {
        let limiter = Limiter::new(10.0, 1);
        limiter.acquire().await;
        assert_eq!([limiter.lower(), limiter.lower()].map(tenths), [70; 2], "answers to calls in the air together");
        assert_eq!(acquired_at(&limiter, 3).await, [143, 286, 429]);
        tokio::time::sleep(TOLD_ONCE).await;
        assert_eq!(tenths(limiter.lower()), 49);
        for _ in 0..50 {
            tokio::time::sleep(TOLD_ONCE).await;
            limiter.lower();
        }
        assert_eq!(tenths(limiter.rate_per_second()), 5, "never nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_climbs_back_and_no_further() {
        let limiter = Limiter::new(10.0, 1);
        limiter.lower();
        let mut rates = Vec::new();
        for _ in 0..8 {
            tokio::time::sleep(INCREASE_EVERY).await;
            limiter.acquire().await;
            rates.push(tenths(limiter.rate_per_second()));
        }
        assert_eq!(rates, [75, 80, 85, 90, 95, 100, 100, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_takes_no_place() {
        let limiter = Limiter::new(1.0, 1);
        limiter.acquire().await;
        let gave_up = tokio::time::timeout(Duration::from_millis(500), limiter.acquire()).await;
        assert!(gave_up.is_err());
        let start = Instant::now();
        limiter.acquire().await;
        assert_eq!(start.elapsed(), Duration::from_millis(500));
    }
}
