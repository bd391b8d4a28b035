//! What a job does whose call is under a budget: it waits for calls in the air, or is parked until
//! the budget opens, at the cost of no attempt.

use super::context::{CallContext, JobContext};
use super::retrier::Retrier;
use super::stage_stopped::StageStopped;
use crate::budget::{BUDGET, BudgetRefusal, PendingCall};
use crate::domain::account::{AccountId, AccountName};
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::scope::Scope;
use crate::policy::{Decision, PolicyDecision};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::sync::watch;

/// A call takes seconds: so long a job waits in place for those in the air.
const IN_PLACE: Duration = Duration::from_secs(5);
/// Then it is parked for so long, because another worker may be the one that has something left.
const TURNED_AWAY: SignedDuration = SignedDuration::from_secs(5);
/// A job whose budget is not known looks again after this.
const UNKNOWN: SignedDuration = SignedDuration::from_mins(1);

impl Retrier {
    /// Decides about a job before anything is fetched for it: it is parked if its next call will not
    /// be made.
    ///
    /// # Errors
    /// [`StageStopped`]: a scope is closed, or a budget used up.
    pub fn look_ahead(
        &self,
        next: AccountId,
        scopes: &[Scope],
        job: &JobContext<'_>,
        progress: &Progress,
    ) -> Result<(), Box<StageStopped>> {
        if let Some(blocked) = self.breaker.blocked(scopes, &progress.run) {
            let stopped = self.blocked(blocked, job.deadline);
            if matches!(stopped.decision(), Decision::Park { .. }) {
                return Err(stopped);
            }
        }
        if progress.about.image.is_none() {
            // Its answer may be known already, and cost nothing.
            return Ok(());
        }
        match self.budgets.look(next.name, job.job) {
            Ok(()) | Err(BudgetRefusal::NotNow) => Ok(()),
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    /// Waits until the call may be made, as far as budgets are concerned. Nothing is held meanwhile.
    ///
    /// # Errors
    /// [`StageStopped`]: a budget is used up, or it is not known within seconds that it is not; or
    /// the job may start nothing more.
    pub async fn wait_for_budget(&self, call: &CallContext<'_>) -> Result<(), Box<StageStopped>> {
        let Some(mut changes) = self.budgets.changes().filter(|_| call.job.is_queued) else {
            return Ok(());
        };
        let mut of_others = self.breaker.changes();
        let patience = tokio::time::sleep(IN_PLACE);
        tokio::pin!(patience);
        let mut waiting = None;
        loop {
            match self.budgets.look(call.account.name, call.job.job) {
                Ok(()) => return Ok(()),
                Err(BudgetRefusal::NotNow) => {}
                Err(refusal) => return Err(self.refused(refusal)),
            }
            // It has a call to make: what is left is divided among such workers.
            waiting.get_or_insert_with(|| self.breaker.membership().wait_for_call());
            tokio::select! {
                biased;
                () = call.job.halt.cancelled() => self.may_call(call.job)?,
                () = &mut patience => return Err(self.refused(BudgetRefusal::NotNow)),
                () = either_changes(&mut changes, &mut of_others) => {}
            }
        }
    }

    /// Takes a call into account that begins at this time; `None` where it has to wait for those in
    /// the air.
    ///
    /// # Errors
    /// As [`Retrier::wait_for_budget`].
    pub fn begin_call(
        &self,
        call: &CallContext<'_>,
        at: Timestamp,
    ) -> Result<Option<PendingCall>, Box<StageStopped>> {
        if !call.job.is_queued {
            // The caller waits, and no ledger tells of the call.
            return Ok(Some(PendingCall::under_no_budget()));
        }
        match self.budgets.begin(call.account.name, call.job.job, at) {
            Ok(pending) => Ok(Some(pending)),
            Err(BudgetRefusal::NotNow) => Ok(None),
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    /// Whether a job that waits for a budget need not wait any more: its period is over, or the
    /// amount was raised.
    pub fn is_budget_open(&self, job: &Job, progress: &Progress) -> bool {
        let parked = progress.delivered.parked.as_ref();
        let next = match progress.about.bill {
            Some(_) => AccountName::VERIFICATION,
            None => AccountName::RECOGNITION,
        };
        parked.is_some_and(|parked| parked.code == BUDGET) && self.budgets.look(next, job).is_ok()
    }

    fn refused(&self, refusal: BudgetRefusal) -> Box<StageStopped> {
        let now = self.clock.now();
        let later = |wait| now.saturating_add(wait).unwrap_or(now);
        let (until, is_brief, message) = match refusal {
            BudgetRefusal::NotNow => (
                later(TURNED_AWAY),
                true,
                "calls in the air may use up what is left of its budget".to_owned(),
            ),
            BudgetRefusal::UsedUp { budget, until } => (
                until,
                false,
                format!("the budget of {budget} is used up; it opens at {until}"),
            ),
            BudgetRefusal::Unknown { problem } => (
                later(UNKNOWN),
                true,
                format!("what was spent of its budget is not known: {problem}"),
            ),
        };
        Box::new(StageStopped {
            failure: Failure::new(Stage::Worker, BUDGET, message),
            policy: PolicyDecision {
                rule: BUDGET.to_owned(),
                ..PolicyDecision::without_rule(Decision::Park { until })
            },
            blocked: None,
            is_brief,
        })
    }
}

/// Never an error: the senders live as long as the retrier.
async fn either_changes(one: &mut watch::Receiver<()>, other: &mut watch::Receiver<()>) {
    tokio::select! {
        _ = one.changed() => {}
        _ = other.changed() => {}
    }
}

#[cfg(test)]
mod tests;
