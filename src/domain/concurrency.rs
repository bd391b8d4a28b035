//! How many calls may be in the air at once, learned from how long they take: fewer when a provider slows down under our load, before
//! anything times out; more again while it does not.
//!
//! Judged window by window of about as many calls as may be in the air (in the manner of TCP Vegas: a window that takes much longer than
//! usual means that calls wait for each other at the other end).

use std::time::Duration;

/// So many to begin with, or a sixteenth of what is configured; it doubles until the first sign of trouble.
const FIRST: usize = 4;
const SIXTEENTH: usize = 16;
/// Of a window, at least: fewer calls tell nothing.
const WINDOW: usize = 4;
/// So many times what is usual is slow.
const SLOW: f64 = 2.0;
/// A window takes away half at the most.
const STEEPEST: f64 = 0.5;
/// An eighth of the calls in the air, and hardly quicker: it is not our load that slows them down.
const FEW: usize = 8;
const RELIEF: f64 = 0.9;
/// What is usual follows what is quicker.
const SOON: f64 = 0.5;

#[derive(Clone, Copy, Debug)]
pub struct Concurrency {
    most: usize,
    limit: usize,
    /// Seconds that a call takes where nothing is in its way.
    usual: Option<f64>,
    /// So far it doubles; beyond, it grows by one.
    double_to: usize,
    /// From what limit it is being lowered, and how long calls took then; to see whether it helps.
    lowered: Option<(usize, f64)>,
    /// When that was; times are since whatever the caller counts from.
    lowered_at: Option<Duration>,
    window: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    calls: usize,
    seconds: f64,
    most_in_flight: usize,
}

impl Concurrency {
    /// Never below one, never above `most`.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: (most / SIXTEENTH).max(FIRST).min(most),
            usual: None,
            double_to: most,
            lowered: None,
            lowered_at: None,
            window: Window::default(),
        }
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A call that was `started` then was answered, or given up; with itself so many were in the air.
    pub fn ended(&mut self, started: Duration, now: Duration, in_flight: usize) {
        if self.lowered_at.is_some_and(|lowered| started < lowered) {
            // It tells what was so before.
            return;
        }
        let took = now.saturating_sub(started);
        let Window { calls, seconds, most_in_flight } = &mut self.window;
        *calls += 1;
        *seconds += took.as_secs_f64();
        *most_in_flight = in_flight.max(*most_in_flight);
        if *calls >= self.limit.max(WINDOW) {
            let window = std::mem::take(&mut self.window);
            #[expect(clippy::cast_precision_loss, reason = "a few calls")]
            self.judge(window.seconds / window.calls as f64, window.most_in_flight, now);
        }
    }

    fn judge(&mut self, took: f64, in_flight: usize, now: Duration) {
        let usual = *self.usual.get_or_insert(took);
        if let Some((before, took_then)) = self.lowered {
            if took <= RELIEF * took_then {
                self.lowered = None;
                // Nearly as many as before.
                self.double_to = before - before / 4;
            } else if self.limit <= (before / FEW).max(1) {
                // It is as it is.
                (self.usual, self.limit, self.lowered) = (Some(took), before, None);
                return;
            }
        }
        if took < usual {
            self.usual = Some(usual + SOON * (took - usual));
        }
        if took > SLOW * usual {
            self.lowered = self.lowered.or(Some((self.limit, took)));
            (self.double_to, self.lowered_at) = (0, Some(now));
            self.limit = scaled(self.limit, (SLOW * usual / took).max(STEEPEST));
        } else if 2 * in_flight > self.limit {
            // Room that nobody uses says nothing.
            self.limit = (2 * self.limit).min(self.double_to).max(self.limit + 1).min(self.most);
        }
    }
}

fn scaled(limit: usize, part: f64) -> usize {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let scaled = (limit as f64 * part) as usize;
    scaled.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The limit after so many calls to a provider that takes `seconds` where so many are in the air.
    fn after(concurrency: &mut Concurrency, calls: usize, seconds: impl Fn(usize) -> f64) -> usize {
        for _ in 0..calls {
            // The next one starts once the one before it has ended: the clock is what all of them took.
            let (in_flight, started) = (concurrency.limit(), concurrency.lowered_at.unwrap_or_default());
            concurrency.ended(started, started + Duration::from_secs_f64(seconds(in_flight)), in_flight);
        }
        concurrency.limit()
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn queueing(in_flight: usize, at_once: usize) -> f64 {
        (in_flight as f64 / at_once as f64).max(1.0)
    }

    #[test]
    fn a_provider_that_keeps_up_gets_all_there_is_soon() {
        assert_eq!(after(&mut Concurrency::new(16), 12, |_| 1.0), 16);
        assert_eq!(after(&mut Concurrency::new(2), 12, |_| 1.0), 2);
        assert_eq!(after(&mut Concurrency::new(1_024), 5_000, |_| 0.1), 1_024);
        assert_eq!(after(&mut Concurrency::new(1), 100, |_| 1.0), 1);
    }

    #[test]
    fn a_provider_that_does_some_at_a_time_is_not_given_many_more() {
        let mut concurrency = Concurrency::new(64);
        after(&mut concurrency, 2_000, |in_flight| queueing(in_flight, 4));
        let limits: Vec<usize> = (0..200).map(|_| after(&mut concurrency, 1, |in_flight| queueing(in_flight, 4))).collect();
        assert!(limits.iter().all(|limit| (4..=12).contains(limit)), "{limits:?}");
    }

    #[test]
    fn a_provider_that_breaks_down_under_load_is_relieved_and_loaded_again() {
        let mut concurrency = Concurrency::new(16);
        assert_eq!(after(&mut concurrency, 100, |_| 1.0), 16);
        let relieved = after(&mut concurrency, 100, |in_flight| if in_flight > 3 { 20.0 } else { 1.5 });
        assert!(relieved <= 6, "{relieved}");
        assert_eq!(after(&mut concurrency, 400, |_| 1.0), 16);
    }

    #[test]
    fn a_provider_that_is_slow_whatever_we_do_is_still_used() {
        let mut concurrency = Concurrency::new(16);
        after(&mut concurrency, 100, |_| 1.0);
        assert_eq!(after(&mut concurrency, 100, |_| 5.0), 16);
    }

    #[test]
    fn room_that_nobody_uses_is_not_made_larger() {
        let mut concurrency = Concurrency::new(64);
        for _ in 0..1_000 {
            concurrency.ended(Duration::ZERO, Duration::from_secs(1), 1);
        }
        assert_eq!(concurrency.limit(), FIRST);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(most in 0_usize..100, calls in proptest::collection::vec((0_u64..100_000, 0_usize..200), 0..500)) {
            let mut concurrency = Concurrency::new(most);
            for (millis, in_flight) in calls {
                concurrency.ended(Duration::ZERO, Duration::from_millis(millis), in_flight);
                prop_assert!((1..=most.max(1)).contains(&concurrency.limit()));
            }
        }
    }
}
