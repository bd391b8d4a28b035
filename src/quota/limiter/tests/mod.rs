use super::gcra::USED;
use super::*;
use crate::clock::Clock as WallClock;
use jiff::Timestamp;

mod fleet;
mod shares;

const MIDNIGHT: &str = "2026-11-22T16:00:00Z";

fn midnight() -> Timestamp {
    MIDNIGHT.parse().unwrap()
}

fn alone() -> RateShare {
    RateShare {
        share: Share::WHOLE,
        of_others: 1.0,
        now: midnight(),
    }
}

async fn acquired_at(limiter: &Limiter, count: usize) -> Vec<u128> {
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..count {
        limiter.acquire(alone).await;
        times.push(start.elapsed().as_millis());
    }
    times
}

/// Returns when a worker with this share makes its calls, in milliseconds of the wall clock since
/// midnight.
async fn calls_of(limiter: &Limiter, share: Share, clock: WallClock, count: usize) -> Vec<i64> {
    let mut times = Vec::new();
    for _ in 0..count {
        limiter
            .acquire(|| RateShare {
                share,
                of_others: 1.0,
                now: clock.now(),
            })
            .await;
        times.push(clock.now().as_millisecond() - midnight().as_millisecond());
    }
    times
}

fn share(workers: u32, rank: u32) -> Share {
    Share {
        workers,
        rank,
        halved: false,
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_closer_than_the_period_only_by_what_a_late_timer_left_over() {
    // Calls are 100.5 ms apart, except for the 3 ms that a late timer may have left over.
    assert_eq!(
        acquired_at(&Limiter::new(10.0, 1), 5).await,
        [0, 98, 199, 299, 400]
    );
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_available_at_first_and_again_after_a_rest() {
    let limiter = Limiter::new(10.0, 3);
    assert_eq!(acquired_at(&limiter, 5).await, [0, 0, 0, 98, 199]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(acquired_at(&limiter, 4).await, [0, 0, 0, 98]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_below_one_a_second_waits_seconds() {
    assert_eq!(
        acquired_at(&Limiter::new(0.5, 1), 3).await,
        [0, 2_008, 4_018]
    );
}

#[tokio::test(start_paused = true)]
async fn no_call_of_a_long_run_is_lost_at_any_rate() {
    for (rate, calls) in [(0.2, 12), (10.0, 597), (150.0, 8_955), (2_000.0, 119_400)] {
        let limiter = Limiter::new(rate, 1);
        let start = Instant::now();
        let mut made = 0;
        while start.elapsed() < Duration::from_mins(1) {
            limiter.acquire(alone).await;
            made += 1;
        }
        assert!(
            (calls..=calls + 10).contains(&made),
            "{rate}: {made} in a minute"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_calls_in_flight_together_lower_the_rate_once() {
    let limiter = Limiter::new(10.0, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    limiter.acquire(alone).await;
    let started = Instant::now();
    limiter.lower(started);
    let lowered = limiter.rate_per_second(alone());
    assert!((9.0..10.0).contains(&lowered), "{lowered}");
    limiter.lower(started);
    assert!(
        (limiter.rate_per_second(alone()) - lowered).abs() < 1e-9,
        "a second refusal of calls in flight together changes nothing"
    );
    let period = 1_000.0 / lowered / USED;
    let mut due = 0.0;
    for at in acquired_at(&limiter, 3).await {
        due += period;
        let late = f64::from(u32::try_from(at).unwrap()) - due;
        assert!((-6.5..=2.0).contains(&late), "{late}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_ten_minutes_of_refusals_the_limiter_has_its_rate_back_within_hundreds_of_calls() {
    for rate in [10.0, 50.0, 200.0] {
        let (limiter, began) = (Limiter::new(rate, 1), Instant::now());
        while began.elapsed() < Duration::from_mins(10) {
            limiter.acquire(alone).await;
            limiter.lower(Instant::now());
        }
        let low = limiter.rate_per_second(alone());
        let mut calls = 0;
        while limiter.rate_per_second(alone()) < 0.99 * rate {
            if limiter.acquire(alone).await {
                limiter.granted();
            }
            calls += 1;
        }
        assert!(
            low < 0.05 * rate && calls < 500,
            "{rate} a second: {calls} calls from {low}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stops_waiting_takes_no_place() {
    let limiter = Limiter::new(1.0, 1);
    limiter.acquire(alone).await;
    let gave_up = tokio::time::timeout(Duration::from_millis(500), limiter.acquire(alone)).await;
    assert!(gave_up.is_err());
    let start = Instant::now();
    limiter.acquire(alone).await;
    assert!(start.elapsed() <= Duration::from_millis(505));
}
