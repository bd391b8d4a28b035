//! What a failure says about a scope that its call probed. Pure.

use super::closure::Closure;
use crate::domain::failure::Failure;
use crate::domain::scope::Scope;
use crate::policy::{Decision, Meaning, Policy, PolicyDecision, Proof, ScopeKind, Streak};

pub(super) enum Evidence {
    /// The scope works.
    Good,
    /// It still fails as when it was closed.
    Bad,
    /// The failure speaks of something else.
    None,
}

pub(super) fn evidence(
    scope: &Scope,
    closure: Option<&Closure>,
    failure: &Failure,
    decision: &PolicyDecision,
) -> Evidence {
    let is_about = |kind| decision.scope == kind;
    match scope {
        // It would have paused the account, were it not this job's habit: the failure proves nothing.
        _ if decision.is_the_job => Evidence::None,
        // Any answer but another reason to pause: the account is in order.
        Scope::Pause(_) => {
            let is_reason = decision.decision == Decision::Pause
                || is_outage(decision)
                || is_the_same_again(closure, failure, decision.meaning);
            if is_reason {
                Evidence::Bad
            } else {
                Evidence::Good
            }
        }
        Scope::Account(_) if is_about(ScopeKind::Stage) || is_unanswered(decision) => {
            Evidence::None
        }
        Scope::Province(_) if is_about(ScopeKind::Province) || !is_registrys(decision) => {
            Evidence::None
        }
        Scope::Bill(_) if is_about(ScopeKind::Bill) || !is_registrys(decision) => Evidence::None,
        Scope::Account(_) | Scope::Province(_) | Scope::Bill(_) => Evidence::Good,
    }
}

/// While an account is paused for malformed requests, forbidden keys or our identity, one more such
/// failure is its job's own matter. The pause goes on.
pub(super) fn is_the_same_again(
    closure: Option<&Closure>,
    failure: &Failure,
    meaning: Meaning,
) -> bool {
    match closure.and_then(|closure| closure.streak) {
        Some(
            streak @ (Streak::Refused | Streak::Malformed | Streak::Forbidden | Streak::Identity),
        ) => meaning.streak == Some(streak),
        Some(Streak::Unproven) => meaning.may_be_our_setting,
        Some(Streak::Unlisted) => closure.is_some_and(|closure| {
            (closure.stage, &closure.code) == (failure.stage, &failure.code)
        }),
        Some(Streak::Outage | Streak::Network | Streak::Checkpoints) | None => false,
    }
}

/// Such an answer comes only where our credentials, our address and our network are in order.
pub(super) fn shows_the_account_at_work(
    failure: &Failure,
    decision: &PolicyDecision,
    policy: &Policy,
) -> bool {
    let is_an_answer = policy.names_answer(failure)
        && decision.meaning.evidence != Proof::Nothing
        && !is_outage(decision);
    let is_refused =
        matches!(decision.decision, Decision::Pause | Decision::Throttle) || decision.is_the_job;
    is_an_answer && !is_refused
}

pub(super) fn kind_of(scope: &Scope) -> Option<ScopeKind> {
    match scope {
        Scope::Pause(_) => None,
        Scope::Account(_) => Some(ScopeKind::Stage),
        Scope::Province(_) => Some(ScopeKind::Province),
        Scope::Bill(_) => Some(ScopeKind::Bill),
    }
}

fn is_outage(decision: &PolicyDecision) -> bool {
    decision.meaning.streak == Some(Streak::Outage)
}

/// The provider did not look at the question.
fn is_unanswered(decision: &PolicyDecision) -> bool {
    is_outage(decision) || matches!(decision.decision, Decision::Pause | Decision::Throttle)
}

fn is_registrys(decision: &PolicyDecision) -> bool {
    decision.meaning.evidence == Proof::Registry
}
