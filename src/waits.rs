//! How long to wait before another attempt in this process: longer each time, and jittered.
//!
//! `backoff` computes it. It is unmaintained (RUSTSEC-2025-0012) and stays inside this file; its
//! own randomness is switched off in favour of the caller's.

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use std::time::Duration;

/// No delivery is held for longer, for whatever reason.
pub const LONGEST_HOLD: Duration = Duration::from_mins(10);
/// Waits grow up to this, unless the first one is longer.
const LONGEST: Duration = Duration::from_secs(15);
/// Waits are drawn from ±25 % around the schedule, so that jobs that failed together do not return
/// together.
const JITTER: f64 = 0.25;
/// A throttled call is made again after 2 to 5 seconds, for as long as a delivery may be held
/// (error-codes, `throttle`).
const THROTTLED_FROM: Duration = Duration::from_secs(2);
const THROTTLED_WINDOW: Duration = Duration::from_secs(3);
/// The number of steps after which every schedule has reached its longest wait.
const MAX_STEPS: u32 = 64;

/// The wait before the `retry`-th retry (from 1): twice the one before it, up to 15 seconds.
/// `unit`, from 0 to 1, is drawn by the caller and spreads it; 0.5 is the middle.
pub fn growing(first: Duration, retry: u32, unit: f64) -> Duration {
    growing_to(first.max(LONGEST), first, retry, unit)
}

/// Grows like [`growing`], up to another longest wait.
pub fn growing_to(longest: Duration, first: Duration, retry: u32, unit: f64) -> Duration {
    let mut schedule: ExponentialBackoff = ExponentialBackoffBuilder::new()
        .with_initial_interval(first)
        .with_multiplier(2.0)
        .with_max_interval(longest)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    let wait = (0..retry.clamp(1, MAX_STEPS))
        .filter_map(|_| schedule.next_backoff())
        .last()
        .unwrap_or(first);
    let unit = if unit.is_finite() {
        unit.clamp(0.0, 1.0)
    } else {
        0.5
    };
    wait.mul_f64(1.0 + JITTER * (2.0 * unit - 1.0))
}

/// The wait after a call that was throttled. `unit`, from 0 to 1, spreads it.
pub fn throttled(unit: f64) -> Duration {
    THROTTLED_FROM + THROTTLED_WINDOW.mul_f64(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let seconds = |retry| growing(Duration::from_secs(2), retry, 0.5).as_secs();
        assert_eq!(
            [1, 2, 3, 4, 5, u32::MAX].map(seconds),
            [2, 4, 8, 15, 15, 15]
        );
        let rarer = |retry| {
            growing_to(Duration::from_mins(1), Duration::from_secs(5), retry, 0.5).as_secs()
        };
        assert_eq!([1, 4, 5, 9].map(rarer), [5, 40, 60, 60]);
    }

    #[test]
    fn a_first_wait_that_is_longer_is_kept() {
        let first = Duration::from_secs(30);
        assert_eq!(growing(first, 3, 0.5), first);
    }

    #[test]
    fn the_unit_spreads_a_wait_by_a_quarter_each_way() {
        let first = Duration::from_secs(4);
        assert_eq!(growing(first, 1, 0.0), Duration::from_secs(3));
        assert!(growing(first, 1, 0.999) < Duration::from_secs(5));
        assert_eq!(growing(first, 1, f64::NAN), first);
    }
}
