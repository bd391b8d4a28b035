//! Attempts at calls that are not paid for, and waits for resources that other jobs of this process
//! hold.

use super::context::{CallContext, JobContext};
use super::retrier::Retrier;
use super::stage_stopped::StageStopped;
use crate::breaker::CallPermit;
use crate::domain::failure::{Failure, Stage};
use crate::policy::Decision;
use crate::waits::LONGEST_HOLD;
use jiff::SignedDuration;

/// A job that was turned away returns after this: a call takes seconds.
const TURNED_AWAY: SignedDuration = SignedDuration::from_secs(5);

/// How one attempt ended after which the job goes on.
pub enum Attempted<T> {
    Done(T),
    /// It is time to try again, with the permit if it is still held.
    Again(Option<CallPermit>),
}

/// Why a job does not wait for the one call about its image.
pub const FOLLOWED_BY_MANY: &str =
    "many jobs wait for one call about its image; it comes back for the answer";

impl Retrier {
    /// Parks a job that has waited for as long as a delivery may be held, because another worker
    /// may process it sooner.
    pub fn held_too_long(&self) -> Box<StageStopped> {
        let failure = Failure::new(
            Stage::Worker,
            "worker.busy",
            "its turn did not come within ten minutes; it is handed on",
        );
        let until = self.clock.now();
        StageStopped::boxed(failure, Decision::Park { until })
    }

    /// Parks a job that would wait with many others, for what `why` says. It returns soon.
    pub fn turned_away(&self, why: &str) -> Box<StageStopped> {
        let failure = Failure::new(Stage::Worker, "worker.busy", why);
        let now = self.clock.now();
        let until = now.saturating_add(TURNED_AWAY).unwrap_or(now);
        StageStopped {
            is_brief: true,
            ..*StageStopped::boxed(failure, Decision::Park { until })
        }
        .into()
    }

    /// Waits for a resource that other jobs of this worker hold.
    ///
    /// # Errors
    /// [`StageStopped`]: this job may start nothing more here, or its delivery was held for the
    /// longest time allowed.
    pub async fn in_turn<T>(
        &self,
        job: &JobContext<'_>,
        turn: impl Future<Output = T>,
    ) -> Result<T, Box<StageStopped>> {
        tokio::select! {
            biased;
            turn = turn => Ok(turn),
            () = job.halt.cancelled() => Err(self.stopping()),
            () = tokio::time::sleep_until(job.began + LONGEST_HOLD), if job.is_queued => Err(self.held_too_long()),
        }
    }

    /// Makes attempts in place for as long as the policy says so.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy wants instead.
    pub async fn in_place<T, A, C>(
        &self,
        mut call: CallContext<'_>,
        attempt: impl Fn() -> A,
        is_the_objects_fault: impl Fn(String) -> C,
    ) -> Result<T, Box<StageStopped>>
    where
        A: Future<Output = Result<T, Failure>>,
        C: Future<Output = bool>,
    {
        let mut kept = None;
        loop {
            let attempted = self.attempt(&mut call, kept, attempt(), &is_the_objects_fault);
            match attempted.await? {
                Attempted::Done(value) => return Ok(value),
                Attempted::Again(permit) => kept = permit,
            }
        }
    }

    /// Makes one attempt. `kept` is the permit of the attempt before. Where a failure may be
    /// one object's own, `is_the_objects_fault` finds out.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy wants instead of another attempt in place.
    pub async fn attempt<T, C>(
        &self,
        call: &mut CallContext<'_>,
        kept: Option<CallPermit>,
        attempt: impl Future<Output = Result<T, Failure>>,
        is_the_objects_fault: impl Fn(String) -> C,
    ) -> Result<Attempted<T>, Box<StageStopped>>
    where
        C: Future<Output = bool>,
    {
        let permit = self.enter(call, kept).await?;
        match attempt.await {
            Ok(value) => {
                self.breaker.answered(permit);
                Ok(Attempted::Done(value))
            }
            Err(failure) if failure.stage != call.account.stage => {
                // The stage has answered: the failure is about something else.
                self.breaker.answered(permit);
                Err(StageStopped::at_fault(failure))
            }
            Err(failure) => {
                call.progress.attempted(failure.stage);
                let mut decided = self.decide(&failure, &permit, call);
                if decided.may_be_one_object() {
                    let is_the_objects = is_the_objects_fault(failure.code.clone()).await;
                    if is_the_objects {
                        self.breaker.end_rows(call.account.name);
                    }
                    decided = match decided.suspicion {
                        Some(_) if is_the_objects => decided,
                        Some(streak) => decided.paused_for(streak),
                        None if is_the_objects => decided.of_the_object(),
                        None => decided,
                    };
                }
                let kept = self.wait_or_stop(failure, decided, permit, call).await?;
                self.may_call(call.job)?;
                Ok(Attempted::Again(kept))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ImageOrigin;
    use super::*;
    use crate::breaker::Breaker;
    use crate::clock::Clock;
    use crate::cluster::Membership;
    use crate::domain::job::Job;
    use crate::policy::Policy;
    use crate::randomness::Randomness;
    use jiff::tz::TimeZone;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    /// Returns how long a job waited for a resource that is never released, and the code with which
    /// it stopped.
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
            randomness: Randomness::seeded(1),
            breaker,
            budgets: crate::budget::Budgets::default(),
            queue_weights: crate::quota::QueueWeights::default(),
            observer: Arc::new(crate::retry::DecisionLog),
        };
        let job = Job::parse(br#"{"job_id":"a","image":{"key":"a"}}"#, None)
            .ok()
            .unwrap();
        let halt = CancellationToken::new();
        let began = Instant::now();
        tokio::time::sleep(held_before).await;
        let context = JobContext {
            job: &job,
            halt: halt.clone(),
            deadline: clock.now() + Duration::from_hours(96),
            began,
            is_queued,
            redelivery_wait: Duration::from_secs(35),
            origin: ImageOrigin::DefaultBucket,
        };
        let waiting = Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(halted_after).await;
            halt.cancel();
        });
        let stopped = retrier
            .in_turn(&context, std::future::pending::<()>())
            .await
            .unwrap_err();
        (
            Duration::from_secs(waiting.elapsed().as_secs()),
            stopped.failure.code,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_waits_no_longer_than_a_delivery_may_be_held_and_stops_at_a_halt() {
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
