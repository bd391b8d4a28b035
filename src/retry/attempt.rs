//! Attempts at what is not paid for, and waiting for what others in this process hold.

use super::{Case, LONGEST_HOLD, Retrier, StageStopped};
use crate::breaker::CallPermit;
use crate::domain::failure::{Failure, Stage};
use crate::policy::Decision;

/// How one attempt ended that the job outlived.
pub enum Attempted<T> {
    Done(T),
    /// It is time to try again, with the leave for it where that is still held.
    Again(Option<CallPermit>),
}

impl Retrier {
    /// What becomes of a job whose turn did not come for as long as a delivery may be held: another
    /// worker may have it sooner.
    pub fn held_too_long(&self) -> Box<StageStopped> {
        let failure = Failure::new(
            Stage::Worker,
            "worker.busy",
            "its turn did not come within ten minutes; it is handed on",
        );
        StageStopped::boxed(
            failure,
            Decision::Park {
                until: self.clock.now(),
            },
        )
    }

    /// Waits for what other jobs of this worker hold.
    ///
    /// # Errors
    /// [`StageStopped`]: this job may start nothing more here, or its delivery was held for as long as
    /// one may be.
    pub async fn in_turn<T>(
        &self,
        case: &Case<'_>,
        turn: impl Future<Output = T>,
    ) -> Result<T, Box<StageStopped>> {
        tokio::select! {
            biased;
            turn = turn => Ok(turn),
            () = case.halt.cancelled() => Err(self.stopping()),
            () = tokio::time::sleep_until(case.began + LONGEST_HOLD), if case.is_queued => Err(self.held_too_long()),
        }
    }

    /// Attempts, and attempts again in place for as long as the policy says so.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy wants instead.
    pub async fn in_place<T, A>(
        &self,
        stage: Stage,
        case: &mut Case<'_>,
        attempt: impl Fn() -> A,
    ) -> Result<T, Box<StageStopped>>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        case.failing_since = None;
        let mut kept = None;
        loop {
            match self.attempt(stage, case, kept, attempt()).await? {
                Attempted::Done(value) => return Ok(value),
                Attempted::Again(pass) => kept = pass,
            }
        }
    }

    /// Attempts once; `kept` is the leave for the attempt before this one.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy wants instead of another attempt in place.
    pub async fn attempt<T>(
        &self,
        stage: Stage,
        case: &mut Case<'_>,
        kept: Option<CallPermit>,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Attempted<T>, Box<StageStopped>> {
        let pass = self.enter(stage, case, kept).await?;
        match attempt.await {
            Ok(value) => {
                self.breaker.answered(stage, pass);
                Ok(Attempted::Done(value))
            }
            Err(failure) if failure.stage != stage => {
                // There is an answer.
                self.breaker.answered(stage, pass);
                Err(StageStopped::at_fault(failure))
            }
            Err(failure) => {
                case.progress.attempted(failure.stage);
                let ruling = self.rule(&failure, &pass, case);
                let kept = self.wait_or_stop(failure, ruling, pass, case).await?;
                self.may_call(case)?;
                Ok(Attempted::Again(kept))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Brought;
    use super::*;
    use crate::breaker::Breaker;
    use crate::clock::Clock;
    use crate::cluster::Membership;
    use crate::domain::progress::Progress;
    use crate::policy::{Policy, Transfer};
    use crate::randomness::Randomness;
    use crate::retry::RecallTime;
    use jiff::tz::TimeZone;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    /// How long a job waited for something that somebody else never gives back, and why it stopped.
    async fn waited(
        held_before: Duration,
        is_queued: bool,
        halted_after: Duration,
    ) -> (Duration, String) {
        let clock = Clock::starting_at("2026-03-02T01:00:00Z".parse().unwrap());
        let (policy, timezone) = (Arc::new(Policy::builtin()), TimeZone::UTC);
        let breaker = Breaker::new(
            Membership::new("a worker".into(), clock),
            Arc::clone(&policy),
            clock,
            timezone.clone(),
        );
        let retrier = Retrier {
            policy,
            timezone,
            clock,
            chance: Randomness::seeded(1),
            breaker,
            observer: Arc::new(crate::retry::DecisionLog),
        };
        let mut progress = Progress::new(String::new(), clock.now());
        let halt = CancellationToken::new();
        let began = Instant::now();
        tokio::time::sleep(held_before).await;
        let case = Case {
            progress: &mut progress,
            halt: halt.clone(),
            deadline: clock.now() + Duration::from_hours(96),
            began,
            is_queued,
            subject: String::new(),
            billing_date: None,
            transfer: Transfer::Inline,
            brought: Brought::Nothing,
            has_bytes: false,
            recalled: RecallTime::now(clock),
            redelivery_wait: Duration::from_secs(35),
            failing_since: None,
        };
        let waiting = Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(halted_after).await;
            halt.cancel();
        });
        let stopped = retrier
            .in_turn(&case, std::future::pending::<()>())
            .await
            .unwrap_err();
        (
            Duration::from_secs(waiting.elapsed().as_secs()),
            stopped.failure.code,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_in_turn_for_longer_than_a_delivery_may_be_held_nor_past_a_halt() {
        let minutes = Duration::from_mins;
        for (held_before, is_queued, halted_after, expected) in [
            (minutes(0), true, minutes(60), (minutes(10), "worker.busy")),
            (minutes(7), true, minutes(60), (minutes(3), "worker.busy")),
            (
                minutes(0),
                true,
                minutes(2),
                (minutes(2), "worker.stopping"),
            ),
            (
                minutes(0),
                false,
                minutes(60),
                (minutes(60), "worker.stopping"),
            ),
        ] {
            let (waited, code) = waited(held_before, is_queued, halted_after).await;
            assert_eq!((waited, code.as_str()), expected);
        }
    }
}
