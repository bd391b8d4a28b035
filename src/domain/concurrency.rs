//! How many calls may be in the air at once, learned from how long they take: fewer when a provider slows down under our load, before
//! anything times out; more again while it does not.
//!
//! Judged window by window of about as many calls as may be in the air (in the manner of TCP Vegas: a window that takes much longer than
//! usual means that calls wait for each other at the other end).

use std::time::Duration;

/// A quarter of what is configured, to begin with; it doubles until the first sign of trouble.
const FIRST: usize = 4;
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
    is_doubling: bool,
    /// From what limit it is being lowered, and how long calls took then; to see whether it helps.
    lowered: Option<(usize, f64)>,
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
        Self { most, limit: (most / FIRST).max(1), usual: None, is_doubling: true, lowered: None, window: Window::default() }
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A call was answered, or given up, after so long; with itself so many were in the air.
    pub fn ended(&mut self, took: Duration, in_flight: usize) {
        let Window { calls, seconds, most_in_flight } = &mut self.window;
        *calls += 1;
        *seconds += took.as_secs_f64();
        *most_in_flight = in_flight.max(*most_in_flight);
        if *calls >= self.limit.max(WINDOW) {
            let window = std::mem::take(&mut self.window);
            #[expect(clippy::cast_precision_loss, reason = "a few calls")]
            self.judge(window.seconds / window.calls as f64, window.most_in_flight);
        }
    }

    fn judge(&mut self, took: f64, in_flight: usize) {
        let usual = *self.usual.get_or_insert(took);
        if let Some((before, took_then)) = self.lowered {
            if took <= RELIEF * took_then {
                self.lowered = None;
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
            self.is_doubling = false;
            self.limit = scaled(self.limit, (SLOW * usual / took).max(STEEPEST));
        } else if 2 * in_flight > self.limit {
            // Room that nobody uses says nothing.
            self.limit = if self.is_doubling { 2 * self.limit } else { self.limit + 1 }.min(self.most);
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
            let in_flight = concurrency.limit();
            concurrency.ended(Duration::from_secs_f64(seconds(in_flight)), in_flight);
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
        let mut concurrency = Concurrency::new(16);
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
            concurrency.ended(Duration::from_secs(1), 1);
        }
        assert_eq!(concurrency.limit(), 16);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(most in 0_usize..100, calls in proptest::collection::vec((0_u64..100_000, 0_usize..200), 0..500)) {
            let mut concurrency = Concurrency::new(most);
            for (millis, in_flight) in calls {
                concurrency.ended(Duration::from_millis(millis), in_flight);
                prop_assert!((1..=most.max(1)).contains(&concurrency.limit()));
            }
        }
    }
}
