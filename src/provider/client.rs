//! Calling a provider within its limits, and again in place where the policy says so. Written once
//! for both.

use super::control::Control;
use super::{NotSigned, Provider, Reply, Request};
use crate::breaker::CallPermit;
use crate::clock::skew::ClockReading;
use crate::domain::failure::{Billed, Failure, Stage, cut};
use crate::domain::result::CallRecord;
use crate::policy::Decision;
use crate::quota::in_flight::{InFlight, Room};
use crate::quota::limiter::Limiter;
use crate::retry::{Case, LONGEST_HOLD, RecallTime, Retrier, StageStopped};
use crate::telemetry::metric;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// A provider's request id is a stranger's text, and fifty of them travel in a header.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// A provider that answers within a call's timeout may still be fetching the image at its end, and
/// its clock is not ours.
const FETCHED_LATE: Duration = Duration::from_mins(1);

/// One provider's account as this worker uses it: `A` is what a good answer holds.
pub struct Client<A> {
    pub(super) stage: Stage,
    pub(super) provider: Box<dyn Provider<Answer = A>>,
    pub(super) limiter: Limiter,
    pub(super) in_flight: InFlight,
    pub(super) control: Control,
    max_in_flight: usize,
    /// Of an address that is signed for a call.
    valid: Duration,
    pub(super) retrier: Retrier,
}

/// What a call came to.
pub enum Called<A, K> {
    Answered(Reply<A>),
    /// None was made: another worker has paid for the answer meanwhile.
    Known(K),
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rate_per_second: f64,
    pub burst: u32,
    pub max_in_flight: usize,
    /// Of one call.
    pub timeout: Duration,
}

impl<A> Client<A> {
    pub fn new(
        stage: Stage,
        provider: impl Provider<Answer = A> + 'static,
        limits: Limits,
        retrier: Retrier,
    ) -> Self {
        let limiter = Limiter::new(limits.rate_per_second, limits.burst);
        metric::rate_limit(stage, limits.rate_per_second);
        let Limits {
            max_in_flight,
            timeout,
            ..
        } = limits;
        let in_flight = InFlight::new(max_in_flight);
        Self {
            stage,
            provider: Box::new(provider),
            limiter,
            in_flight,
            control: Control::default(),
            max_in_flight,
            valid: timeout + FETCHED_LATE,
            retrier,
        }
    }

    /// Calls until there is a good answer, or until the policy wants something other than a retry
    /// in place. Every call is recorded in the job's progress. Where it was long ago that the
    /// checkpoints were looked at, the answer is first looked for by `look_again`: directly before
    /// the call, whatever was waited for.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy wants instead; or what `look_again` fails with.
    pub async fn call<K, F>(
        &self,
        request: &Request,
        case: &mut Case<'_>,
        look_again: impl Fn() -> F,
    ) -> Result<Called<A, K>, Box<StageStopped>>
    where
        F: Future<Output = Result<Option<K>, Box<StageStopped>>>,
    {
        case.failing_since = None;
        let mut kept = None;
        loop {
            // Who is too late takes no place in the rate.
            self.retrier.may_call(case)?;
            let room = self.wait_for_room(case, kept.as_ref()).await?;
            let pass = self.retrier.enter(self.stage, case, kept).await?;
            // Room and rate were waited for, and claiming a probe takes a moment.
            self.retrier.may_call(case)?;
            let shown = match request.show(self.valid).await {
                Ok(shown) => shown,
                Err(unsigned) => {
                    // No call: whatever it was to probe is anybody's again, and so is its room.
                    drop((pass, room));
                    self.wait_for_address(request, unsigned, case).await?;
                    if case.began.elapsed() >= LONGEST_HOLD {
                        // It is signed at one time, and not at another.
                        return Err(self.retrier.held_too_long());
                    }
                    kept = None;
                    continue;
                }
            };
            if case.is_queued
                && case
                    .recalled
                    .is_older_than(case.redelivery_wait, self.retrier.clock)
            {
                case.recalled = RecallTime::now(self.retrier.clock);
                if let Some(known) = look_again().await? {
                    return Ok(Called::Known(known));
                }
                // By now this process knows that its delivery was lost, if it was.
                self.retrier.may_call(case)?;
            }
            let at = self.retrier.clock.now();
            let started = Instant::now();
            let outcome = self.provider.call(request, shown).await;
            let call = Call {
                at,
                duration: started.elapsed(),
            };
            let has_waited = room.is_some_and(|place| {
                if is_telling(&outcome) {
                    place.room.landed(started);
                }
                place.has_waited
            });
            match outcome {
                Ok(reply) => {
                    if has_waited {
                        self.limiter.granted();
                    }
                    self.retrier.breaker.answered(self.stage, pass);
                    self.control.remember(&request.view);
                    let billed = self.retrier.billed(self.stage, reply.code);
                    self.record(call, reply.code, reply.request_id.as_deref(), billed, case);
                    return Ok(Called::Answered(reply));
                }
                Err(failure) => {
                    let mut ruling = self.retrier.rule(&failure, &pass, case);
                    self.record(
                        call,
                        &failure.code,
                        failure.request_id.as_deref(),
                        ruling.billed,
                        case,
                    );
                    if ruling.decision == Decision::Throttle {
                        self.limiter.lower(started);
                        self.tell_rate();
                    } else if has_waited {
                        self.limiter.granted();
                    }
                    if let Some(streak) = ruling.suspicion
                        && self.is_our_fault(streak).await
                    {
                        ruling = ruling.paused_for(streak);
                    }
                    kept = self
                        .retrier
                        .wait_or_stop(failure, ruling, pass, case)
                        .await?;
                }
            }
        }
    }

    /// Room in flight, then a place in the rate. Ends early, without either, when the caller may
    /// start nothing more.
    ///
    /// # Errors
    /// [`StageStopped`]: the call is closed meanwhile, and nobody waits in line for that; or the
    /// delivery was held for as long as one may be.
    async fn wait_for_room(
        &self,
        case: &Case<'_>,
        kept: Option<&CallPermit>,
    ) -> Result<Option<TurnWithRoom<'_>>, Box<StageStopped>> {
        let scopes = case.progress.scopes(self.stage);
        let breaker = &self.retrier.breaker;
        let mut changes = breaker.changes();
        let _wanted = breaker.membership().wait_for_call();
        let room = async {
            let mut room = self.in_flight.enter().await;
            let queued = Instant::now();
            let has_waited = self
                .limiter
                .acquire(|| breaker.membership().share(self.stage))
                .await;
            metric::provider_wait(self.stage, queued.elapsed());
            self.tell_rate();
            room.fly();
            TurnWithRoom { has_waited, room }
        };
        tokio::pin!(room);
        loop {
            // The probe that is tried again is expected.
            let is_probe = kept.is_some_and(CallPermit::is_probe);
            if let Some(barrier) = breaker
                .blocked(&scopes, &case.progress.run)
                .filter(|_| !is_probe)
            {
                return Err(self.retrier.barred(barrier, case.deadline));
            }
            tokio::select! {
                biased;
                room = &mut room => return Ok(Some(room)),
                () = case.halt.cancelled() => return Ok(None),
                () = tokio::time::sleep_until(case.began + LONGEST_HOLD), if case.is_queued => return Err(self.retrier.held_too_long()),
                // Never an error: the breaker lives as long as we do.
                _ = changes.changed() => {}
            }
        }
    }

    /// Where the object's address cannot be signed, that is the store's failure, as if the worker
    /// had wanted to read the object itself: returns once it can be. The call then waits for its
    /// turn anew, and its address is signed then.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy makes of the store's failure; and the image is sent where
    /// its address has become too long, with other credentials than those it was loaded with.
    async fn wait_for_address(
        &self,
        request: &Request,
        unsigned: NotSigned,
        case: &mut Case<'_>,
    ) -> Result<(), Box<StageStopped>> {
        match unsigned {
            NotSigned::TooLong => {
                let failure = Failure::new(
                    Stage::Storage,
                    "request",
                    "the object's signed address is longer than providers take",
                );
                Err(StageStopped::boxed(failure, Decision::Inline))
            }
            NotSigned::Failed(_) => {
                let failing_since = case.failing_since;
                let sign = async || match request.show(self.valid).await {
                    Ok(_) | Err(NotSigned::TooLong) => Ok(()),
                    Err(NotSigned::Failed(failure)) => Err(failure),
                };
                self.retrier.in_place(Stage::Storage, case, sign).await?;
                case.failing_since = failing_since;
                Ok(())
            }
        }
    }

    /// This worker's share of the account's rate, or as much of it as the provider grants.
    pub fn rate_per_second(&self) -> f64 {
        self.limiter
            .rate_per_second(self.retrier.breaker.membership().share(self.stage))
    }

    /// What the provider's last answer said about the time.
    pub fn clock_reading(&self) -> Option<ClockReading> {
        self.provider.clock_reading()
    }

    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// To whom it may concern: the other workers, and who reads the metrics.
    pub fn tell_rate(&self) {
        self.retrier
            .breaker
            .membership()
            .report_granted(self.stage, self.limiter.used_up_part());
        metric::rate_limit(self.stage, self.rate_per_second());
    }

    fn record(
        &self,
        call: Call,
        code: &str,
        request_id: Option<&str>,
        billed: Billed,
        case: &mut Case<'_>,
    ) {
        metric::provider_call(
            self.stage,
            self.retrier.policy.label(self.stage, code),
            billed,
            call.duration,
        );
        case.progress.record(CallRecord {
            stage: self.stage,
            code: code.to_owned(),
            request_id: request_id.map(|id| cut(id, MAX_REQUEST_ID_BYTES).to_owned()),
            at: call.at,
            duration_ms: u64::try_from(call.duration.as_millis()).unwrap_or(u64::MAX),
            billed,
        });
    }
}

/// Room for one call in flight, and its place in the rate.
struct TurnWithRoom<'a> {
    has_waited: bool,
    room: Room<'a>,
}

/// Does the time that it took say how busy the provider is? What never came as far as the provider
/// was quick for other reasons.
fn is_telling<T>(outcome: &Result<T, Failure>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(failure) => {
            failure.code == "timeout" || failure.http_status.is_some_and(|status| status < 400)
        }
    }
}

#[derive(Clone, Copy)]
struct Call {
    at: Timestamp,
    duration: Duration,
}

#[cfg(test)]
mod tests;
