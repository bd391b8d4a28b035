//! In front of every call: may it be made, or is its stage, province or bill closed? After every
//! call: what does its answer mean for the others?
//!
//! The decisions are `domain::breaker`'s; here they meet the clock, the other workers, the log and
//! the metrics.

use super::closure::Cause;
use super::closures::{Blocked, Change, Closures};
use super::control::CONTROL_CALL_EVERY;
use super::hold::Unstored;
use super::pass;
use super::pass::CallPermit;
use super::pass::Evidence;
use super::schedule::next_probe;
use super::tell;
use crate::clock::Clock;
use crate::cluster::peers::{EXPIRY, Peers};
use crate::domain::failure::{Failure, MAX_MESSAGE_BYTES, Stage, cut};
use crate::domain::scope::Scope;
use crate::policy::{
    Decision, Others, Policy, PolicyDecision, ScopeKind, Streak, Streaks, Subject, is_outage,
    may_be_our_network, may_be_our_setting,
};
use crate::quota::demand::Demand;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Cheap to clone; clones are the same breaker.
#[derive(Clone, Debug)]
pub struct Breaker(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) state: Mutex<State>,
    pub(super) changed: watch::Sender<()>,
    /// Something happened here that others should know at once.
    pub(super) news: Notify,
    pub(super) demand: Demand,
    pub(super) policy: Arc<Policy>,
    pub(super) clock: Clock,
    pub(super) timezone: TimeZone,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) peers: Peers,
    pub(super) closures: Closures,
    pub(super) streaks: Streaks,
    /// The last answer of each stage that shows it at work.
    pub(super) answered: BTreeMap<Stage, Timestamp>,
    /// What each stage grants of the configured rate, in steps: where it is not all of it.
    pub(super) granted: BTreeMap<Stage, f64>,
    /// Paid answers that are in this process alone.
    pub(super) unstored: Option<Unstored>,
    /// The stages that have worked in this process.
    pub(super) worked: BTreeSet<Stage>,
    /// Why the store is not known to work yet, where this was to be found out before the worker is
    /// ready.
    pub(super) doubt: Option<String>,
    /// When a worker with other accounts was last heard: no peer, but it may be on the same queues.
    pub(super) neighbour: Option<Timestamp>,
}

/// Whom a call is about, beside its stage.
#[derive(Clone, Debug)]
pub struct About<'a> {
    pub subject: Subject<'a>,
    /// Since when the job has been failing at this stage: who was answered since then shows that it
    /// is the job.
    pub failing_since: Timestamp,
}

impl Breaker {
    /// `worker` is this worker's id among those on the same queues.
    pub fn new(worker: String, policy: Arc<Policy>, clock: Clock, timezone: TimeZone) -> Self {
        let state = Mutex::new(State {
            peers: Peers::new(worker),
            closures: Closures::default(),
            streaks: Streaks::default(),
            answered: BTreeMap::new(),
            granted: BTreeMap::new(),
            unstored: None,
            worked: BTreeSet::new(),
            doubt: None,
            neighbour: None,
        });
        Self(Arc::new(Inner {
            state,
            changed: watch::Sender::new(()),
            news: Notify::new(),
            demand: Demand::default(),
            policy,
            clock,
            timezone,
        }))
    }

    /// What keeps a run's call at these places from being made.
    pub fn look(&self, places: &[Scope], run: &str) -> Option<Blocked> {
        let now = self.0.clock.now();
        let state = &mut *self.state();
        if let Some(barrier) = state.unstored_at(places, now) {
            return Some(barrier);
        }
        let State {
            peers, closures, ..
        } = state;
        closures
            .look(places, peers, now)
            .inspect(|barrier| closures.others_wait(barrier, run))
    }

    /// A worker that is no peer was heard: its addresses or accounts are others, because they are
    /// wrong here or there.
    pub fn neighbour_heard(&self) {
        self.state().neighbour = Some(self.0.clock.now());
        self.0.changed.send_replace(());
    }

    /// Are there others that may take what this worker hands back?
    pub fn has_others(&self) -> bool {
        let now = self.0.clock.now();
        let state = self.state();
        has_others(&state.peers, state.neighbour, now)
    }

    /// Changes whenever something is closed or opened, here or elsewhere.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// What other jobs have met with, for the judgement of this failure.
    pub fn others(&self, pass: &CallPermit, failure: &Failure, about: &About<'_>) -> Others {
        let now = self.0.clock.now();
        let State {
            peers,
            closures,
            streaks,
            answered,
            worked,
            neighbour,
            ..
        } = &mut *self.state();
        let failures = |place: &Scope| {
            let failures = closures
                .closure(place)
                .map_or(0, |closure| closure.failures);
            // A call that was in the air when the place was closed fails together with the one that
            // closed it.
            if closures.is_probed_by(place, peers.me()) && pass.probes(place) {
                failures
            } else {
                failures.saturating_sub(1)
            }
        };
        let failures = pass
            .places()
            .iter()
            .filter_map(|place| scope_of(place).map(|scope| (scope, failures(place))))
            .collect();
        // While a stage is paused for malformed requests, or for forbidden keys, one more is that
        // job's own.
        let is_expected = pass
            .probed()
            .iter()
            .filter(|place| place.is_pause())
            .any(|place| pass::is_the_same_again(closures.closure(place), failure));
        let subject = Subject {
            is_listed: self.0.policy.names(failure.stage, &failure.code),
            ..about.subject.clone()
        };
        let streak = streaks
            .failed(failure, &subject, now)
            .filter(|_| !is_expected);
        let answered = answered
            .get(&failure.stage)
            .is_some_and(|answered| *answered > about.failing_since);
        let is_ours =
            !subject.is_brought || (failure.stage != Stage::Storage && failure.code == "connect");
        let own = match failure.stage {
            _ if !is_ours || !has_others(peers, *neighbour, now) => None,
            stage if !worked.contains(&stage) && may_be_our_setting(failure, subject.is_listed) => {
                Some(Streak::Unproven)
            }
            _ => may_be_our_network(failure).then_some(Streak::Network),
        };
        let (suspicion, streak) = if streak.is_some_and(Streak::needs_a_control_call) {
            (streak, None)
        } else {
            (None, streak)
        };
        Others {
            streak,
            suspicion,
            answered,
            own,
            is_brought: subject.is_brought,
            failures,
        }
    }

    /// When the stage last answered somebody, if only that his bill is false.
    pub fn last_answer(&self, stage: Stage) -> Option<Timestamp> {
        let State {
            closures, answered, ..
        } = &*self.state();
        answered.get(&stage).copied().max(closures.unpaused(stage))
    }

    /// A good answer opens what the call probed.
    pub fn answered(&self, stage: Stage, pass: CallPermit) {
        let now = self.0.clock.now();
        let changes: Vec<Change> = {
            let State {
                peers,
                closures,
                streaks,
                answered,
                worked,
                ..
            } = &mut *self.state();
            streaks.answered(stage);
            answered.insert(stage, now);
            if worked.insert(stage) {
                // Readiness depends on it.
                self.0.changed.send_replace(());
            }
            pass.conclude()
                .iter()
                .filter_map(|place| closures.open(place, peers, now))
                .collect()
        };
        if !changes.is_empty() {
            self.announce();
        }
        self.tell(&changes);
    }

    /// A failure that is not tried again in place closes its scope or pauses its stage; and it is
    /// an answer, or none, for what the call probed.
    pub fn failed(&self, pass: CallPermit, failure: &Failure, ruling: &PolicyDecision) {
        let now = self.0.clock.now();
        let reason = reason(self.0.policy.reason_of(ruling), failure);
        let (stage, code, run, streak) = (
            failure.stage,
            failure.code.clone(),
            pass.run().to_owned(),
            ruling.streak,
        );
        let cause = |place: &Scope| {
            let (code, reason, run) = (code.clone(), reason.clone(), run.clone());
            Cause {
                stage,
                code,
                reason,
                streak,
                run,
                is_probe: pass.probes(place),
                now,
            }
        };
        let probe = |failures| probe_of(streak, &failure.code, failures, now, &self.0.timezone);
        let mut changes = Vec::new();
        {
            let State {
                peers,
                closures,
                answered,
                worked,
                ..
            } = &mut *self.state();
            if shows_the_stage_at_work(failure, ruling, &self.0.policy) {
                worked.insert(failure.stage);
                self.0.changed.send_replace(());
            }
            if let Evidence::Good =
                pass::evidence(&Scope::Stage(failure.stage), None, failure, ruling)
            {
                answered.insert(failure.stage, now);
            }
            let closing = ruling.closes.zip(pass.place(ruling.scope));
            changes.extend(
                closing.and_then(|(until, place)| {
                    closures.close(place, &cause(place), |_| until, peers)
                }),
            );
            if ruling.decision == Decision::Pause {
                let place = Scope::Pause(stage);
                changes.extend(closures.close(&place, &cause(&place), probe, peers));
            }
            for place in pass.probed() {
                let closure = closures.closure(place).cloned();
                match pass::evidence(place, closure.as_ref(), failure, ruling) {
                    Evidence::Good => changes.extend(closures.open(place, peers, now)),
                    Evidence::Bad => {
                        // Still for what it was paused for.
                        let cause = Cause {
                            streak: closure.and_then(|closure| closure.streak),
                            ..cause(place)
                        };
                        changes.extend(closures.close(place, &cause, probe, peers));
                    }
                    Evidence::None => closures.release(place, peers, now),
                }
            }
        }
        if !pass.conclude().is_empty() || !changes.is_empty() {
            self.announce();
        }
        self.tell(&changes);
    }

    /// How much of this time some stage was paused.
    pub fn paused_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        self.state().closures.paused_between(from, to)
    }

    pub(super) fn announce(&self) {
        self.0.news.notify_one();
        self.0.changed.send_replace(());
    }

    pub(super) fn tell(&self, changes: &[Change]) {
        for change in changes {
            tell::tell(change, &self.0.policy);
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_others(peers: &Peers, neighbour: Option<Timestamp>, now: Timestamp) -> bool {
    peers.alive(now) > 1 || neighbour.is_some_and(|heard| now.duration_since(heard) < EXPIRY)
}

/// What is probed by control calls may be paid for each time: then one in ten minutes is enough.
pub(super) fn probe_of(
    streak: Option<Streak>,
    code: &str,
    failures: u32,
    now: Timestamp,
    timezone: &TimeZone,
) -> Timestamp {
    let next = next_probe(code, failures, now, timezone);
    let earliest = now
        .saturating_add(CONTROL_CALL_EVERY)
        .unwrap_or(Timestamp::MAX);
    if streak.is_some_and(Streak::needs_a_control_call) {
        next.max(earliest)
    } else {
        next
    }
}

/// Only our credentials, our address and our network being in order leads to such an answer.
fn shows_the_stage_at_work(failure: &Failure, ruling: &PolicyDecision, policy: &Policy) -> bool {
    let is_listed = policy.names(failure.stage, &failure.code);
    let is_an_answer =
        is_listed && !failure.code.starts_with("http.") && failure.code != "truncated";
    let is_refused =
        matches!(ruling.decision, Decision::Pause | Decision::Throttle) || ruling.is_the_job;
    is_an_answer && !is_refused && !is_outage(failure) && !may_be_our_setting(failure, is_listed)
}

/// In the policy's words; what the store said is in ours, and a redirect says where to.
pub(super) fn reason(of_policy: &str, failure: &Failure) -> String {
    let is_told = failure.stage == Stage::Storage
        || failure
            .http_status
            .is_some_and(|status| (300..400).contains(&status));
    let reason = if is_told {
        format!("{of_policy}: {}", failure.message)
    } else {
        of_policy.to_owned()
    };
    cut(&reason, MAX_MESSAGE_BYTES).to_owned()
}

pub(super) fn scope_of(place: &Scope) -> Option<ScopeKind> {
    match place {
        Scope::Pause(_) => None,
        Scope::Stage(_) => Some(ScopeKind::Stage),
        Scope::Province(_) => Some(ScopeKind::Province),
        Scope::Bill(_) => Some(ScopeKind::Bill),
    }
}
