//! One worker's part of an account's rate: equal parts for all who have calls to make, and turns
//! that interleave.

use jiff::Timestamp;
use std::time::Duration;

/// Who is late by no more than this has not missed his turn: the next is a whole round away.
const HICCUP: Duration = Duration::from_millis(10);

/// A turn is no shorter than 5 ms.
const FASTEST_TURNS: f64 = 200.0;

/// One of so many equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Among how many workers the rate is divided.
    pub workers: u32,
    /// Which of them this is, from 0: everybody who has heard the same counts the same.
    pub rank: u32,
    /// Nobody was heard for long, not even this worker itself: who knows how many there are by now.
    pub halved: bool,
}

/// What a worker goes by when it makes a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateShare {
    pub share: Share,
    /// The least that one of the others has learned that the provider grants of the configured
    /// rate, in steps.
    pub of_others: f64,
    pub now: Timestamp,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self {
        workers: 1,
        rank: 0,
        halved: false,
    };

    /// The part of a rate, or of anything else that is divided.
    pub fn of(self, whole: f64) -> f64 {
        whole / f64::from(self.parts())
    }

    /// The part of a number of calls that may be made at once: never none.
    pub fn of_burst(self, burst: u32) -> u32 {
        (burst / self.parts()).max(1)
    }

    /// How many jobs to take at once, of which `rate_per_second` can be done: for a minute, and
    /// those whose calls are in the air; so that none is held for long that another worker could
    /// do. Never more than `most`, never none.
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

    /// Do the calls of those who share an account interleave? Only where each makes one at a time,
    /// where it is known who they are, and where timers can keep turns apart.
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

    /// Calls of all workers that are made every `period` each, one after the other on the wall
    /// clock: how long from `now` until the next turn of this one. Nothing for who is alone, or is
    /// late by no more than half of his turn, or by so little that any timer may be.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            "with some grace"
        );
        assert_eq!(
            Share::WHOLE.until_turn(Duration::from_millis(100), at(7)),
            Duration::ZERO,
            "alone"
        );
    }

    proptest! {
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
