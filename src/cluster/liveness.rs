//! How often a worker publishes a heartbeat, and how long after its last one the others expire it.
//! Pure.
//!
//! Every heartbeat is delivered to every worker, so a fixed interval would cost a fleet of `n`
//! workers `n²` deliveries. Above [`MANY`] workers the interval grows with their number instead:
//! the whole fleet then publishes two heartbeats a second, whatever its size. What changes (a
//! closed scope, new work, a worker that joins) is published at once and does not wait for it.

use jiff::SignedDuration;
use std::time::Duration;

/// The interval of a small fleet, in milliseconds (contract, control messages).
const SHORTEST_MS: i64 = 2_000;
/// The longest interval, which 120 or more workers have, in milliseconds.
const LONGEST_MS: i64 = 60_000;
/// Up to this number of workers the interval is the shortest one.
const MANY: i64 = 4;

/// The interval at which a worker publishes heartbeats, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liveness {
    every_ms: i64,
}

impl Liveness {
    /// Returns the interval in a fleet of so many workers, the worker itself included.
    pub fn in_fleet_of(workers: usize) -> Self {
        let workers = i64::try_from(workers).unwrap_or(i64::MAX);
        let every_ms = workers.saturating_mul(SHORTEST_MS) / MANY;
        Self {
            every_ms: every_ms.clamp(SHORTEST_MS, LONGEST_MS),
        }
    }

    /// Returns the interval that a peer's heartbeat states, within bounds. Older versions state
    /// none, and publish at the shortest interval.
    pub fn stated(every_ms: Option<i64>) -> Self {
        Self {
            every_ms: every_ms
                .unwrap_or(SHORTEST_MS)
                .clamp(SHORTEST_MS, LONGEST_MS),
        }
    }

    pub fn every_ms(self) -> i64 {
        self.every_ms
    }

    pub fn every(self) -> SignedDuration {
        SignedDuration::from_millis(self.every_ms)
    }

    /// Returns this interval, if the shortest one is `shortest`.
    pub fn scaled(self, shortest: Duration) -> Duration {
        let of_a_small_fleet = Self::stated(None).every();
        shortest.mul_f64(self.every().as_secs_f64() / of_a_small_fleet.as_secs_f64())
    }

    /// A worker expires when no heartbeat has come for this long, three and a half intervals.
    pub fn expiry(self) -> SignedDuration {
        self.every() * 7 / 2
    }

    /// A worker that had no call to make for this long, two intervals, leaves the rate to the
    /// others.
    pub fn idle_after(self) -> SignedDuration {
        self.every() * 2
    }

    /// If this worker's own heartbeat has not come back for this long, one and a half intervals,
    /// its receive side is broken: then it expires no peers.
    pub fn cut_off_after(self) -> SignedDuration {
        self.every() * 3 / 2
    }

    /// A worker whose receive side is broken keeps its share for this long, and then half of it.
    pub fn doubtful_after(self) -> SignedDuration {
        self.every() * 15 / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_the_fleet_between_its_bounds() {
        for (workers, every_ms) in [
            (0, 2_000),
            (1, 2_000),
            (4, 2_000),
            (5, 2_500),
            (50, 25_000),
            (120, 60_000),
            (usize::MAX, 60_000),
        ] {
            assert_eq!(
                Liveness::in_fleet_of(workers).every_ms(),
                every_ms,
                "{workers} workers"
            );
        }
    }

    #[test]
    fn a_fleet_publishes_at_most_two_heartbeats_a_second() {
        for workers in 1..=120_u32 {
            let every = Liveness::in_fleet_of(workers as usize)
                .every()
                .as_secs_f64();
            let a_second = f64::from(workers) / every;
            assert!(a_second <= 2.0, "{workers} workers publish {a_second}");
        }
    }

    #[test]
    fn a_stated_interval_is_believed_within_bounds() {
        for (stated, every_ms) in [
            (None, 2_000),
            (Some(12_500), 12_500),
            (Some(-1), 2_000),
            (Some(i64::MAX), 60_000),
        ] {
            assert_eq!(Liveness::stated(stated).every_ms(), every_ms, "{stated:?}");
        }
    }

    #[test]
    fn a_small_fleet_has_the_durations_of_the_contract() {
        let liveness = Liveness::in_fleet_of(2);
        let seconds = [
            liveness.expiry(),
            liveness.idle_after(),
            liveness.cut_off_after(),
            liveness.doubtful_after(),
        ]
        .map(|duration| duration.as_secs());
        assert_eq!(seconds, [7, 4, 3, 15]);
        assert_eq!(
            Liveness::in_fleet_of(50).scaled(Duration::from_secs(4)),
            Duration::from_secs(50)
        );
    }
}
