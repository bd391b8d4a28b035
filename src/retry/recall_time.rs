//! When a job last read its checkpoints.
//!
//! While a process was stopped, or its machine slept, the broker has given its jobs to another
//! worker, which may have paid for the answer that this one is about to pay for. So a job that
//! waited too long, for any reason, reads its checkpoints again before it calls.

use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// A time by two clocks: the monotonic clock stops while a machine sleeps, and the wall clock may
/// be set.
#[derive(Clone, Copy, Debug)]
pub struct RecallTime {
    monotonic: Instant,
    wall: Timestamp,
}

impl RecallTime {
    pub fn now(clock: Clock) -> Self {
        Self {
            monotonic: Instant::now(),
            wall: clock.now(),
        }
    }

    /// Whether at least `age` has passed since, by either clock. A wall clock that was set back
    /// proves nothing.
    pub fn is_older_than(&self, age: Duration, clock: Clock) -> bool {
        let by_the_wall = clock.now().duration_since(self.wall);
        self.monotonic.elapsed() >= age
            || by_the_wall >= SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn either_clock_can_show_that_too_much_time_has_passed() {
        const AGE: Duration = Duration::from_secs(35);
        let start: Timestamp = "2026-03-02T01:00:00Z".parse().unwrap();
        // The seconds that have passed by the wall clock, and by the monotonic clock.
        for (shown, ran, expected) in [
            (0, 0, false),
            (34, 34, false),
            (35, 35, true),
            (75, 0, true),
            (0, 75, true),
            (-3_600, 1, false),
            (-3_600, 35, true),
        ] {
            let recalled = RecallTime::now(Clock::starting_at(start));
            tokio::time::sleep(Duration::from_secs(ran)).await;
            let clock = Clock::starting_at(start + SignedDuration::from_secs(shown));
            assert_eq!(
                recalled.is_older_than(AGE, clock),
                expected,
                "{shown} {ran}"
            );
        }
    }
}
