//! How fast we may call: strict, first come first served, on tokio's clock.

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::ops::Add;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// What a period is held between, however odd the rate.
const FASTEST: Duration = Duration::from_nanos(1);
const SLOWEST: Duration = Duration::from_hours(24);

/// One place in the rate after the other. With a burst of 1, calls are never closer than the period.
#[derive(Debug)]
pub struct Limiter {
    rate_per_second: f64,
    /// governor's own waiting wakes everybody at once; this queue is fair, so its first waiter alone looks at the limiter.
    turn: Mutex<()>,
    gcra: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Moment>>,
}

impl Limiter {
    /// `rate_per_second` is finite and above zero: the configuration was validated.
    pub fn new(rate_per_second: f64, burst: u32) -> Self {
        let period = Duration::try_from_secs_f64(1.0 / rate_per_second).unwrap_or(SLOWEST).clamp(FASTEST, SLOWEST);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        Self { rate_per_second, turn: Mutex::new(()), gcra: RateLimiter::direct_with_clock(quota, TokioClock) }
    }

    pub fn rate_per_second(&self) -> f64 {
        self.rate_per_second
    }

    /// Waits for a place in the rate. Dropped while waiting, it takes none.
    pub async fn acquire(&self) {
        let _turn = self.turn.lock().await;
        while let Err(not_yet) = self.gcra.check() {
            tokio::time::sleep(not_yet.wait_time_from(TokioClock.now())).await;
        }
    }
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
        tokio::time::sleep(Duration::from_secs(60)).await;
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
