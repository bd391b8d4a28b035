//! Makes the planned calls, one after the other, with the worker's own clients, within the accounts'
//! rates and within the bound on paid calls.

use super::pictures::CertifyPictures;
use super::variants;
use crate::certify::{
    CallObservation, CertifyCall, CertifyPlan, Observations, ObservedAnswer, PlannedCall,
    SpendBound,
};
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::config::Config;
use crate::domain::account::AccountId;
use crate::domain::failure::{Billed, Failure};
use crate::domain::picture::Picture;
use crate::domain::stage::Stage;
use crate::policy::Policy;
use crate::provider::wire::TappedAnswer;
use crate::provider::{CallLimits, Reply, Request, Shown, TrialAccount, TrialAccounts, View};
use crate::quota::{AccountQuota, CallSlot, QueueWeights};
use crate::shutdown::Stop;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A call that came too fast is made so often, each time after this.
const MOST_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);
/// Further from the gateway's clock, calls are signed by the gateway's.
const NOTED_SKEW: SignedDuration = SignedDuration::from_mins(1);
/// No clock is wrong by more.
const MOST_SKEW: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(super) struct CertifyCaller<'a> {
    pub(super) config: &'a Config,
    pub(super) pictures: &'a CertifyPictures,
    policy: Arc<Policy>,
    trials: TrialAccounts,
    recognition: AccountQuota,
    verification: AccountQuota,
    /// The gateway's clock, as its first answer told it.
    gateway_ahead: SignedDuration,
}

impl<'a> CertifyCaller<'a> {
    pub(super) fn new(
        config: &'a Config,
        pictures: &'a CertifyPictures,
        policy: Arc<Policy>,
        worker_id: String,
    ) -> anyhow::Result<Self> {
        let members = Membership::new(worker_id, Clock::System);
        let quota = |id: AccountId, limits: CallLimits| {
            AccountQuota::new(
                id.name,
                limits.rate_per_second,
                limits.burst,
                limits.max_in_flight,
                (members.clone(), QueueWeights::default()),
            )
        };
        Ok(Self {
            trials: TrialAccounts::new(
                &config.network()?,
                config.policy.timezone(),
                Arc::clone(&policy),
            )?,
            recognition: quota(AccountId::RECOGNITION, config.recognition.limits()),
            verification: quota(AccountId::VERIFICATION, config.verification.limits()),
            gateway_ahead: SignedDuration::ZERO,
            config,
            pictures,
            policy,
        })
    }

    /// Makes the calls of the plan. `made` is told of each.
    ///
    /// # Errors
    /// An account cannot be opened, or `made` fails.
    pub(super) async fn call_all(
        &mut self,
        plan: &CertifyPlan,
        seen: &mut Observations,
        bound: &mut SpendBound,
        stop: &Stop,
        mut made: impl FnMut(&Observations, SpendBound) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for planned in &plan.calls {
            let mut attempts = 0;
            loop {
                if let Some(reason) = reason_against(*planned, seen, *bound, stop) {
                    if attempts == 0 {
                        seen.not_made.push((*planned, reason));
                    }
                    break;
                }
                let Some(observation) = self.call(*planned, stop).await? else {
                    continue;
                };
                attempts += 1;
                bound.record(observation.billed);
                let is_throttled = observation.is_throttled();
                seen.made.push(observation);
                made(seen, *bound)?;
                if !is_throttled || attempts == MOST_ATTEMPTS {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.asked_for() => {}
                }
            }
        }
        Ok(())
    }

    /// `None` where it was asked to stop before the quota allowed the call.
    async fn call(
        &mut self,
        planned: PlannedCall,
        stop: &Stop,
    ) -> anyhow::Result<Option<CallObservation>> {
        let picture = variants::picture(self.pictures, planned).clone();
        let auto_rotate = planned.call == CertifyCall::VerificationRotated;
        let request = Request::new(View::Inline(picture.clone()), auto_rotate);
        let answered = if planned.call.stage() == Stage::Recognition {
            let (section, offset) = variants::recognition(&self.config.recognition, planned.call);
            let offset = self.gateway_ahead + offset;
            let account = self.trials.recognition(&section, offset)?;
            let slot = slot(&self.recognition, stop).await;
            ask(&account, slot, &request, &picture).await
        } else {
            let section = variants::verification(&self.config.verification, planned.call);
            let account = self.trials.verification(&section)?;
            let slot = slot(&self.verification, stop).await;
            ask(&account, slot, &request, &picture).await
        };
        let Some(answered) = answered else {
            return Ok(None);
        };
        if planned.call.stage() == Stage::Recognition {
            self.learn_clock(answered.answer.as_ref());
        }
        let (code, billed) = self.judged(planned.call.stage(), answered.outcome);
        Ok(Some(CallObservation {
            planned,
            credentials: variants::credentials(&self.config.recognition, planned.call),
            code,
            answer: answered.answer.map(observed),
            billed,
            duration: answered.duration,
            picture_bytes: picture.bytes.len(),
        }))
    }

    /// The worker corrects its signatures by the gateway's clock; so are these.
    fn learn_clock(&mut self, answer: Option<&TappedAnswer>) {
        let ahead =
            answer.and_then(|answer| Some(answer.server_time?.duration_since(answer.received)));
        let is_noted = |ahead: &SignedDuration| ahead.abs() > NOTED_SKEW && ahead.abs() < MOST_SKEW;
        if let Some(ahead) = ahead.filter(is_noted) {
            self.gateway_ahead = ahead;
        }
    }

    fn judged(&self, stage: Stage, outcome: Result<&'static str, Failure>) -> (String, Billed) {
        let account = match stage {
            Stage::Recognition => AccountId::RECOGNITION,
            _ => AccountId::VERIFICATION,
        };
        match outcome {
            Ok(code) => (code.to_owned(), self.policy.billed(account, code)),
            Err(failure) => {
                let failure = failure.of_vendor(account.vendor);
                let billed = self.policy.billed_failure(&failure);
                (failure.code, billed)
            }
        }
    }
}

/// A call that was made.
struct AnsweredCall {
    outcome: Result<&'static str, Failure>,
    answer: Option<TappedAnswer>,
    duration: Duration,
}

/// Asks once, within the account's rate.
async fn ask<A>(
    account: &TrialAccount<A>,
    slot: Option<CallSlot<'_>>,
    request: &Request,
    picture: &Picture,
) -> Option<AnsweredCall> {
    let mut slot = slot?;
    slot.start();
    let started = Instant::now();
    let outcome = account
        .provider
        .call(request, Shown::Picture(picture))
        .await;
    let duration = started.elapsed();
    slot.end(false).granted();
    Some(AnsweredCall {
        outcome: outcome.map(|Reply { code, .. }| code),
        answer: account.tap.take(),
        duration,
    })
}

/// Waits for the quota; `None` where it is asked to stop meanwhile.
async fn slot<'a>(quota: &'a AccountQuota, stop: &Stop) -> Option<CallSlot<'a>> {
    tokio::select! {
        biased;
        () = stop.asked_for() => None,
        slot = quota.acquire(None) => Some(slot),
    }
}

/// Why the call is not made.
fn reason_against(
    planned: PlannedCall,
    seen: &Observations,
    bound: SpendBound,
    stop: &Stop,
) -> Option<String> {
    if stop.is_asked_for() {
        return Some("interrupted before".to_owned());
    }
    if !bound.allows_a_call() {
        return Some(format!("the {} paid calls are used up", bound.most()));
    }
    let usual = match planned.call.stage() {
        Stage::Recognition => CertifyCall::RecognitionPicture,
        _ => CertifyCall::VerificationPicture,
    };
    let is_answered = seen
        .of(usual)
        .is_some_and(CallObservation::is_about_the_picture);
    let depends = planned.call.needs_usual() || planned.picture > 0;
    (depends && !is_answered).then(|| seen.why_not(usual))
}

fn observed(answer: TappedAnswer) -> ObservedAnswer {
    let ahead = answer
        .server_time
        .map(|time| time.duration_since(answer.received).as_secs());
    let object = answer.object.as_deref();
    ObservedAnswer {
        http_status: answer.http_status,
        content_type: answer.content_type,
        seconds_ahead: ahead,
        has_retry_after: answer.has_retry_after,
        bytes: answer.bytes,
        object: object.and_then(|text| serde_json::from_str(text).ok()),
        is_strict: answer.is_strict,
    }
}
