//! Leave to make a call; and what its answer proves.

use super::shared::{Breaker, scope_of};
use crate::breaker::{Blocked, Closure};
use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Scope;
use crate::policy::{
    Decision, PolicyDecision, ScopeKind, Streak, is_forbidden, is_identity, is_outage,
    may_be_our_setting,
};
use std::time::Duration;

/// Another worker may want to probe the same place at the same moment; by then each has heard of
/// the other.
const CLAIM_WAIT: Duration = Duration::from_millis(500);

/// Leave to call. Dropped without an answer, what it was to probe is anybody's again.
#[derive(Debug)]
#[must_use]
pub struct CallPermit {
    breaker: Breaker,
    run: String,
    places: Vec<Scope>,
    probed: Vec<Scope>,
}

impl Breaker {
    /// Leave for a run to make a call at these places, or what stands in its way. `kept` is the
    /// leave for the attempt before this one: a probe that is tried again in place stays the probe.
    pub async fn enter(
        &self,
        places: &[Scope],
        run: &str,
        kept: Option<CallPermit>,
    ) -> Result<CallPermit, Blocked> {
        if let Some(kept) = kept
            && !kept.probed.is_empty()
            && kept.is_first()
        {
            return Ok(kept);
        }
        loop {
            let (probed, alone) = {
                let now = self.0.clock.now();
                let state = &mut *self.state();
                if let Some(barrier) = state.unstored_at(places, now) {
                    return Err(barrier);
                }
                (
                    state.closures.admit(places, run, &state.peers, now)?,
                    state.peers.alive(now) == 1,
                )
            };
            let is_probe = !probed.is_empty();
            // Of a pause no other worker knows.
            let is_claimed = probed.iter().any(|place| !place.is_pause());
            let pass = CallPermit {
                breaker: self.clone(),
                run: run.to_owned(),
                places: places.to_vec(),
                probed,
            };
            if is_probe {
                self.announce();
            }
            if is_claimed && !alone {
                tokio::time::sleep(CLAIM_WAIT).await;
            }
            if pass.is_first() {
                return Ok(pass);
            }
        }
    }
}

impl CallPermit {
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    pub(super) fn places(&self) -> &[Scope] {
        &self.places
    }

    pub(super) fn probed(&self) -> &[Scope] {
        &self.probed
    }

    pub(super) fn probes(&self, place: &Scope) -> bool {
        self.probed.contains(place)
    }

    pub(super) fn place(&self, scope: ScopeKind) -> Option<&Scope> {
        self.places
            .iter()
            .find(|place| scope_of(place) == Some(scope))
    }

    /// Is somebody waiting for its answer?
    pub fn is_probe(&self) -> bool {
        !self.probed.is_empty()
    }

    /// There is an answer.
    pub(super) fn conclude(mut self) -> Vec<Scope> {
        std::mem::take(&mut self.probed)
    }

    /// Is everything it probes still its own?
    fn is_first(&self) -> bool {
        let state = self.breaker.state();
        self.probed
            .iter()
            .all(|place| state.closures.is_probed_by(place, state.peers.me()))
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        if self.probed.is_empty() {
            return;
        }
        {
            let now = self.breaker.0.clock.now();
            let state = &mut *self.breaker.state();
            for place in &self.probed {
                state.closures.release(place, &state.peers, now);
            }
        }
        self.breaker.announce();
    }
}

pub(super) enum Evidence {
    Good,
    Bad,
    None,
}

/// What a failure says about a place that was probed.
pub(super) fn evidence(
    place: &Scope,
    closure: Option<&Closure>,
    failure: &Failure,
    ruling: &PolicyDecision,
) -> Evidence {
    let is_about = |scope| ruling.scope == scope;
    match place {
        // It would have paused the stage, were it not this job's habit: nobody knows.
        _ if ruling.is_the_job => Evidence::None,
        // Any answer but another reason to pause: the account is in order.
        Scope::Pause(_) => {
            let is_reason = ruling.decision == Decision::Pause
                || is_outage(failure)
                || is_the_same_again(closure, failure);
            if is_reason {
                Evidence::Bad
            } else {
                Evidence::Good
            }
        }
        Scope::Stage(_) if is_about(ScopeKind::Stage) || is_unanswered(failure, ruling) => {
            Evidence::None
        }
        Scope::Province(_) if is_about(ScopeKind::Province) || !is_registrys(failure) => {
            Evidence::None
        }
        Scope::Bill(_) if is_about(ScopeKind::Bill) || !is_registrys(failure) => Evidence::None,
        Scope::Stage(_) | Scope::Province(_) | Scope::Bill(_) => Evidence::Good,
    }
}

/// While a stage is paused for malformed requests, forbidden keys or our identity, one more is its
/// job's own matter. The pause goes on.
pub(super) fn is_the_same_again(closure: Option<&Closure>, failure: &Failure) -> bool {
    match closure.and_then(|closure| closure.streak) {
        Some(streak @ (Streak::Refused | Streak::Malformed)) => streak.is_confirmed_by(failure),
        Some(Streak::Forbidden) => is_forbidden(failure),
        Some(Streak::Unproven) => may_be_our_setting(failure, false),
        Some(Streak::Unlisted) => closure.is_some_and(|closure| {
            (closure.stage, &closure.code) == (failure.stage, &failure.code)
        }),
        Some(Streak::Identity) => is_identity(failure),
        Some(Streak::Outage | Streak::Network) | None => false,
    }
}

/// Nobody looked at the question.
fn is_unanswered(failure: &Failure, ruling: &PolicyDecision) -> bool {
    is_outage(failure) || matches!(ruling.decision, Decision::Pause | Decision::Throttle)
}

/// The registry's own codes are numbers.
fn is_registrys(failure: &Failure) -> bool {
    failure.stage == Stage::Verification && failure.code.bytes().all(|byte| byte.is_ascii_digit())
}
