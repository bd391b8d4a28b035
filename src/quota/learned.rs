//! The rate that a provider really grants, learned from its refusals. It falls at once, rises
//! slowly, and is never above the configured rate.
//!
//! It rises by calls, not by seconds, so that a slow account learns as surely as a fast one. Near
//! the rate at which a call was last refused it rises in the smallest steps, so that a refusal is
//! one call in some hundred; well below and well above that rate, in larger ones. The refusals of a
//! provider that refused everything for a while say nothing about its rate, so up to the rate that
//! was granted before, it rises in the largest steps.
//!
//! tests/bench/README.md has what each constant buys.

use crate::cluster::share::{LEAST_PART, RATE_STEP};
use std::time::Duration;

/// A refusal lowers the rate by the refused part of the last calls. These are at most `LAST`
/// granted calls, with those before the last step counted by half (`BEFORE`). A few calls prove
/// little, so `PRIOR` more are taken to have been granted.
const LAST: f64 = 100.0;
const BEFORE: f64 = 0.5;
const PRIOR: f64 = 35.0;
/// Refusals within one window of the provider count as one.
const ONE_REFUSAL: Duration = Duration::from_secs(1);
/// Each granted call that had to wait raises the rate by `CREEP` of it near the ceiling, and by
/// `STRIDE` elsewhere.
const CREEP: f64 = 0.000_08;
const STRIDE: f64 = 0.005;
/// Each raises the rate by `LEAP` of it while it is below `PROVEN` of the rate at which a call was
/// last granted.
const LEAP: f64 = 0.05;
const PROVEN: f64 = 0.7;
/// After so many calls without a refusal the ceiling is in doubt: from then on `CREEP` grows with
/// the square of their number.
const PATIENT: f64 = 70.0;
/// The range that counts as near the rate that was refused last.
const NEAR: std::ops::RangeInclusive<f64> = 0.985..=1.02;

/// The learned rate as a part of the configured one: 1 is all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LearnedRate {
    part: f64,
    /// The part at which a call was refused last.
    ceiling: Option<f64>,
    /// The part at which calls were still granted, before everything was refused.
    proven: f64,
    /// When the rate was lowered last. All times are since the caller's own start.
    lowered: Option<Duration>,
    /// The number of calls granted since then.
    since: f64,
    /// How many of the last calls were granted, and how many refused.
    granted: f64,
    refused: f64,
}

impl Default for LearnedRate {
    fn default() -> Self {
        Self {
            part: 1.0,
            ceiling: None,
            proven: 1.0,
            lowered: None,
            since: 0.0,
            granted: 0.0,
            refused: 0.0,
        }
    }
}

impl LearnedRate {
    pub(super) fn part(&self) -> f64 {
        self.part
    }

    /// Records that a call started at `started` was refused as too fast while the part `used` of
    /// the rate was in use. That is less than this worker has learned where another has learned a
    /// lower rate.
    pub(super) fn refused(&mut self, used: f64, started: Duration, now: Duration) {
        if self.lowered.is_some_and(|lowered| started <= lowered) {
            // The call was in flight when the rate was lowered.
            return;
        }
        self.refused += 1.0;
        if self
            .lowered
            .is_some_and(|lowered| now.saturating_sub(lowered) < ONE_REFUSAL)
        {
            return;
        }
        let step = self.refused / (self.granted + self.refused + PRIOR);
        let used = used.min(self.part);
        if self.since > 0.0 {
            self.proven = used;
        }
        (self.ceiling, self.lowered) = (Some(used), Some(now));
        self.part = (used * (1.0 - step)).max(LEAST_PART);
        (self.since, self.granted, self.refused) =
            (0.0, BEFORE * self.granted, BEFORE * self.refused);
    }

    /// Records that a call that had waited for the rate was granted, and raises the rate a little.
    pub(super) fn granted(&mut self, used: f64) {
        self.granted = (self.granted + 1.0).min(LAST);
        if used < self.part * RATE_STEP {
            // A lower rate than the learned one was in use, so the learned one was not tried.
            return;
        }
        self.since += 1.0;
        let Some(ceiling) = self.ceiling else { return };
        let is_near = NEAR.contains(&(self.part / ceiling));
        let creep = CREEP * (self.since / PATIENT).powi(2).max(1.0);
        self.part *= 1.0
            + match is_near {
                _ if self.part < PROVEN * self.proven => LEAP,
                true => creep.min(STRIDE),
                false => STRIDE,
            };
        if self.part >= 1.0 {
            (self.part, self.ceiling) = (1.0, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_refusal_lowers_the_rate_by_the_refused_part_of_the_last_calls() {
        let mut learned = LearnedRate::default();
        (0..1_000).for_each(|_| learned.granted(1.0));
        let mut after = |started: f64, now: f64, refusals: usize| {
            (0..refusals).for_each(|_| learned.refused(1.0, seconds(started), seconds(now)));
            learned.part()
        };
        let one = 1.0 - 1.0 / 136.0;
        for (started, now, refusals, part, case) in [
            (
                9.0,
                10.0,
                1,
                one,
                "one refused call among many lowers the rate a little",
            ),
            (
                9.9,
                10.1,
                7,
                one,
                "calls that were in flight when the rate was lowered do not count",
            ),
            (
                10.5,
                10.9,
                20,
                one,
                "refusals within the same second do not lower it again",
            ),
            (
                11.0,
                11.1,
                1,
                one * (1.0 - 21.5 / 106.5),
                "the next refusal counts all refusals of that second",
            ),
        ] {
            assert!(
                (after(started, now, refusals) - part).abs() < 1e-9,
                "{case}"
            );
        }
    }

    #[test]
    fn a_refusal_lowers_the_rate_that_peers_have_learned() {
        let mut learned = LearnedRate::default();
        (0..1_000).for_each(|_| learned.granted(1.0));
        learned.refused(0.5, seconds(0.0), seconds(1.0));
        let lowered = 0.5 * (1.0 - 1.0 / 136.0);
        assert!((learned.part() - lowered).abs() < 1e-9);
        learned.refused(0.9, seconds(2.0), seconds(3.0));
        let own = learned.part();
        assert!(
            own < lowered,
            "a refusal of its own lowers its rate further"
        );
        (0..1_000).for_each(|_| learned.granted(own * 0.9));
        assert!(
            (learned.part() - own).abs() < 1e-9,
            "calls granted at a lower rate do not raise the learned one"
        );
        learned.granted(own);
        assert!(learned.part() > own);
    }

    #[test]
    fn it_climbs_back_to_the_configured_rate_and_no_further() {
        let mut learned = LearnedRate::default();
        learned.refused(1.0, seconds(0.0), seconds(1.0));
        let calls = (1..10_000).find(|_| {
            learned.granted(1.0);
            learned.part() >= 1.0
        });
        assert!(calls.is_some_and(|calls| calls > 100), "{calls:?}");
        learned.granted(1.0);
        assert!((learned.part() - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn after_minutes_of_refusals_the_rate_is_back_within_a_few_hundred_calls() {
        for minutes in [1.0, 10.0, 60.0] {
            let (mut learned, mut now) = (LearnedRate::default(), 0.0);
            (0..1_000).for_each(|_| learned.granted(1.0));
            while now < 60.0 * minutes {
                learned.refused(1.0, seconds(now), seconds(now));
                now += 0.1 / learned.part();
            }
            let low = learned.part();
            let calls = (1..2_000).find(|_| {
                learned.granted(1.0);
                learned.part() >= 0.99
            });
            assert!(
                low <= 0.1 && calls.is_some_and(|calls| calls <= 400),
                "{minutes} minutes: {low}, {calls:?}"
            );
        }
    }

    /// Calls to a provider that counts the last second, on wires that take up to `jitter` seconds:
    /// granted per second and the refused part, of those after the first minute.
    fn saturated(configured: f64, granted_per_second: usize, jitter: f64) -> (f64, f64) {
        const UNTIL: f64 = 3_600.0;
        let (mut learned, mut now, mut window) = (LearnedRate::default(), 0.0, VecDeque::new());
        let (mut granted, mut refused, mut chance) = (0.0, 0.0, 0.5_f64);
        while now < UNTIL {
            chance = (chance * 9_973.0 + 0.1).fract();
            let arrived = now + chance * jitter;
            window.retain(|at| arrived - at < 1.0);
            let is_granted = window.len() < granted_per_second;
            if is_granted {
                window.push_back(arrived);
                learned.granted(1.0);
            } else {
                learned.refused(1.0, seconds(now), seconds(now));
            }
            if now >= 60.0 {
                *(if is_granted {
                    &mut granted
                } else {
                    &mut refused
                }) += 1.0;
            }
            now += 1.0 / (configured * learned.part());
        }
        (granted / (UNTIL - 60.0), refused / (granted + refused))
    }

    #[test]
    fn a_rate_above_the_true_one_settles_close_to_it_with_few_refusals() {
        for (configured, truth) in [
            (10.0, 7),
            (20.0, 10),
            (100.0, 10),
            (12.0, 11),
            (50.0, 40),
            (400.0, 100),
            (5.0, 2),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let of_truth = |rate: f64| rate / truth as f64;
            let (rate, refusals) = saturated(configured, truth, 0.0);
            assert!(
                of_truth(rate) >= 0.97,
                "{configured}, {truth}: {:.3} of it is used",
                of_truth(rate)
            );
            assert!(
                refusals < 0.02,
                "{configured}, {truth}: {refusals:.4} are refused"
            );
        }
    }

    #[test]
    fn calls_that_arrive_too_early_now_and_then_cost_little() {
        for (rate, granted) in [(9.95, 10), (19.9, 20), (99.5, 100)] {
            for jitter in [0.002, 0.010, 0.020] {
                let (used, refusals) = saturated(rate, granted, jitter);
                assert!(
                    used / rate >= 0.975,
                    "{rate}, {jitter} s: {:.3} of it is used",
                    used / rate
                );
                assert!(
                    refusals < 0.01,
                    "{rate}, {jitter} s: {refusals:.4} are refused"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds_whatever_is_recorded(calls in proptest::collection::vec((any::<bool>(), 0_u64..10_000), 0..300)) {
            let (mut learned, mut now) = (LearnedRate::default(), Duration::ZERO);
            for (is_refused, millis) in calls {
                now += Duration::from_millis(millis);
                if is_refused { learned.refused(1.0, now, now) } else { learned.granted(1.0) }
                prop_assert!((LEAST_PART..=1.0).contains(&learned.part()));
            }
        }
    }
}
