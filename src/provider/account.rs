//! Calling with an account within its limits, and again in place where the policy says so. Written
//! once for all vendors.

use super::control::Control;
use super::vendor::Opened;
use super::{NotShown, NotSigned, Provider, Reply, Request, Shown};
use crate::breaker::CallPermit;
use crate::budget::PendingCall;
use crate::clock::skew::ClockReading;
use crate::domain::account::AccountId;
use crate::domain::failure::{Billed, Failure, Stage, cut};
use crate::domain::progress::Progress;
use crate::domain::result::CallRecord;
use crate::ledger::call_id;
use crate::policy::Decision;
use crate::quota::{AccountQuota, CallSlot};
use crate::retry::{CallContext, RecallTime, Retrier, StageStopped};
use crate::settings::tariff::{Currency, Tariff};
use crate::telemetry::{metric, trace};
use crate::waits::LONGEST_HOLD;
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Instrument, Span};

/// A provider's request id is a stranger's text, and fifty of them travel in a header.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// A provider that answers within a call's timeout may still be fetching the image at its end, and
/// its clock is not ours.
const FETCHED_LATE: Duration = Duration::from_mins(1);

/// An account as this worker uses it, with its quota, breaker and control calls: `A` is what a good
/// answer holds.
pub struct Account<A> {
    pub(super) id: AccountId,
    pub(super) provider: Box<dyn Provider<Answer = A>>,
    pub(super) quota: AccountQuota,
    pub(super) control: Control,
    /// The validity of an address that is signed for a call.
    valid: Duration,
    tariff: Tariff,
    currency: Currency,
    pub(super) retrier: Retrier,
}

/// The outcome of a call.
pub enum Called<A, K> {
    Answered(Reply<A>),
    /// None was made: another worker has paid for the answer meanwhile.
    Known(K),
}

impl<A> Account<A> {
    pub fn new(id: AccountId, opened: Opened<A>, retrier: Retrier) -> Self {
        let Opened {
            provider,
            limits,
            tariff,
            currency,
        } = opened;
        if !tariff.is_empty() {
            // A total begins at 0.
            for billed in [Billed::Yes, Billed::Unknown] {
                metric::cost(id.name, billed, (Decimal::ZERO, &currency));
            }
        }
        let quota = AccountQuota::new(
            id.name,
            limits.rate_per_second,
            limits.burst,
            limits.max_in_flight,
            (
                retrier.breaker.membership().clone(),
                retrier.queue_weights.clone(),
            ),
        );
        Self {
            id,
            provider,
            quota,
            control: Control::default(),
            valid: limits.timeout + FETCHED_LATE,
            tariff,
            currency,
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
        call: &mut CallContext<'_>,
        look_again: impl Fn() -> F,
    ) -> Result<Called<A, K>, Box<StageStopped>>
    where
        F: Future<Output = Result<Option<K>, Box<StageStopped>>>,
    {
        let mut kept = None;
        loop {
            // A job that is too late takes no place in the rate.
            self.retrier.may_call(call.job)?;
            self.retrier.wait_for_budget(call).await?;
            let waiting = trace::quota(self.id.name);
            let slot = self.wait_for_slot(call, kept.as_ref());
            let mut slot = slot.instrument(waiting).await?;
            let permit = self.retrier.enter(call, kept).await?;
            // The slot was waited for, and claiming a probe takes a moment.
            self.retrier.may_call(call.job)?;
            let shown = match request.show(self.valid).await {
                Ok(shown) => shown,
                Err(NotShown::Unfit(failure)) => {
                    // No call is made: another one may probe and use the slot.
                    drop((permit, slot));
                    return Err(StageStopped::at_fault(failure));
                }
                Err(NotShown::NotSigned(unsigned)) => {
                    // No call is made: another one may probe and use the slot.
                    drop((permit, slot));
                    self.wait_for_address(request, unsigned, call).await?;
                    if call.job.began.elapsed() >= LONGEST_HOLD {
                        // It is signed at one time, and not at another.
                        return Err(self.retrier.held_too_long());
                    }
                    kept = None;
                    continue;
                }
            };
            let is_queued = call.job.is_queued;
            if let Some(recalled) = call.recalled.as_mut().filter(|_| is_queued)
                && recalled.is_older_than(call.job.redelivery_wait, self.retrier.clock)
            {
                *recalled = RecallTime::now(self.retrier.clock);
                if let Some(known) = look_again().await? {
                    return Ok(Called::Known(known));
                }
                // By now this process knows that its delivery was lost, if it was.
                self.retrier.may_call(call.job)?;
            }
            let at = self.retrier.clock.now();
            let Some(pending) = self.retrier.begin_call(call, at)? else {
                // No call is made: another one may probe and use the slot.
                drop((permit, slot));
                kept = None;
                continue;
            };
            slot.start();
            let started = Instant::now();
            let span = trace::call(self.id.name, self.id.vendor.as_str());
            let outcome = self.ask(request, shown).instrument(span.clone()).await;
            let made = Made {
                span,
                at,
                duration: started.elapsed(),
                is_error: outcome.is_err(),
            };
            let ended = slot.end(is_representative(&outcome));
            match outcome {
                Ok(reply) => {
                    ended.granted();
                    self.retrier.breaker.answered(permit);
                    self.control.remember(&request.view);
                    let billed = self.retrier.billed(self.id, reply.code);
                    self.record(
                        &made,
                        reply.code,
                        reply.request_id.as_deref(),
                        billed,
                        (call.progress, pending),
                    );
                    return Ok(Called::Answered(reply));
                }
                Err(failure) => {
                    let mut decision = self.retrier.decide(&failure, &permit, call);
                    self.record(
                        &made,
                        &failure.code,
                        failure.request_id.as_deref(),
                        decision.billed,
                        (call.progress, pending),
                    );
                    if decision.decision == Decision::Throttle {
                        ended.throttled();
                        self.quota.report_rate();
                    } else {
                        ended.granted();
                    }
                    if let Some(streak) = decision.suspicion
                        && self.is_our_fault(streak).await
                    {
                        decision = decision.paused_for(streak);
                    }
                    kept = self
                        .retrier
                        .wait_or_stop(failure, decision, permit, call)
                        .await?;
                }
            }
        }
    }

    /// Asks once. A failure is under the vendor's own codes from here on.
    pub(super) async fn ask(
        &self,
        request: &Request,
        shown: Shown<'_>,
    ) -> Result<Reply<A>, Failure> {
        let outcome = self.provider.call(request, shown).await;
        outcome.map_err(|failure| failure.of_vendor(self.id.vendor))
    }

    /// Waits for a slot to make the call in.
    ///
    /// # Errors
    /// [`StageStopped`]: the call is blocked meanwhile, for which no job waits in line; the
    /// delivery was held for as long as one may be; or the job may start nothing more.
    async fn wait_for_slot(
        &self,
        call: &CallContext<'_>,
        kept: Option<&CallPermit>,
    ) -> Result<CallSlot<'_>, Box<StageStopped>> {
        let scopes = call.progress.scopes(self.id);
        let breaker = &self.retrier.breaker;
        let mut changes = breaker.changes();
        let queue = call.progress.delivered.queue.as_deref();
        let slot = self.quota.acquire(queue);
        tokio::pin!(slot);
        // The probe that is tried again is let through.
        let is_probe = kept.is_some_and(CallPermit::is_probe);
        loop {
            if let Some(blocked) = breaker
                .blocked(&scopes, &call.progress.run)
                .filter(|_| !is_probe)
            {
                return Err(self.retrier.blocked(blocked, call.job.deadline));
            }
            tokio::select! {
                biased;
                slot = &mut slot => return Ok(slot),
                () = call.job.halt.cancelled() => self.retrier.may_call(call.job)?,
                () = tokio::time::sleep_until(call.job.began + LONGEST_HOLD), if call.job.is_queued => return Err(self.retrier.held_too_long()),
                // Never an error: the breaker lives as long as we do.
                _ = changes.changed() => {}
            }
        }
    }

    /// An object's address that cannot be signed is the store's failure, as if the worker
    /// had wanted to read the object itself: returns once it can be. The call then waits for its
    /// turn anew, and its address is signed then.
    ///
    /// # Errors
    /// [`StageStopped`], with what the policy makes of the store's failure; and the image is sent
    /// where its address has become too long, with other credentials than those it was loaded with.
    async fn wait_for_address(
        &self,
        request: &Request,
        unsigned: NotSigned,
        call: &mut CallContext<'_>,
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
                let sign = async || match request.show(self.valid).await {
                    Err(NotShown::NotSigned(NotSigned::Failed(failure))) => Err(failure),
                    Ok(_) | Err(NotShown::NotSigned(NotSigned::TooLong) | NotShown::Unfit(_)) => {
                        Ok(())
                    }
                };
                let (job, subject) = (call.job, call.subject);
                let mut signing = CallContext::new(job, call.progress, AccountId::STORAGE, subject);
                signing.transfer = call.transfer;
                // No object is asked for to sign its address.
                let is_the_objects_fault = async |_| false;
                self.retrier
                    .in_place(signing, sign, is_the_objects_fault)
                    .await
            }
        }
    }

    pub fn id(&self) -> AccountId {
        self.id
    }

    /// How fast, and how many at once, this worker may call.
    pub fn quota(&self) -> &AccountQuota {
        &self.quota
    }

    /// Counts a call of any kind, and what it costs or may cost.
    pub(super) fn count_call(&self, code: &str, billed: Billed, at: Timestamp, took: Duration) {
        let label = self.retrier.policy.label(self.id.stage, code);
        metric::provider_call(self.id.name, label, billed, took);
        let day = at.to_zoned(self.retrier.timezone.clone()).date();
        if let Some(price) = self.tariff.on(day).filter(|_| billed != Billed::No) {
            metric::cost(self.id.name, billed, (price, &self.currency));
        }
    }

    /// The time that the provider's last answer gave.
    pub fn clock_reading(&self) -> Option<ClockReading> {
        self.provider.clock_reading()
    }

    fn record(
        &self,
        made: &Made,
        code: &str,
        request_id: Option<&str>,
        billed: Billed,
        (progress, pending): (&mut Progress, PendingCall),
    ) {
        self.count_call(code, billed, made.at, made.duration);
        let label = self.retrier.policy.label(self.id.stage, code);
        trace::call_ended(&made.span, label, billed, made.is_error);
        let call = CallRecord {
            stage: self.id.stage,
            code: code.to_owned(),
            request_id: request_id.map(|id| cut(id, MAX_REQUEST_ID_BYTES).to_owned()),
            at: made.at,
            duration_ms: u64::try_from(made.duration.as_millis()).unwrap_or(u64::MAX),
            billed,
        };
        pending.ended(|| call_id(&progress.run, &call), billed);
        progress.record(call);
    }
}

/// Whether the duration of the call shows how busy the provider is. A failure before the provider
/// was reached is quick for other reasons.
fn is_representative<T>(outcome: &Result<T, Failure>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(failure) => {
            failure.code == "timeout" || failure.http_status.is_some_and(|status| status < 400)
        }
    }
}

/// A call that was made.
struct Made {
    span: Span,
    at: Timestamp,
    duration: Duration,
    is_error: bool,
}

#[cfg(test)]
mod tests;
