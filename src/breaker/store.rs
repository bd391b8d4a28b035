//! What requests to the store beside the jobs say about the storage stage. Pure.

use super::ClosureChange;
use super::closure::ClosureCause;
use super::state::{BreakerContext, BreakerState, reason};
use crate::domain::account::AccountName;
use crate::domain::failure::{Failure, MAX_MESSAGE_BYTES, cut};
use crate::domain::progress::Progress;
use crate::domain::scope::Scope;
use crate::domain::stage::Stage;
use crate::policy::{Decision, Facts, Others, PolicyDecision, Streak, Transfer};
use jiff::Timestamp;

impl BreakerState {
    /// A request to the store beside the jobs failed. Where no job could be served either, the
    /// stage is paused before one is taken.
    pub(super) fn store_fails(
        &mut self,
        failure: &Failure,
        context: &BreakerContext<'_>,
    ) -> Option<ClosureChange> {
        let decision = decided(failure, context);
        self.readiness.set_doubt(Some(&failure.message));
        if decision.decision != Decision::Pause {
            return None;
        }
        let reason = reason(context.policy.reason_of(&decision), failure);
        self.pause_store(failure, reason, None, context)
    }

    /// Checkpoints cannot be read and written. An image that can be read says nothing about them,
    /// so that no job probes the stage.
    pub(super) fn checkpoints_fail(
        &mut self,
        failure: &Failure,
        context: &BreakerContext<'_>,
    ) -> Option<ClosureChange> {
        let streak = Some(Streak::Checkpoints);
        let reason = format!(
            "{}: {}",
            context.policy.streak_reason(Streak::Checkpoints),
            failure.message
        );
        let reason = cut(&reason, MAX_MESSAGE_BYTES).to_owned();
        self.pause_store(failure, reason, streak, context)
    }

    fn pause_store(
        &mut self,
        failure: &Failure,
        reason: String,
        streak: Option<Streak>,
        context: &BreakerContext<'_>,
    ) -> Option<ClosureChange> {
        let &BreakerContext {
            peers,
            policy,
            timezone,
            now,
        } = context;
        let cause = ClosureCause {
            stage: Stage::Storage,
            vendor: failure.vendor,
            code: failure.code.clone(),
            reason,
            streak,
            run: String::new(),
            is_probe: false,
            is_own: true,
            now,
        };
        let probes = policy.probes(failure);
        let next = |failures| probes.next(failures, now, timezone);
        self.closures
            .close(&Scope::Pause(AccountName::STORAGE), &cause, next, peers)
    }
}

/// Whether a failure may be about the store's configuration, its account or this worker's rights.
pub(super) fn is_about_setting(failure: &Failure, context: &BreakerContext<'_>) -> bool {
    let decision = decided(failure, context);
    let is_row = matches!(
        decision.meaning.streak,
        Some(Streak::Forbidden | Streak::Unlisted)
    );
    failure.stage == Stage::Storage && (is_row || decision.decision == Decision::Pause)
}

/// The policy's decision about a failure that is no job's.
fn decided(failure: &Failure, context: &BreakerContext<'_>) -> PolicyDecision {
    let facts = Facts {
        now: context.now,
        deadline: Timestamp::MAX,
        timezone: context.timezone.clone(),
        billing_date: None,
        transfer: Transfer::Inline,
        spread: 0.5,
        others: Others::default(),
    };
    let progress = Progress::new(String::new(), context.now);
    context.policy.decide(failure, &progress, &facts)
}
