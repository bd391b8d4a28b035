//! How many calls may be in flight at once, learned from how long they take: the limit falls when a
//! provider slows down under our load, before anything times out, and rises again while it does
//! not.
//!
//! The limit is adjusted after each window of about as many calls as may be in flight (in the
//! manner of TCP Vegas: calls that queue at the provider take longer, all of them). One bill takes
//! many times as long as another by itself, so a window is slow only where three calls of four take
//! much longer than half of them usually do. tests/bench/README.md has what each constant buys.

use std::time::Duration;

/// The limit starts at this, or at a sixteenth of the configured one if that is more. Once the
/// usual duration is known, the limit doubles until the first slow window.
const FIRST: usize = 4;
const SIXTEENTH: usize = 16;
/// The least number of calls in a window: fewer prove nothing. The first window is longer, since
/// the usual duration is measured by it.
const WINDOW: usize = 8;
const FIRST_WINDOW: usize = 24;
/// A window is slow when its calls take more than so many times the usual duration.
const SLOW: f64 = 2.0;
/// One window lowers the limit to this part of it at most.
const STEEPEST: f64 = 0.5;
/// If an eighth of the calls in flight take more than nine tenths of the time, it is not our load
/// that slows them down.
const FEW: usize = 8;
const RELIEF: f64 = 0.9;

#[derive(Clone, Debug)]
pub(super) struct Concurrency {
    most: usize,
    limit: usize,
    usual: Option<Usual>,
    /// The limit doubles up to this value; beyond, it grows by one.
    double_to: usize,
    /// The limit before it was lowered, and how long calls took before the last step down, in
    /// seconds: they show whether lowering helps.
    lowered: Option<(usize, f64)>,
    /// When the limit was lowered last. All times are since the caller's own start.
    lowered_at: Option<Duration>,
    window: Window,
}

/// The calls that ended since the last adjustment.
#[derive(Clone, Debug, Default)]
struct Window {
    seconds: Vec<f64>,
    most_in_flight: usize,
}

impl Concurrency {
    /// Creates a limit that is never below one and never above `most`.
    pub(super) fn new(most: usize) -> Self {
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

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Records that a call started at `started` was answered or given up. `in_flight` counts the
    /// calls in flight, including this one.
    pub(super) fn ended(&mut self, started: Duration, now: Duration, in_flight: usize) {
        if self.lowered_at.is_some_and(|lowered| started < lowered) {
            // The call began before the limit was lowered: its duration does not show the effect.
            return;
        }
        self.window
            .seconds
            .push(now.saturating_sub(started).as_secs_f64());
        self.window.most_in_flight = in_flight.max(self.window.most_in_flight);
        let least = if self.usual.is_some() {
            WINDOW
        } else {
            FIRST_WINDOW
        };
        if self.window.seconds.len() >= self.limit.max(least) {
            let window = std::mem::take(&mut self.window);
            self.judge(window, now);
        }
    }

    fn judge(
        &mut self,
        Window {
            mut seconds,
            most_in_flight,
        }: Window,
        now: Duration,
    ) {
        seconds.sort_unstable_by(f64::total_cmp);
        // Three calls of four took at least `most_took`; half of them at least `half_took`.
        let [most_took, half_took] =
            [seconds.len() / 4, seconds.len() / 2].map(|position| seconds[position]);
        let usual = self.usual.get_or_insert_with(|| Usual::new(half_took));
        let is_slow = most_took > SLOW * usual.seconds;
        match self.lowered {
            Some((before, _)) if !is_slow => {
                self.lowered = None;
                // Doubling ends at three quarters of the limit before.
                self.double_to = before - before / 4;
            }
            Some((before, most_took_then))
                if self.limit <= few(before) && most_took > RELIEF * most_took_then =>
            {
                // Fewer calls did not help, so this duration is the usual one now. The geometric
                // mean of both is taken, since so few calls may mislead.
                (*usual, self.limit, self.lowered) =
                    (Usual::new((usual.seconds * half_took).sqrt()), before, None);
                return;
            }
            _ => {}
        }
        if is_slow {
            let before = self.lowered.map_or(self.limit, |(before, _)| before);
            self.lowered = Some((before, most_took));
            (self.double_to, self.lowered_at) = (0, Some(now));
            self.limit = scaled(self.limit, (SLOW * usual.seconds / most_took).max(STEEPEST));
            return;
        }
        // A limit that was not reached proves nothing.
        let is_used = 2 * most_in_flight > self.limit;
        // Where the number of calls in flight grows, they may take longer because of that.
        let more_and_more = is_used && self.limit < self.most;
        usual.follow(half_took, self.lowered.is_none() && !more_and_more);
        if is_used {
            self.limit = (2 * self.limit)
                .min(self.double_to)
                .max(self.limit + 1)
                .min(self.most);
        }
    }
}

/// The usual median duration of calls, in seconds, without congestion.
#[derive(Clone, Copy, Debug)]
struct Usual {
    seconds: f64,
    best: f64,
}

impl Usual {
    /// The usual duration moves towards a window's median by this part of the difference.
    const FOLLOWS: f64 = 0.02;
    /// The usual duration never exceeds so many times the best one: otherwise a load that grows for
    /// hours would become usual.
    const HIGHEST: f64 = 2.0;

    fn new(seconds: f64) -> Self {
        Self {
            seconds,
            best: seconds,
        }
    }

    fn follow(&mut self, seconds: f64, may_rise: bool) {
        if seconds > self.seconds && !may_rise {
            return;
        }
        let followed = self.seconds + Self::FOLLOWS * (seconds - self.seconds);
        self.seconds = followed.min(Self::HIGHEST * self.best);
        self.best = self.best.min(self.seconds);
    }
}

fn few(before: usize) -> usize {
    (before / FEW).max(1)
}

fn scaled(limit: usize, part: f64) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    let scaled = (limit as f64 * part) as usize;
    scaled.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    /// The limit after so many calls to a provider that takes `seconds` where so many are in the
    /// air.
    fn after(
        concurrency: &mut Concurrency,
        calls: usize,
        mut seconds: impl FnMut(usize) -> f64,
    ) -> usize {
        for _ in 0..calls {
            // The next one starts once the one before it has ended: the clock is what all of them
            // took.
            let (in_flight, started) = (
                concurrency.limit(),
                concurrency.lowered_at.unwrap_or_default(),
            );
            concurrency.ended(
                started,
                started + Duration::from_secs_f64(seconds(in_flight)),
                in_flight,
            );
        }
        concurrency.limit()
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn queueing(in_flight: usize, at_once: usize) -> f64 {
        (in_flight as f64 / at_once as f64).max(1.0)
    }

    #[test]
    fn a_provider_that_keeps_up_gets_all_there_is_soon() {
        assert_eq!(after(&mut Concurrency::new(16), 32, |_| 1.0), 16);
        assert_eq!(after(&mut Concurrency::new(2), 32, |_| 1.0), 2);
        assert_eq!(after(&mut Concurrency::new(1_024), 5_000, |_| 0.1), 1_024);
        assert_eq!(after(&mut Concurrency::new(1), 100, |_| 1.0), 1);
    }

    #[test]
    fn a_provider_that_does_some_at_a_time_is_not_given_many_more() {
        let mut concurrency = Concurrency::new(64);
        after(&mut concurrency, 2_000, |in_flight| queueing(in_flight, 4));
        let limits: Vec<usize> = (0..200)
            .map(|_| after(&mut concurrency, 1, |in_flight| queueing(in_flight, 4)))
            .collect();
        assert!(
            limits.iter().all(|limit| (4..=12).contains(limit)),
            "{limits:?}"
        );
    }

    #[test]
    fn a_provider_that_breaks_down_under_load_is_relieved_and_loaded_again() {
        let mut concurrency = Concurrency::new(16);
        assert_eq!(after(&mut concurrency, 100, |_| 1.0), 16);
        let relieved = after(&mut concurrency, 100, |in_flight| {
            if in_flight > 3 { 20.0 } else { 1.5 }
        });
        assert!(relieved <= 6, "{relieved}");
        assert_eq!(after(&mut concurrency, 400, |_| 1.0), 16);
    }

    #[test]
    fn a_provider_that_is_slow_whatever_we_do_is_still_used() {
        let mut concurrency = Concurrency::new(16);
        after(&mut concurrency, 100, |_| 1.0);
        assert_eq!(after(&mut concurrency, 200, |_| 5.0), 16);
    }

    /// A normal distribution, nearly: twelve even ones.
    fn normal(chance: &mut StdRng) -> f64 {
        (0..12).map(|_| chance.random_range(-0.5..0.5)).sum()
    }

    #[test]
    fn calls_that_differ_by_themselves_are_no_sign_of_load() {
        type Seconds = fn(&mut StdRng) -> f64;
        let draws: [(&str, Seconds); 3] = [
            ("most of them within a factor of 3", |chance| {
                (0.5 * normal(chance)).exp()
            }),
            ("most of them within a factor of 7", |chance| {
                normal(chance).exp()
            }),
            ("one in five ten times as long", |chance| {
                if chance.random_bool(0.2) { 5.0 } else { 0.5 }
            }),
        ];
        for (what, draw) in draws {
            let (mut chance, mut concurrency, mut limits) =
                (StdRng::seed_from_u64(1), Concurrency::new(16), 0);
            for _ in 0..20_000 {
                limits += after(&mut concurrency, 1, |_| draw(&mut chance));
            }
            assert!(
                limits >= 20_000 * 15,
                "{what}: {} of 16 on average",
                limits / 20_000
            );
        }
    }

    #[test]
    fn calls_that_differ_hide_no_queue() {
        for seed in 0..5 {
            let (mut chance, mut concurrency, mut limits) = (
                StdRng::seed_from_u64(seed),
                Concurrency::new(64),
                Vec::new(),
            );
            for _ in 0..100_000 {
                limits.push(after(&mut concurrency, 1, |in_flight| {
                    queueing(in_flight, 8) * (0.5 * normal(&mut chance)).exp()
                }));
            }
            let many = limits.iter().filter(|limit| **limit > 40).count();
            assert!(
                many <= limits.len() / 50,
                "above five times what it does at once {many} times of 100,000"
            );
        }
    }

    #[test]
    fn the_baseline_follows_slowly_and_not_for_ever() {
        let mut concurrency = Concurrency::new(16);
        after(&mut concurrency, 100, |_| 1.0);
        // Slower by a thousandth a call, because of all that are in the air.
        let mut slower = 1.0;
        let limits: Vec<usize> = (0..4_000)
            .map(|_| {
                slower *= 1.001;
                after(&mut concurrency, 1, |in_flight| {
                    if in_flight > 4 { slower } else { 1.0 }
                })
            })
            .collect();
        assert!(
            limits.iter().any(|limit| *limit <= 4),
            "never relieved: {limits:?}"
        );
    }

    #[test]
    fn a_limit_that_is_not_reached_does_not_grow() {
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
