//! What is closed, until when, and which call may try first.
//!
//! A scope is closed by a failure, or paused for this worker alone. When its time has come one call
//! is let through, the probe; the others wait for its answer. Each worker has a copy of what is
//! closed, and copies are merged from heartbeats: of two records of a scope the one with the newer
//! version holds, and of two equally new ones that of the lower worker id, so that all copies agree.
//! A pause belongs to one worker, and so does a stage that was closed because this worker did not
//! reach the other side: no heartbeat carries them.
//!
//! Pure: the time is an argument.

#[cfg(test)]
mod tests;

use super::blocked::{Blocked, ClosureChange};
use super::closure::{Closure, ClosureCause, ProbeTurns, Probing, ScopeRecord, ScopeState};
use super::pauses::PauseHistory;
use crate::cluster::peers::Peers;
use crate::domain::account::AccountName;
use crate::domain::scope::Scope;
use crate::telemetry::health::{ClosedScope, Paused};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long the others wait for a probe before they ask again. They wait longer where it takes
/// long, because there may be thousands of them.
const PROBE_WAIT: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_PROBE_WAIT: SignedDuration = SignedDuration::from_mins(1);

#[derive(Clone, Debug, Default)]
pub struct Closures {
    pub(super) records: BTreeMap<Scope, ScopeRecord>,
    past_pauses: PauseHistory,
}

impl Closures {
    /// The first thing that keeps a call in these scopes from being made, a pause before all others.
    pub fn blocked(&self, scopes: &[Scope], peers: &Peers, now: Timestamp) -> Option<Blocked> {
        let blocked = scopes
            .iter()
            .filter_map(|scope| self.blocked_by(scope, peers, now));
        blocked.max_by_key(|blocked| (blocked.scope.is_pause(), blocked.until))
    }

    /// Lets a run's call through, and returns the scopes that it probes. They are this worker's to
    /// probe until the call is answered or [`Closures::release`]d.
    ///
    /// # Errors
    /// [`Blocked`]: what keeps the call from being made.
    pub fn admit(
        &mut self,
        scopes: &[Scope],
        run: &str,
        peers: &Peers,
        now: Timestamp,
    ) -> Result<Vec<Scope>, Blocked> {
        if let Some(blocked) = self
            .blocked(scopes, peers, now)
            .or_else(|| self.yield_once(scopes, run, now))
        {
            self.note_waiting(&blocked, run);
            return Err(blocked);
        }
        let probed: Vec<Scope> = scopes
            .iter()
            .filter(|scope| self.closure(scope).is_some())
            .cloned()
            .collect();
        for scope in &probed {
            self.change(scope, peers, now, |closure| {
                closure.probing = Some(Probing {
                    by: peers.me().to_owned(),
                    since: now,
                });
            });
        }
        Ok(probed)
    }

    /// The run waits for the scope that blocked it.
    pub fn note_waiting(&mut self, blocked: &Blocked, run: &str) {
        if let Some(turns) = self.turns_mut(&blocked.scope) {
            turns.others_wait |= turns.failed_run != run;
        }
    }

    /// A backend may fail because of what one job brings. Where others wait, the job that closed the
    /// account lets them go first, once.
    fn yield_once(&mut self, scopes: &[Scope], run: &str, now: Timestamp) -> Option<Blocked> {
        let yields =
            |turns: &ProbeTurns| turns.failed_run == run && turns.others_wait && !turns.has_yielded;
        let scope = scopes.iter().find(|scope| {
            matches!(scope, Scope::Account(_))
                && self
                    .closure(scope)
                    .is_some_and(|closure| yields(&closure.turns))
        })?;
        self.turns_mut(scope)?.has_yielded = true;
        let closure = self.closure(scope)?;
        let until = later(now, PROBE_WAIT);
        Some(Blocked {
            scope: scope.clone(),
            stage: closure.stage,
            code: closure.code.clone(),
            until,
            opens: until,
            is_brief: true,
        })
    }

    /// Whether the scope is still this worker's to probe: another one may have come first.
    pub fn is_probed_by(&self, scope: &Scope, worker: &str) -> bool {
        self.closure(scope)
            .and_then(|closure| closure.probing.as_ref())
            .is_some_and(|probing| probing.by == worker)
    }

    /// The probe proved nothing: the next call may try.
    pub fn release(&mut self, scope: &Scope, peers: &Peers, now: Timestamp) {
        if self.is_probed_by(scope, peers.me()) {
            self.change(scope, peers, now, |closure| closure.probing = None);
        }
    }

    /// A call failed, and its failure closes this scope. It closes only what was open, or what the
    /// call probed: a call that was under way when the scope was closed says nothing new.
    ///
    /// `until` gets the number of failed calls, with this one.
    pub fn close(
        &mut self,
        scope: &Scope,
        cause: &ClosureCause,
        until: impl FnOnce(u32) -> Timestamp,
        peers: &Peers,
    ) -> Option<ClosureChange> {
        let before = self.closure(scope).cloned();
        let is_probe = cause.is_probe && self.is_probed_by(scope, peers.me());
        if before.is_some() && !is_probe {
            return None;
        }
        let ClosureCause {
            stage,
            vendor,
            code,
            reason,
            streak,
            run,
            is_probe: _,
            is_own,
            now,
        } = cause.clone();
        let failures = before
            .as_ref()
            .map_or(0, |closure| closure.failures)
            .saturating_add(1);
        let closure = Closure {
            stage,
            vendor,
            code,
            reason,
            streak,
            since: before.as_ref().map_or(now, |closure| closure.since),
            until: until(failures),
            failures,
            probing: None,
            turns: ProbeTurns {
                failed_run: run,
                ..ProbeTurns::default()
            },
        };
        self.set(scope, peers, ScopeState::Closed(closure.clone()), now);
        if let Some(record) = self.records.get_mut(scope) {
            // What the other workers know already is theirs, too, until it opens.
            record.is_own = is_own && (before.is_none() || record.is_own);
        }
        self.forget_the_least(now);
        Some(match before {
            None => ClosureChange::Closed(scope.clone(), closure),
            Some(before) => ClosureChange::Prolonged(scope.clone(), before, closure),
        })
    }

    /// A control call was to open the scope, and failed.
    pub fn prolong(
        &mut self,
        scope: &Scope,
        until: impl FnOnce(u32) -> Timestamp,
        peers: &Peers,
        now: Timestamp,
    ) -> Option<ClosureChange> {
        let before = self.closure(scope)?.clone();
        let failures = before.failures.saturating_add(1);
        let closure = Closure {
            failures,
            until: until(failures),
            ..before.clone()
        };
        self.set(scope, peers, ScopeState::Closed(closure.clone()), now);
        Some(ClosureChange::Prolonged(scope.clone(), before, closure))
    }

    /// A call was answered well, or not with what the scope was closed for.
    pub fn open(&mut self, scope: &Scope, peers: &Peers, now: Timestamp) -> Option<ClosureChange> {
        let closure = self.closure(scope)?.clone();
        self.set(scope, peers, ScopeState::Open { since: now }, now);
        if scope.is_pause() {
            self.past_pauses.record(closure.since, now);
        }
        Some(ClosureChange::Opened(scope.clone(), closure))
    }

    /// An operator opens the scope. Nothing was answered, so that of a pause no evidence is left.
    pub fn resume(
        &mut self,
        scope: &Scope,
        peers: &Peers,
        now: Timestamp,
    ) -> Option<ClosureChange> {
        let change = self.open(scope, peers, now)?;
        if scope.is_pause() {
            self.records.remove(scope);
        }
        Some(change)
    }

    /// Everything that is closed or paused.
    pub(super) fn closed(&self) -> impl Iterator<Item = &Scope> {
        self.records
            .iter()
            .filter(|(_, record)| record.closure().is_some())
            .map(|(scope, _)| scope)
    }

    /// Why the scope is closed, if it is.
    pub fn closure(&self, scope: &Scope) -> Option<&Closure> {
        self.records.get(scope)?.closure()
    }

    /// Every closed scope, with the reason.
    pub(super) fn all_closed(&self) -> impl Iterator<Item = (&Scope, &Closure)> {
        let records = self.records.iter();
        records.filter_map(|(scope, record)| Some((scope, record.closure()?)))
    }

    /// The stages and provinces that are closed, for people.
    pub(super) fn closed_for_all(&self) -> Vec<ClosedScope> {
        let for_all = self.all_closed().filter_map(|(scope, closure)| {
            let (stage, province) = match scope {
                Scope::Account(account) => (Some(*account), None),
                Scope::Province(province) => (None, Some(province.label().to_owned())),
                Scope::Pause(_) | Scope::Bill(_) => return None,
            };
            Some(ClosedScope {
                stage,
                province,
                code: closure.code.clone(),
                reason: closure.reason.clone(),
                since: closure.since,
                until: closure.until,
            })
        });
        for_all.collect()
    }

    /// The accounts that are paused.
    pub fn paused(&self) -> impl Iterator<Item = Paused> {
        self.pauses().map(|(account, closure)| Paused {
            account,
            code: closure.code.clone(),
            reason: closure.reason.clone(),
            since: closure.since,
            next_probe: closure.until,
            has_worked: false,
        })
    }

    /// Whether this worker should take a job to see if a paused account works again. Of several
    /// the first on the job's way decides: no job gets past it to the others.
    pub fn is_probe_due(&self, peers: &Peers, now: Timestamp) -> bool {
        let first = self.pauses().next();
        first.is_some_and(|(_, closure)| {
            now >= closure.until
                && !closure.is_probed(peers, now)
                && !closure.is_probed_by_control_calls()
        })
    }

    /// When the last pause of the account was ended by an answer, if that is still known.
    pub fn unpaused(&self, account: AccountName) -> Option<Timestamp> {
        match self.records.get(&Scope::Pause(account))?.state {
            ScopeState::Open { since } => Some(since),
            ScopeState::Closed(_) => None,
        }
    }

    /// How much of this time some account was paused.
    pub fn paused_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        let current = self.pauses().map(|(_, closure)| closure.since);
        self.past_pauses.between(from, to, current)
    }

    /// The pauses, in the order in which they are on a job's way.
    pub(super) fn pauses(&self) -> impl Iterator<Item = (AccountName, &Closure)> {
        let pauses = self.records.iter().filter_map(|(scope, record)| {
            let Scope::Pause(account) = scope else {
                return None;
            };
            Some((*account, record.closure()?))
        });
        let mut pauses: Vec<_> = pauses.collect();
        pauses.sort_by_key(|(_, closure)| closure.stage);
        pauses.into_iter()
    }

    fn blocked_by(&self, scope: &Scope, peers: &Peers, now: Timestamp) -> Option<Blocked> {
        let closure = self.closure(scope)?;
        let is_due = now >= closure.until;
        if is_due && !closure.is_probed(peers, now) && !closure.is_probed_by_control_calls() {
            return None;
        }
        let until = match scope {
            // Through the shortest delay queue: another worker may be able to do what this one
            // cannot.
            Scope::Pause(_) => now,
            _ if is_due => {
                let probed_for = closure.probed_for(now);
                later(now, probed_for.clamp(PROBE_WAIT, LONGEST_PROBE_WAIT))
            }
            _ => closure.until,
        };
        Some(Blocked {
            scope: scope.clone(),
            stage: closure.stage,
            code: closure.code.clone(),
            until,
            opens: until.max(closure.until),
            is_brief: is_due && !scope.is_pause(),
        })
    }

    fn turns_mut(&mut self, scope: &Scope) -> Option<&mut ProbeTurns> {
        let closure = self.records.get_mut(scope)?.closure_mut()?;
        Some(&mut closure.turns)
    }

    fn change(
        &mut self,
        scope: &Scope,
        peers: &Peers,
        now: Timestamp,
        change: impl FnOnce(&mut Closure),
    ) {
        if let Some(mut closure) = self.closure(scope).cloned() {
            change(&mut closure);
            self.set(scope, peers, ScopeState::Closed(closure), now);
        }
    }

    /// The version is newer than every one that is known, and than what was known and forgotten: a
    /// worker that was away may still report that.
    fn set(&mut self, scope: &Scope, peers: &Peers, state: ScopeState, now: Timestamp) {
        let known = self.records.get(scope);
        let is_own = known.is_some_and(|record| record.is_own);
        let version = known
            .map_or(0, |record| record.version)
            .saturating_add(1)
            .max(u64::try_from(now.as_millisecond()).unwrap_or(0));
        let by = peers.me().to_owned();
        let record = ScopeRecord {
            version,
            by,
            is_own,
            state,
        };
        self.records.insert(scope.clone(), record);
    }
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
