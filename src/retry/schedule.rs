//! How long to wait before trying again in place.
//!
//! `backoff` computes it. It is unmaintained (RUSTSEC-2025-0012) and stays inside this file; its
//! own randomness is switched off in favour of the injected one.

use crate::randomness::Randomness;
use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use std::time::Duration;

/// Waits in place grow up to this, unless the rule itself begins with more.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Waits are drawn from ±25 % around the schedule, so that jobs that failed together do not return
/// together.
const JITTER: f64 = 0.25;

/// The wait before the `retry`-th retry (from 1).
pub fn wait(initial: Duration, retry: u32, unit: f64) -> Duration {
    let mut schedule = schedule(initial);
    let wait = (0..retry.max(1))
        .filter_map(|_| schedule.next_backoff())
        .last()
        .unwrap_or(initial);
    wait.mul_f64(1.0 + JITTER * (2.0 * unit - 1.0))
}

/// Endless waits for a reconnecting loop, from one second to half a minute.
pub fn reconnecting() -> impl FnMut(&Randomness) -> Duration {
    let mut retry = 0;
    move |chance| {
        retry = (retry + 1).min(10);
        wait(Duration::from_secs(1), retry, chance.unit())
    }
}

fn schedule(initial: Duration) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(initial)
        .with_multiplier(2.0)
        .with_max_interval(initial.max(LONGEST_WAIT))
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let seconds = |retry| wait(Duration::from_secs(2), retry, 0.5).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 50].map(seconds), [2, 4, 8, 15, 15, 15]);
    }

    #[test]
    fn a_rule_that_begins_with_more_keeps_it() {
        assert_eq!(
            wait(Duration::from_secs(30), 3, 0.5),
            Duration::from_secs(30)
        );
    }

    #[test]
    fn chance_spreads_a_wait_by_a_quarter_each_way() {
        let first = Duration::from_secs(4);
        assert_eq!(wait(first, 1, 0.0), Duration::from_secs(3));
        assert!(wait(first, 1, 0.999) < Duration::from_secs(5));
    }
}
