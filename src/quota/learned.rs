//! The rate that a provider really grants, learned from its refusals: down at once, back slowly,
//! and never above what is configured.
//!
//! Counted in calls, not in seconds, so that a slow account learns as surely as a fast one: near
//! the rate at which it was last refused the worker creeps, so that a refusal is one call in some
//! hundred; well below it, and well above it, it strides. The refusals of a provider that refused
//! everything for a while say nothing about its rate: back to what it granted before, the worker
//! leaps.
//!
//! tests/bench/README.md has what each constant buys.

use crate::cluster::share::{LEAST_PART, RATE_STEP};
use std::time::Duration;

/// A refusal takes away as much of the rate as the part of the last calls that was refused. The
/// last calls are at most so many that were granted, and half of those before the last step; a few
/// calls prove little, so this many more are taken to have been granted.
const LAST: f64 = 100.0;
const BEFORE: f64 = 0.5;
const PRIOR: f64 = 35.0;
/// Refusals within one window of the provider's count as one.
const ONE_REFUSAL: Duration = Duration::from_secs(1);
/// Each granted call that had to wait adds so much of the rate: near the ceiling, and elsewhere.
const CREEP: f64 = 0.000_08;
const STRIDE: f64 = 0.005;
/// Each adds so much of the rate while it is below this part of the rate at which something was
/// last granted.
const LEAP: f64 = 0.05;
const PROVEN: f64 = 0.7;
/// After so many calls without a refusal the ceiling is in doubt: creeping grows with the square of
/// them.
const PATIENT: f64 = 70.0;
/// The range that counts as near the rate that was refused last.
const NEAR: std::ops::RangeInclusive<f64> = 0.985..=1.02;

/// The learned rate as a part of the configured one: 1 is all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LearnedRate {
    part: f64,
    /// At which it was refused last.
    ceiling: Option<f64>,
    /// At which it was still granted something, before everything was refused.
    proven: f64,
    /// When that was; times are since whatever the caller counts from.
    lowered: Option<Duration>,
    /// Calls granted since.
    since: f64,
    /// The part of the last calls that was granted.
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

    /// A call that was `started` then was refused as too fast, although no more than the part
    /// `used` of the rate was used: less than this worker has learned, where another has learned a
    /// lower rate.
    pub(super) fn refused(&mut self, used: f64, started: Duration, now: Duration) {
        if self.lowered.is_some_and(|lowered| started <= lowered) {
            // It was in the air by then.
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

    /// A call that had waited for the rate was granted: nothing speaks against a little more than
    /// was used.
    pub(super) fn granted(&mut self, used: f64) {
        self.granted = (self.granted + 1.0).min(LAST);
        if used < self.part * RATE_STEP {
            // Whether the rate that this worker has learned would have been granted was not tried.
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
    fn a_refusal_is_heeded_at_once_by_as_much_as_it_proves() {
        let mut learned = LearnedRate::default();
        (0..1_000).for_each(|_| learned.granted(1.0));
        let mut after = |started: f64, now: f64, refusals: usize| {
            (0..refusals).for_each(|_| learned.refused(1.0, seconds(started), seconds(now)));
            learned.part()
        };
        let one = 1.0 - 1.0 / 136.0;
        for (started, now, refusals, part, why) in [
            (9.0, 10.0, 1, one, "one among many"),
            (9.9, 10.1, 7, one, "calls that were in flight by then"),
            (10.5, 10.9, 20, one, "the same second"),
            (
                11.0,
                11.1,
                1,
                one * (1.0 - 21.5 / 106.5),
                "and how many these were",
            ),
        ] {
            assert!((after(started, now, refusals) - part).abs() < 1e-9, "{why}");
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
        assert!(own < lowered, "its own is less");
        (0..1_000).for_each(|_| learned.granted(own * 0.9));
        assert!(
            (learned.part() - own).abs() < 1e-9,
            "what is granted to the others says nothing about more"
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
        fn it_stays_within_its_bounds_whatever_is_recorded(told in proptest::collection::vec((any::<bool>(), 0_u64..10_000), 0..300)) {
            let (mut learned, mut now) = (LearnedRate::default(), Duration::ZERO);
            for (is_refused, millis) in told {
                now += Duration::from_millis(millis);
                if is_refused { learned.refused(1.0, now, now) } else { learned.granted(1.0) }
                prop_assert!((LEAST_PART..=1.0).contains(&learned.part()));
            }
        }
    }
}
