//! What other jobs have met with, as far as a decision about one failure depends on it, and what
//! other workers say about closed scopes, as far as this worker believes it. Pure.

use super::ClosureChange;
use super::evidence::{is_the_same_again, kind_of};
use super::state::{BreakerContext, BreakerState, PermittedCall};
use crate::cluster::closure_report::{ClosureReport, ReportedState};
use crate::domain::account::AccountId;
use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Scope;
use crate::policy::{Meaning, Others, Streak, Subject};
use jiff::{SignedDuration, Timestamp};

/// The subject of a failed call, beside its account.
#[derive(Clone, Debug)]
pub struct About<'a> {
    pub subject: Subject<'a>,
    /// Since when the job has been failing at this stage. Where another job was answered since
    /// then, it is the job.
    pub failing_since: Timestamp,
}

impl BreakerState {
    /// Takes over what is newer than what this worker knows, and not refuted by what it has seen
    /// itself.
    pub(super) fn merge(
        &mut self,
        mut reports: Vec<ClosureReport>,
        context: &BreakerContext<'_>,
    ) -> Vec<ClosureChange> {
        reports.retain(|report| !self.is_refuted(report, context.now));
        self.closures
            .merge(reports, context.policy.longest_wait(), context.now)
    }

    /// The stage answered this worker since another one closed it: that one's reason is its own, or
    /// is over. A stage that is closed here as well stays so until a probe opens it.
    fn is_refuted(&self, report: &ClosureReport, now: Timestamp) -> bool {
        let (Scope::Account(account), ReportedState::Closed(closure)) =
            (&report.scope, &report.state)
        else {
            return false;
        };
        let closed = now.saturating_sub(SignedDuration::from_millis(closure.since_ms.max(0)));
        let answered = self.readiness.last_answer(*account);
        self.closures.closure(&report.scope).is_none()
            && answered.is_some_and(|answered| closed.is_ok_and(|closed| answered > closed))
    }

    /// The outcomes of other jobs' calls, for the decision about this failure.
    pub(super) fn others(
        &mut self,
        call: &PermittedCall,
        failure: &Failure,
        about: &About<'_>,
        context: &BreakerContext<'_>,
    ) -> Others {
        let (subject, meaning) = (&about.subject, context.policy.meaning(failure));
        let failures = call
            .scopes
            .iter()
            .filter_map(|scope| Some((kind_of(scope)?, self.failures(scope, call, context))))
            .collect();
        // While an account is paused for malformed requests, or for forbidden keys, one more is that
        // job's own.
        let is_expected = call
            .probed
            .iter()
            .filter(|scope| scope.is_pause())
            .any(|scope| is_the_same_again(self.closures.closure(scope), failure, meaning));
        let streak = self
            .streaks
            .failed(
                context.policy.streaks(),
                call.account.name,
                failure,
                meaning,
                subject,
                context.now,
            )
            .filter(|_| !is_expected);
        let is_suspicion =
            |streak: Streak| streak.needs_a_control_call() || streak.needs_a_control_read();
        let (suspicion, streak) = if streak.is_some_and(is_suspicion) {
            (streak, None)
        } else {
            (None, streak)
        };
        Others {
            streak,
            suspicion,
            answered: self
                .readiness
                .last_answer(call.account.name)
                .is_some_and(|answered| answered > about.failing_since),
            only_this_worker: self.own_fault(call.account, meaning, subject, context),
            is_brought: subject.is_brought,
            failures,
        }
    }

    /// How often calls have failed in this scope before this one. A call that was under way when
    /// the scope was closed fails together with the one that closed it.
    fn failures(&self, scope: &Scope, call: &PermittedCall, context: &BreakerContext<'_>) -> u32 {
        let failures = self
            .closures
            .closure(scope)
            .map_or(0, |closure| closure.failures);
        let is_probe =
            call.probed.contains(scope) && self.closures.is_probed_by(scope, context.peers.me());
        failures.saturating_sub(u32::from(!is_probe))
    }

    /// Why the failure may be this worker's alone, where there are others that may do better.
    fn own_fault(
        &self,
        account: AccountId,
        meaning: Meaning,
        subject: &Subject<'_>,
        context: &BreakerContext<'_>,
    ) -> Option<Streak> {
        let is_ours =
            !subject.is_brought || (account.stage != Stage::Storage && meaning.may_be_our_network);
        if !is_ours || !context.peers.has_others(context.now) {
            return None;
        }
        if !self.readiness.has_worked(account.name) && meaning.may_be_our_setting {
            return Some(Streak::Unproven);
        }
        meaning.may_be_our_network.then_some(Streak::Network)
    }
}
