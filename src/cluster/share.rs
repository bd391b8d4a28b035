//! One worker's part of an account's rate: equal parts for all workers that have calls to make, and
//! turns that interleave. Pure.

use jiff::Timestamp;
use std::time::Duration;

/// A worker that is late by no more than this has not missed its turn, because the next one is a
/// whole round away.
const HICCUP: Duration = Duration::from_millis(10);

/// Each step of a rate is this part of the step above.
pub const RATE_STEP: f64 = 0.97;
/// No worker calls slower than this part of the configured rate: calls must go on at some rate, to
/// learn that the provider grants more.
pub const LEAST_PART: f64 = 0.01;

/// The highest rate in calls a second at which workers take turns: a turn is no shorter than 5 ms.
const FASTEST_TURNS: f64 = 200.0;

/// One of several equal parts of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of workers among which the rate is divided.
    pub workers: u32,
    /// The position of this worker among them, from 0. Workers with the same peers agree on it.
    pub rank: u32,
    /// No heartbeat has come for long, not even this worker's own, so there may be more workers by
    /// now.
    pub halved: bool,
}

/// The part of an account's rate that a worker may use when it makes a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateShare {
    pub share: Share,
    /// The part of the configured rate that the provider grants, in steps: the lowest that another
    /// worker has learned.
    pub of_others: f64,
    pub now: Timestamp,
}

impl Share {
    /// The share of a worker that is alone.
    pub const WHOLE: Self = Self {
        workers: 1,
        rank: 0,
        halved: false,
    };

    /// Returns this worker's part of a rate.
    pub fn of(self, whole: f64) -> f64 {
        whole / f64::from(self.parts())
    }

    /// Returns this worker's part of the number of calls that may be made at once, at least one.
    pub fn of_burst(self, burst: u32) -> u32 {
        (burst / self.parts()).max(1)
    }

    /// Returns how many jobs to take at once at `rate_per_second`: those of a minute and those
    /// whose calls are in flight, so that no job is held for long that another worker could do.
    /// Between one and `most`.
    pub fn prefetch(rate_per_second: f64, in_flight: usize, most: u16) -> u16 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is bounded by `most`"
        )]
        let of_a_minute = (rate_per_second * 60.0).ceil() as usize;
        u16::try_from(of_a_minute.saturating_add(in_flight))
            .unwrap_or(u16::MAX)
            .clamp(1, most.max(1))
    }

    /// Whether the calls of the workers that share an account interleave: only if each worker makes
    /// one at a time, if the workers are known, and if timers can keep the turns apart.
    pub fn takes_turns(self, burst: u32, rate_per_second: f64) -> bool {
        self.workers > 1
            && !self.halved
            && self.of_burst(burst) == 1
            && rate_per_second <= FASTEST_TURNS
    }

    fn parts(self) -> u32 {
        self.workers
            .max(1)
            .saturating_mul(if self.halved { 2 } else { 1 })
    }

    /// Returns how long it is from `now` until the next turn of this worker, where the workers call
    /// one after the other on the wall clock, each every `period`. Zero for a worker that is alone,
    /// or that is late by no more than half of its turn, or by no more than a timer may be.
    pub fn until_turn(self, period: Duration, now: Timestamp) -> Duration {
        let round = period.as_nanos();
        if self.workers < 2 || round == 0 {
            return Duration::ZERO;
        }
        let turn = round / u128::from(self.workers);
        let since_epoch = u128::try_from(now.as_nanosecond()).unwrap_or_default();
        let begins = turn * u128::from(self.rank);
        let into = (since_epoch + round - begins % round) % round;
        if into <= (turn / 2).max(HICCUP.as_nanos()).min(round / 2) {
            Duration::ZERO
        } else {
            Duration::from_nanos(u64::try_from(round - into).unwrap_or(u64::MAX))
        }
    }
}

/// Returns the lowest step that is not below this part of a rate. Workers that take turns have to
/// agree on how long a turn is, so they round the learned rate to steps.
pub fn rate_step(part: f64) -> f64 {
    // The small summand keeps a step from being rounded to the step above it.
    RATE_STEP.powf((part.clamp(LEAST_PART, 1.0).ln() / RATE_STEP.ln() + 1e-6).floor())
}

/// Returns the next step up.
pub fn rate_step_above(part: f64) -> f64 {
    rate_step(rate_step(part) / RATE_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_are_three_percent_apart_and_a_step_is_its_own() {
        for (part, expected) in [
            (1.0, 1.0),
            (0.98, 1.0),
            (0.97, 0.97),
            (0.96, 0.97),
            (0.95, 0.97),
            (0.94, 0.9409),
            (7.0, 1.0),
        ] {
            assert!(
                (rate_step(part) - expected).abs() < 1e-9,
                "{part}: {}",
                rate_step(part)
            );
        }
        assert!((0.01..0.0104).contains(&rate_step(-1.0)));
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn parts_are_equal_and_a_doubtful_one_is_half() {
        for (workers, halved, part) in [
            (1, false, 10.0),
            (2, false, 5.0),
            (4, false, 2.5),
            (4, true, 1.25),
        ] {
            assert!(
                (Share {
                    workers,
                    rank: 0,
                    halved
                }
                .of(10.0)
                    - part)
                    .abs()
                    < 1e-9,
                "{workers}"
            );
        }
        let burst = |workers| {
            Share {
                workers,
                rank: 0,
                halved: false,
            }
            .of_burst(8)
        };
        assert_eq!([burst(1), burst(3), burst(9)], [8, 2, 1]);
    }

    #[test]
    fn as_many_jobs_are_taken_as_a_minute_has_calls_for() {
        for (rate, in_flight, most, prefetch) in [
            (10.0, 32, 64, 64),
            (0.5, 32, 64, 62),
            (0.05, 2, 64, 5),
            (1e300, 32, 64, 64),
            (0.0, 0, 64, 1),
            (10.0, usize::MAX, 7, 7),
        ] {
            assert_eq!(
                Share::prefetch(rate, in_flight, most),
                prefetch,
                "{rate} {in_flight}"
            );
        }
    }

    #[test]
    fn turns_follow_each_other_through_the_round() {
        let until = |rank, millis| {
            Share {
                workers: 4,
                rank,
                halved: false,
            }
            .until_turn(Duration::from_millis(400), at(millis))
            .as_millis()
        };
        assert_eq!(
            [until(0, 0), until(1, 0), until(2, 0), until(3, 0)],
            [0, 100, 200, 300]
        );
        assert_eq!(
            [
                until(1, 100),
                until(1, 150),
                until(1, 151),
                until(1, 499),
                until(1, 500)
            ],
            [0, 0, 349, 1, 0],
            "a worker that is late by half a turn has not missed it"
        );
        assert_eq!(
            Share::WHOLE.until_turn(Duration::from_millis(100), at(7)),
            Duration::ZERO,
            "a worker that is alone waits for no turn"
        );
    }

    proptest! {
        #[test]
        fn a_step_is_not_below_the_part_and_is_its_own_step(part in LEAST_PART..=1.0_f64) {
            let step = super::rate_step(part);
            prop_assert!((part - 1e-6..=part / 0.97 + 1e-6).contains(&step), "{step}");
            prop_assert_eq!(super::rate_step(step).to_bits(), step.to_bits());
        }

        #[test]
        fn no_two_workers_have_their_turn_at_once(workers in 2_u32..20, period in 400_u64..100_000, millis in 0_i64..1_000_000) {
            let share = |rank| Share { workers, rank, halved: false };
            let turns = (0..workers).filter(|rank| share(*rank).until_turn(Duration::from_millis(period), at(millis)).is_zero());
            prop_assert!(turns.count() <= 1);
        }

        #[test]
        fn after_the_wait_it_is_ones_turn(workers in 2_u32..20, rank in 0_u32..20, period in 1_u64..100_000, nanos in 0_i64..1_000_000_000) {
            let share = Share { workers, rank: rank % workers, halved: false };
            let (period, now) = (Duration::from_millis(period), at(0) + Duration::from_nanos(nanos.unsigned_abs()));
            let wait = share.until_turn(period, now);
            prop_assert!(wait < period);
            prop_assert_eq!(share.until_turn(period, now + wait), Duration::ZERO);
        }
    }
}
