//! What one worker's breaker knows, and what an outcome of a call changes in it. Pure: the time,
//! the other workers and the policy are arguments.

use super::closure::ClosureCause;
use super::closures::Closures;
use super::evidence::{Evidence, evidence, kind_of, shows_the_account_at_work};
use super::readiness::Readiness;
use super::{Blocked, ClosureChange};
use crate::cluster::peers::Peers;
use crate::cluster::resume::ResumeTarget;
use crate::domain::account::{AccountId, AccountName};
use crate::domain::failure::{Failure, MAX_MESSAGE_BYTES, Stage, cut};
use crate::domain::scope::Scope;
use crate::policy::{Decision, Policy, PolicyDecision, ProbeSchedule, ScopeKind, Streak, Streaks};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Each account gets at most one control call in this time: it may be paid for.
pub const CONTROL_CALL_EVERY: SignedDuration = SignedDuration::from_mins(10);

#[derive(Debug, Default)]
pub(super) struct BreakerState {
    pub(super) closures: Closures,
    pub(super) readiness: Readiness,
    pub(super) streaks: Streaks,
}

/// The values that an outcome depends on beside the state.
pub(super) struct BreakerContext<'a> {
    pub(super) peers: &'a Peers,
    pub(super) policy: &'a Policy,
    pub(super) timezone: &'a TimeZone,
    pub(super) now: Timestamp,
}

/// A call that may be made.
#[derive(Debug)]
pub(super) struct PermittedCall {
    pub(super) account: AccountId,
    pub(super) run: String,
    pub(super) scopes: Vec<Scope>,
    /// Those of its scopes that it is to open.
    pub(super) probed: Vec<Scope>,
}

impl BreakerState {
    /// Lets a run's call through.
    ///
    /// # Errors
    /// [`Blocked`]: what keeps the call from being made.
    pub(super) fn admit(
        &mut self,
        account: AccountId,
        scopes: &[Scope],
        run: &str,
        context: &BreakerContext<'_>,
    ) -> Result<PermittedCall, Blocked> {
        let probed = self
            .closures
            .admit(scopes, run, context.peers, context.now)?;
        Ok(PermittedCall {
            account,
            run: run.to_owned(),
            scopes: scopes.to_vec(),
            probed,
        })
    }

    /// A good answer opens what the call probed.
    pub(super) fn answered(
        &mut self,
        call: &PermittedCall,
        context: &BreakerContext<'_>,
    ) -> Vec<ClosureChange> {
        let account = call.account.name;
        self.streaks.answered(account);
        self.readiness.answered(account, context.now);
        call.probed
            .iter()
            .filter_map(|scope| self.closures.open(scope, context.peers, context.now))
            .collect()
    }

    /// A failure that is not tried again in place closes its scope or pauses its account; and it is
    /// an answer, or none, for what the call probed.
    pub(super) fn failed(
        &mut self,
        call: &PermittedCall,
        failure: &Failure,
        decision: &PolicyDecision,
        context: &BreakerContext<'_>,
    ) -> Vec<ClosureChange> {
        let &BreakerContext {
            peers,
            policy,
            timezone,
            now,
        } = context;
        let reason = reason(policy.reason_of(decision), failure);
        let cause = |scope: &Scope, streak| ClosureCause {
            stage: failure.stage,
            vendor: failure.vendor,
            code: failure.code.clone(),
            reason: reason.clone(),
            streak,
            run: call.run.clone(),
            is_probe: call.probed.contains(scope),
            is_own: decision.meaning.may_be_our_network,
            now,
        };
        let probes = policy.probes(failure);
        let next = |failures| {
            if decision.streak.is_some_and(Streak::needs_a_control_call) {
                next_control_call(&probes, failures, context)
            } else {
                probes.next(failures, now, timezone)
            }
        };
        let mut changes = Vec::new();
        let account = call.account.name;
        if shows_the_account_at_work(failure, decision, policy) {
            self.readiness.works(account);
        }
        let backend = Scope::Account(account);
        if let Evidence::Good = evidence(&backend, None, failure, decision) {
            self.readiness.answered(account, now);
        }
        if let Some((until, scope)) = decision.closes.zip(scope_of(call, decision.scope)) {
            let cause = cause(scope, decision.streak);
            changes.extend(self.closures.close(scope, &cause, |_| until, peers));
        }
        if decision.decision == Decision::Pause {
            let pause = Scope::Pause(account);
            let cause = cause(&pause, decision.streak);
            changes.extend(self.closures.close(&pause, &cause, next, peers));
        }
        for scope in &call.probed {
            let closure = self.closures.closure(scope).cloned();
            match evidence(scope, closure.as_ref(), failure, decision) {
                Evidence::Good => changes.extend(self.closures.open(scope, peers, now)),
                Evidence::Bad => {
                    // Still for what it was paused for.
                    let cause = cause(scope, closure.and_then(|closure| closure.streak));
                    changes.extend(self.closures.close(scope, &cause, next, peers));
                }
                Evidence::None => self.closures.release(scope, peers, now),
            }
        }
        changes
    }

    /// The account whose next control call is due, and the streak it is to confirm.
    pub(super) fn control_call_due(&self, now: Timestamp) -> Option<(AccountName, Streak)> {
        self.closures.pauses().find_map(|(account, closure)| {
            let streak = closure
                .streak
                .filter(|streak| streak.needs_a_control_call())?;
            (now >= closure.until).then_some((account, streak))
        })
    }

    /// A call beside the jobs was answered: the account is not paused any more.
    pub(super) fn account_works(
        &mut self,
        account: AccountName,
        context: &BreakerContext<'_>,
    ) -> Option<ClosureChange> {
        self.streaks.answered(account);
        self.closures
            .open(&Scope::Pause(account), context.peers, context.now)
    }

    /// An operator opens what is closed. The failures in a row of an account begin anew.
    pub(super) fn resume(
        &mut self,
        what: &ResumeTarget,
        context: &BreakerContext<'_>,
    ) -> Vec<ClosureChange> {
        let closed = self.closures.closed();
        let included: Vec<Scope> = closed
            .filter(|scope| what.includes(scope))
            .cloned()
            .collect();
        let mut changes = Vec::new();
        for scope in &included {
            if let Scope::Pause(account) | Scope::Account(account) = scope {
                self.streaks.answered(*account);
            }
            changes.extend(self.closures.resume(scope, context.peers, context.now));
        }
        changes
    }

    /// The control call of a paused account was refused once more.
    pub(super) fn control_call_refused(
        &mut self,
        account: AccountName,
        failure: &Failure,
        context: &BreakerContext<'_>,
    ) -> Option<ClosureChange> {
        let probes = context.policy.probes(failure);
        let next = |failures| {
            if account == AccountName::STORAGE {
                // It costs nothing.
                probes.next(failures, context.now, context.timezone)
            } else {
                next_control_call(&probes, failures, context)
            }
        };
        self.closures
            .prolong(&Scope::Pause(account), next, context.peers, context.now)
    }
}

/// When the control call after so many refused ones is made.
fn next_control_call(
    probes: &ProbeSchedule,
    failures: u32,
    context: &BreakerContext<'_>,
) -> Timestamp {
    let earliest = context.now.saturating_add(CONTROL_CALL_EVERY);
    let next = probes.next(failures, context.now, context.timezone);
    next.max(earliest.unwrap_or(Timestamp::MAX))
}

fn scope_of(call: &PermittedCall, kind: ScopeKind) -> Option<&Scope> {
    call.scopes
        .iter()
        .find(|scope| kind_of(scope) == Some(kind))
}

/// The policy's reason; what the store said is in our own words, and so are the cause of a connection
/// that could not be made and where a redirect leads.
pub(super) fn reason(of_policy: &str, failure: &Failure) -> String {
    let has_own_words = failure.stage == Stage::Storage
        || failure.connection_cause().is_some()
        || failure
            .http_status
            .is_some_and(|status| (300..400).contains(&status));
    let reason = if has_own_words {
        format!("{of_policy}: {}", failure.message)
    } else {
        of_policy.to_owned()
    };
    cut(&reason, MAX_MESSAGE_BYTES).to_owned()
}
