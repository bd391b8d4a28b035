//! Asks the policy about a failure, and carries out the decisions that keep the job in place.

use super::context::{CallContext, JobContext};
use super::stage_stopped::StageStopped;
use crate::breaker::{About, Blocked, Breaker, CallPermit};
use crate::budget::Budgets;
use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::failure::{Billed, Failure, Stage};
use crate::domain::progress::Progress;
use crate::policy::{Decision, Facts, Policy, PolicyDecision, Streak, Subject, Transfer, UNPROVEN};
use crate::quota::QueueWeights;
use crate::randomness::Randomness;
use crate::telemetry::metric;
use crate::waits::{self, LONGEST_HOLD};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// The longest `Retry-After` that is honoured while a delivery is held.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
/// The message about a call that is not made begins so: another job's answer is the reason.
pub const NOT_ASKED: &str = "not asked: ";

/// The parts that every decision needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Retrier {
    pub policy: Arc<Policy>,
    pub timezone: TimeZone,
    pub clock: Clock,
    pub randomness: Randomness,
    pub breaker: Breaker,
    pub budgets: Budgets,
    /// The job queues among which calls are shared out.
    pub queue_weights: QueueWeights,
    pub observer: Arc<dyn DecisionObserver>,
}

/// Observes the rule of the policy by which each answer is decided.
pub trait DecisionObserver: std::fmt::Debug + Send + Sync {
    fn decided(&self, rule: &str);
}

/// Logs each decision at the level `debug`.
#[derive(Debug)]
pub struct DecisionLog;

impl DecisionObserver for DecisionLog {
    fn decided(&self, rule: &str) {
        tracing::debug!(rule, "the policy decided about an answer");
    }
}

impl Retrier {
    /// Asks the policy what follows from a call's failure.
    pub fn decide(
        &self,
        failure: &Failure,
        permit: &CallPermit,
        call: &mut CallContext<'_>,
    ) -> PolicyDecision {
        let now = self.clock.now();
        let before = call.progress.last_told(failure.stage, &failure.code);
        let failing_since = *call.failing_since.get_or_insert(before.unwrap_or(now));
        let bill = call.progress.about.bill.as_ref();
        let subject = Subject {
            name: call.subject,
            province: bill.and_then(|bill| bill.province.as_ref()),
            is_brought: call.job.origin.concerns(failure.stage, call.transfer),
            is_inline: call.transfer == Transfer::Inline,
        };
        let about = About {
            subject,
            failing_since,
        };
        let facts = Facts {
            now,
            deadline: call.job.deadline,
            timezone: self.timezone.clone(),
            billing_date: call.billing_date,
            transfer: call.transfer,
            spread: self.randomness.unit(),
            others: self.breaker.others(permit, failure, &about),
        };
        loop {
            let decided = self.policy.decide(failure, call.progress, &facts);
            if decided.decision != Decision::Inline || call.can_send_bytes {
                self.observer.decided(&decided.rule);
                return decided;
            }
            // The worker never reads the bytes behind a URL of the job's own, so the step counts as
            // taken, and the next one follows.
            call.progress.charge(&decided.rule, decided.step);
        }
    }

    /// Returns whether a good answer with this code, to a call with the account, is paid for.
    pub fn billed(&self, account: AccountId, code: &str) -> Billed {
        let answer = Failure::new(account.stage, code, "").of_vendor(account.vendor);
        if let Some(rule) = self.policy.rule_about(&answer) {
            self.observer.decided(&rule.id);
        }
        self.policy.billed(account, code)
    }

    /// Checks whether a call may be started.
    ///
    /// # Errors
    /// [`StageStopped`]: the job is parked at once if the worker is stopping, and fails with
    /// `job.deadline` after its deadline.
    pub fn may_call(&self, job: &JobContext<'_>) -> Result<(), Box<StageStopped>> {
        if job.halt.is_cancelled() {
            return Err(self.stopping());
        }
        if self.clock.now() > job.deadline {
            let failure = Failure::new(
                Stage::Job,
                "job.deadline",
                "the job's deadline passed before another attempt could be started",
            );
            let decision = Decision::Fail { invalid_job: None };
            return Err(StageStopped::boxed(failure, decision));
        }
        Ok(())
    }

    /// Returns the permit to make this call. `kept` is the permit of the attempt before.
    ///
    /// # Errors
    /// [`StageStopped`]: the stage, the province or the bill is closed.
    pub async fn enter(
        &self,
        call: &CallContext<'_>,
        kept: Option<CallPermit>,
    ) -> Result<CallPermit, Box<StageStopped>> {
        let scopes = call.progress.scopes(call.account);
        self.breaker
            .enter(call.account, &scopes, &call.progress.run, kept)
            .await
            .map_err(|blocked| self.blocked(blocked, call.job.deadline))
    }

    /// Decides about a job for which no call may be made. It is parked at the cost of no attempt,
    /// and ends if its deadline comes before the scope opens.
    pub fn blocked(&self, blocked: Blocked, deadline: Timestamp) -> Box<StageStopped> {
        let too_late =
            self.clock.now() > deadline || (!blocked.scope.is_pause() && blocked.until > deadline);
        let decision = if too_late {
            Decision::Fail { invalid_job: None }
        } else {
            Decision::Park {
                until: blocked.until,
            }
        };
        let message = format!(
            "{NOT_ASKED}{} answered {} to others, and no call is made until {}",
            blocked.scope, blocked.code, blocked.until
        );
        let failure = Failure::new(blocked.stage, &blocked.code, message);
        Box::new(StageStopped {
            failure,
            policy: PolicyDecision::without_rule(decision),
            is_brief: blocked.is_brief,
            blocked: Some(blocked),
        })
    }

    /// Waits until it is time to try again. Returns the permit if it is still held.
    ///
    /// # Errors
    /// [`StageStopped`] for every decision that is not carried out in place.
    pub async fn wait_or_stop(
        &self,
        failure: Failure,
        decided: PolicyDecision,
        permit: CallPermit,
        call: &mut CallContext<'_>,
    ) -> Result<Option<CallPermit>, Box<StageStopped>> {
        if decided.decision.is_charged() {
            call.progress.charge(&decided.rule, decided.step);
        }
        let may_be_held = call.job.began.elapsed() < LONGEST_HOLD;
        match decided.decision {
            Decision::Retry { wait } if may_be_held => {
                call.progress.costs.totals.retries =
                    call.progress.costs.totals.retries.saturating_add(1);
                self.wait(wait, &failure, call.job).await;
                Ok(Some(permit))
            }
            // The client has corrected its clock from the answer: the next call is signed anew.
            Decision::Resign => Ok(Some(permit)),
            Decision::Throttle if may_be_held => {
                self.breaker.failed(permit, &failure, &decided);
                let wait = waits::throttled(self.randomness.unit());
                self.wait(wait, &failure, call.job).await;
                Ok(None)
            }
            _ => {
                if decided.streak == Some(Streak::Unproven) {
                    call.progress.charge(UNPROVEN, 0);
                }
                if decided.decision == Decision::Pause {
                    call.progress.paused(
                        failure.stage,
                        self.clock.now(),
                        self.breaker.last_answer(call.account.name),
                    );
                }
                self.breaker.failed(permit, &failure, &decided);
                Err(Box::new(StageStopped {
                    failure,
                    policy: decided,
                    blocked: None,
                    is_brief: false,
                }))
            }
        }
    }

    async fn wait(&self, wait: Duration, failure: &Failure, job: &JobContext<'_>) {
        let asked = failure.retry_after.unwrap_or_default();
        let wait = wait.max(asked.min(LONGEST_RETRY_AFTER));
        tracing::debug!(stage = %failure.stage, code = failure.code, wait_ms = wait.as_millis(), "trying again in place");
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            // The next attempt is then refused by `may_call`.
            () = job.halt.cancelled() => {}
        }
    }

    /// Records that a parked job has returned. The time of a pause does not count against its
    /// deadline. A redelivered job was counted by the metric before.
    pub fn record_return(&self, progress: &mut Progress, is_redelivered: bool) {
        let Some(parked) = progress.delivered.parked.take() else {
            return;
        };
        let now = self.clock.now();
        progress.slept(if parked.by_pause {
            now.duration_since(parked.at)
        } else {
            self.breaker.paused_between(parked.at, now)
        });
        if !is_redelivered {
            let label = self.policy.label(parked.stage, &parked.code);
            metric::returned(parked.stage, label);
        }
    }

    /// Returns today's date in the policy's time zone.
    pub fn today(&self) -> Date {
        let now = self.clock.now();
        now.to_zoned(self.timezone.clone()).date()
    }

    pub(super) fn stopping(&self) -> Box<StageStopped> {
        let failure = Failure::new(
            Stage::Worker,
            "worker.stopping",
            "the worker was asked to stop; another one goes on",
        );
        let until = self.clock.now();
        StageStopped::boxed(failure, Decision::Park { until })
    }
}
