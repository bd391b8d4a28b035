//! The rate that a provider really grants, learned from its refusals: down at once, back slowly, and never above what is configured.
//!
//! Counted in calls, not in seconds, so that a slow account learns as surely as a fast one: near the rate at which it was last refused
//! the worker creeps, so that a refusal is one call in some hundred; well below it, and well above it, it strides.

use std::time::Duration;

/// A refusal takes so much of the rate away: the worker was near the truth.
const STEP_DOWN: f64 = 0.95;
/// And so much where it has hardly climbed since it was refused: the truth is far below.
const PLUNGE: f64 = 0.7;
const HARDLY: f64 = 1.01;
/// Refusals of calls that were in the air together are one telling, and so are those of one window of the provider's.
const TOLD_ONCE: Duration = Duration::from_secs(1);
/// Never slower than this part of what is configured: at some rate the calls must go on, to learn that they may.
const LEAST: f64 = 0.05;
/// Each granted call that had to wait adds so much of the rate: near the ceiling, and elsewhere.
const CREEP: f64 = 0.000_3;
const STRIDE: f64 = 0.005;
/// What is near the rate that was refused last.
const NEAR: std::ops::RangeInclusive<f64> = 0.94..=1.05;

/// As a part of what is configured: 1 is all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learned {
    part: f64,
    /// At which it was refused last.
    ceiling: Option<f64>,
    /// To which that took it.
    floor: f64,
    /// When that was; times are since whatever the caller counts from.
    refused: Option<Duration>,
}

impl Default for Learned {
    fn default() -> Self {
        Self { part: 1.0, ceiling: None, floor: 0.0, refused: None }
    }
}

impl Learned {
    pub fn part(&self) -> f64 {
        self.part
    }

    /// A call that was `started` then was refused as too fast.
    pub fn refused(&mut self, started: Duration, now: Duration) {
        if self.refused.is_some_and(|before| started <= before || now.saturating_sub(before) < TOLD_ONCE) {
            return;
        }
        let is_far = self.part < HARDLY * self.floor;
        self.ceiling = Some(self.part);
        self.part = (self.part * if is_far { PLUNGE } else { STEP_DOWN }).max(LEAST);
        self.floor = self.part;
        self.refused = Some(now);
    }

    /// A call that had waited for the rate was granted: nothing speaks against a little more.
    pub fn granted(&mut self) {
        let Some(ceiling) = self.ceiling else { return };
        let is_near = NEAR.contains(&(self.part / ceiling));
        self.part *= 1.0 + if is_near { CREEP } else { STRIDE };
        if self.part >= 1.0 {
            *self = Self { part: 1.0, ceiling: None, floor: 0.0, ..*self };
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
    fn a_refusal_is_heeded_at_once_and_its_companions_are_not_counted() {
        let mut learned = Learned::default();
        learned.refused(seconds(9.0), seconds(10.0));
        assert!((learned.part() - 0.95).abs() < 1e-9);
        learned.refused(seconds(9.9), seconds(10.1));
        learned.refused(seconds(10.0), seconds(30.0));
        learned.refused(seconds(10.5), seconds(10.9));
        assert!((learned.part() - 0.95).abs() < 1e-9, "of calls made before the telling, and of the same second");
        learned.refused(seconds(12.0), seconds(12.1));
        assert!((learned.part() - 0.665).abs() < 1e-9, "so soon again: far off");
        (0..80).for_each(|_| learned.granted());
        let climbed = learned.part();
        learned.refused(seconds(60.0), seconds(60.1));
        assert!((learned.part() - 0.95 * climbed).abs() < 1e-9, "nearly right");
    }

    #[test]
    fn it_climbs_back_to_what_is_configured_and_no_further() {
        let mut learned = Learned::default();
        learned.refused(seconds(0.0), seconds(1.0));
        let calls = (1..10_000).find(|_| {
            learned.granted();
            learned.part() >= 1.0
        });
        assert!(calls.is_some_and(|calls| calls > 100), "{calls:?}");
        learned.granted();
        assert!((learned.part() - 1.0).abs() < f64::EPSILON);
    }

    /// Calls in each of which the provider counts the last second: granted and refused of them, after `warm_up` seconds.
    fn saturated(configured: f64, granted_per_second: usize, warm_up: f64, until: f64) -> (f64, f64) {
        let (mut learned, mut now, mut window) = (Learned::default(), 0.0, VecDeque::new());
        let (mut granted, mut refused) = (0.0, 0.0);
        while now < until {
            window.retain(|at| now - at < 1.0);
            let is_granted = window.len() < granted_per_second;
            if is_granted {
                window.push_back(now);
                learned.granted();
            } else {
                learned.refused(seconds(now), seconds(now));
            }
            if now >= warm_up {
                *(if is_granted { &mut granted } else { &mut refused }) += 1.0;
            }
            now += 1.0 / (configured * learned.part());
        }
        (granted / (until - warm_up), refused / (granted + refused))
    }

    #[test]
    fn a_rate_above_the_true_one_settles_close_to_it_with_few_refusals() {
        for (configured, truth) in [(10.0, 7), (20.0, 10), (100.0, 10), (12.0, 11), (50.0, 40), (400.0, 100), (5.0, 2)] {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let of_truth = |rate: f64| rate / truth as f64;
            let (rate, refusals) = saturated(configured, truth, 60.0, 3_600.0);
            assert!(of_truth(rate) >= 0.95, "{configured}, {truth}: {:.3} of it is used", of_truth(rate));
            assert!(refusals < 0.02, "{configured}, {truth}: {refusals:.4} are refused");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_told_it_stays_within_its_bounds(told in proptest::collection::vec((any::<bool>(), 0_u64..10_000), 0..300)) {
            let (mut learned, mut now) = (Learned::default(), Duration::ZERO);
            for (is_refused, millis) in told {
                now += Duration::from_millis(millis);
                if is_refused { learned.refused(now, now) } else { learned.granted() }
                prop_assert!((LEAST..=1.0).contains(&learned.part()));
            }
        }
    }
}
