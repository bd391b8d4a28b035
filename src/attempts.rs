//! The one loop that makes the same attempt again in this process: at a store, a queue, a broker.
//!
//! Between attempts it waits, longer each time, on tokio's clock and with the injected randomness.

use crate::randomness::Randomness;
use crate::waits;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Attempts at one thing, with the waits between them and an end. Without [`Attempts::at_most`],
/// [`Attempts::until`] and [`Attempts::halted_by`] they go on until one succeeds.
#[derive(Debug)]
pub struct Attempts<'a> {
    randomness: &'a Randomness,
    first_wait: Duration,
    /// Instead of the usual one.
    longest_wait: Option<Duration>,
    most: u32,
    until: Option<Instant>,
    halt: Option<&'a CancellationToken>,
    /// Attempts that are left once `halt` is cancelled.
    left_after_halt: u32,
    is_halted: bool,
    /// Waits since the schedule last began.
    waits: u32,
}

/// The consequence of an attempt that failed, unless it is vetoed.
#[derive(Clone, Copy, Debug)]
pub struct NextAttempt {
    /// Attempts of this run that failed, with the last one.
    pub failures: u32,
    pub wait: Duration,
}

impl<'a> Attempts<'a> {
    /// Attempts with waits that double from this one up to 15 seconds.
    pub fn every(first_wait: Duration, randomness: &'a Randomness) -> Self {
        Self {
            randomness,
            first_wait,
            longest_wait: None,
            most: u32::MAX,
            until: None,
            halt: None,
            left_after_halt: 1,
            is_halted: false,
            waits: 0,
        }
    }

    /// Waits grow up to this instead of 15 seconds.
    #[must_use]
    pub fn growing_to(self, longest_wait: Duration) -> Self {
        Self {
            longest_wait: Some(longest_wait),
            ..self
        }
    }

    /// So many attempts in one run at the most.
    #[must_use]
    pub fn at_most(self, attempts: u32) -> Self {
        Self {
            most: attempts,
            ..self
        }
    }

    /// An attempt that fails at or after this moment is the last one; the wait before it is not
    /// cut.
    #[must_use]
    pub fn until(self, until: Instant) -> Self {
        Self {
            until: Some(until),
            ..self
        }
    }

    /// When `halt` is cancelled the wait ends, and so many attempts are left, with waits that begin
    /// anew; an attempt that was being made then is one of them.
    #[must_use]
    pub fn halted_by(self, halt: &'a CancellationToken, attempts_left: u32) -> Self {
        Self {
            halt: Some(halt),
            left_after_halt: attempts_left,
            ..self
        }
    }

    /// Makes attempts until one succeeds. `again` is asked about each failure that is not the last
    /// one, before the wait: is it worth another attempt?
    ///
    /// # Errors
    /// The failure of the last attempt.
    pub async fn run<T, E, A>(
        &mut self,
        mut attempt: impl FnMut() -> A,
        mut again: impl FnMut(&E, NextAttempt) -> bool,
    ) -> Result<T, E>
    where
        A: Future<Output = Result<T, E>>,
    {
        let mut failures = 0;
        loop {
            let failure = match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            failures += 1;
            if failures >= self.most || self.is_over() {
                return Err(failure);
            }
            let wait = self.next_wait();
            if !again(&failure, NextAttempt { failures, wait }) {
                return Err(failure);
            }
            self.sleep(wait).await;
        }
    }

    /// The wait before the next attempt, where the caller makes it.
    pub async fn wait(&mut self) {
        let wait = self.next_wait();
        self.sleep(wait).await;
    }

    /// The next wait is the first one again.
    pub fn restart(&mut self) {
        self.waits = 0;
    }

    /// Was the attempt that has just failed the last one?
    fn is_over(&mut self) -> bool {
        if self.halt.is_some_and(CancellationToken::is_cancelled) {
            if !std::mem::replace(&mut self.is_halted, true) {
                self.restart();
            }
            self.left_after_halt = self.left_after_halt.saturating_sub(1);
        }
        (self.is_halted && self.left_after_halt == 0)
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn next_wait(&mut self) -> Duration {
        self.waits = self.waits.saturating_add(1);
        let (first, retry, unit) = (self.first_wait, self.waits, self.randomness.unit());
        match self.longest_wait {
            Some(longest) => waits::growing_to(longest, first, retry, unit),
            None => waits::growing(first, retry, unit),
        }
    }

    async fn sleep(&self, wait: Duration) {
        let halted = async {
            match self.halt {
                Some(halt) if !self.is_halted => halt.cancelled().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            () = halted => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// The seconds at which attempts were made that fail, or succeed from the `succeeds`-th on.
    async fn attempts(attempts: &mut Attempts<'_>, succeeds: usize) -> (Vec<u64>, bool) {
        let (began, made) = (Instant::now(), Cell::new(Vec::new()));
        let attempt = || {
            let mut times = made.take();
            times.push(began.elapsed().as_secs());
            let is_good = times.len() >= succeeds;
            made.set(times);
            async move { if is_good { Ok(()) } else { Err(()) } }
        };
        let outcome = attempts.run(attempt, |(), _| true).await;
        (made.into_inner(), outcome.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_success_their_number_or_their_time() {
        let even = Randomness::even(0);
        let every_second = || Attempts::every(Duration::from_secs(1), &even);
        for (mut limited, succeeds, expected) in [
            (every_second(), 4, (vec![0, 1, 3, 7], true)),
            (every_second().at_most(3), 9, (vec![0, 1, 3], false)),
        ] {
            assert_eq!(attempts(&mut limited, succeeds).await, expected);
        }
        let mut timed = every_second().until(Instant::now() + Duration::from_secs(10));
        assert_eq!(attempts(&mut timed, 9).await, (vec![0, 1, 3, 7, 15], false));
        let mut slow = every_second().growing_to(Duration::from_secs(2));
        assert_eq!(attempts(&mut slow, 4).await, (vec![0, 1, 3, 5], true));
        assert_eq!(attempts(&mut slow, 2).await.0, [0, 2], "the waits go on");
        slow.restart();
        assert_eq!(attempts(&mut slow, 2).await.0, [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_halt_ends_the_wait_and_leaves_some_attempts() {
        let even = Randomness::even(0);
        for (left, expected) in [(1, vec![0, 1, 3, 4]), (3, vec![0, 1, 3, 4, 5, 7])] {
            let halt = CancellationToken::new();
            let halting = halt.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(4)).await;
                halting.cancel();
            });
            let mut halted = Attempts::every(Duration::from_secs(1), &even).halted_by(&halt, left);
            assert_eq!(attempts(&mut halted, 99).await, (expected, false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_is_not_worth_another_attempt_is_the_last_one() {
        let even = Randomness::even(0);
        let mut tries = Attempts::every(Duration::from_secs(1), &even);
        let mut seen = Vec::new();
        let outcome: Result<(), &str> = tries
            .run(
                async || Err("no"),
                |_, next| {
                    seen.push((next.failures, next.wait.as_secs()));
                    next.failures < 3
                },
            )
            .await;
        assert_eq!(outcome, Err("no"));
        assert_eq!(seen, [(1, 1), (2, 2), (3, 4)]);
    }
}
