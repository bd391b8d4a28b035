//! The breaker that all jobs of a worker share.

use super::flow::Flow;
use super::log::log_resumed;
use super::others::About;
use super::permit::CallPermit;
use super::shared::Shared;
use super::state::{BreakerContext, BreakerState};
use super::store::is_about_setting;
use super::unstored::UnstoredAnswer;
use super::{Blocked, ClosureChange};
use crate::clock::Clock;
use crate::cluster::heartbeat::Heartbeat;
use crate::cluster::membership::Membership;
use crate::cluster::resume::Resume;
use crate::domain::account::{AccountId, AccountName};
use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Scope;
use crate::policy::{Others, Policy, PolicyDecision, Streak};
use crate::telemetry::health::ClosedScope;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Another worker may want to probe the same scope at the same moment; by then each has received
/// the other's claim.
const CLAIM_WAIT: Duration = Duration::from_millis(500);

/// Cheap to clone; clones are the same breaker.
#[derive(Clone, Debug)]
pub struct Breaker(pub(super) Arc<Shared>);

impl Breaker {
    pub fn new(
        membership: Membership,
        policy: Arc<Policy>,
        clock: Clock,
        timezone: TimeZone,
    ) -> Self {
        Self(Arc::new(Shared::new(membership, policy, clock, timezone)))
    }

    /// This worker among those on the same queues.
    pub fn membership(&self) -> &Membership {
        &self.0.membership
    }

    /// Why a run's call in these scopes may not be made now.
    pub fn blocked(&self, scopes: &[Scope], run: &str) -> Option<Blocked> {
        let unstored = self.0.unstored.blocked(scopes, self.0.clock.now());
        unstored.or_else(|| {
            self.0.with(|state, context| {
                let blocked = state.closures.blocked(scopes, context.peers, context.now)?;
                state.closures.note_waiting(&blocked, run);
                Some(blocked)
            })
        })
    }

    /// The permit for a run to make a call with this account in these scopes. `kept` is the permit of the attempt
    /// before this one: a probe that is tried again in place stays the probe.
    ///
    /// # Errors
    /// [`Blocked`]: what keeps the call from being made.
    pub async fn enter(
        &self,
        account: AccountId,
        scopes: &[Scope],
        run: &str,
        kept: Option<CallPermit>,
    ) -> Result<CallPermit, Blocked> {
        if let Some(kept) = kept
            && kept.is_probe()
            && kept.is_still_ours()
        {
            return Ok(kept);
        }
        loop {
            if let Some(blocked) = self.0.unstored.blocked(scopes, self.0.clock.now()) {
                return Err(blocked);
            }
            let (call, is_alone) = self.0.with(|state, context| {
                let call = state.admit(account, scopes, run, context)?;
                Ok((call, context.peers.alive(context.now) == 1))
            })?;
            // No other worker knows of a pause.
            let is_contested = !is_alone && call.probed.iter().any(|scope| !scope.is_pause());
            let permit = CallPermit::new(call, Arc::clone(&self.0));
            if permit.is_probe() {
                self.0.announce();
            }
            if is_contested {
                tokio::time::sleep(CLAIM_WAIT).await;
            }
            if permit.is_still_ours() {
                return Ok(permit);
            }
        }
    }

    /// The outcomes of other jobs' calls, for the decision about this failure.
    pub fn others(&self, permit: &CallPermit, failure: &Failure, about: &About<'_>) -> Others {
        self.0
            .with(|state, context| state.others(&permit.call, failure, about, context))
    }

    /// A good answer opens what the call probed.
    pub fn answered(&self, permit: CallPermit) {
        let (changes, is_first) = self.0.with(|state, context| {
            let is_first = state.readiness.works(permit.call.account.name);
            (state.answered(&permit.call, context), is_first)
        });
        permit.conclude();
        if is_first {
            // Readiness depends on it.
            self.0.changed.send_replace(());
        }
        if !changes.is_empty() {
            self.0.announce();
        }
        self.0.report(&changes);
    }

    /// A failure that is not tried again in place closes its scope or pauses its account; and it is
    /// an answer, or none, for what the call probed.
    pub fn failed(&self, permit: CallPermit, failure: &Failure, decision: &PolicyDecision) {
        let changes = self
            .0
            .with(|state, context| state.failed(&permit.call, failure, decision, context));
        let was_probe = permit.is_probe();
        permit.conclude();
        if was_probe || !changes.is_empty() {
            self.0.announce();
        } else {
            // The account may have been seen at work for the first time.
            self.0.changed.send_replace(());
        }
        self.0.report(&changes);
    }

    /// When a job of this worker was last answered with this account, if only that its bill is
    /// false.
    pub fn last_answer(&self, account: AccountName) -> Option<Timestamp> {
        self.0.with(|state, _| {
            let answered = state.readiness.last_answer(account);
            answered.max(state.closures.unpaused(account))
        })
    }

    /// The account whose next control call is due, and the streak it is to confirm.
    pub fn control_call_due(&self) -> Option<(AccountName, Streak)> {
        self.0
            .with(|state, context| state.control_call_due(context.now))
    }

    /// The control call was answered, and not as the jobs were: the jobs' failures in a row were
    /// their own.
    pub fn control_call_answered(&self, account: AccountName) {
        self.apply(|state, context| state.account_works(account, context));
    }

    /// The control call of a paused account was refused once more.
    pub fn control_call_refused(&self, account: AccountName, failure: &Failure) {
        self.apply(|state, context| state.control_call_refused(account, failure, context));
    }

    /// The failures in a row of this account were the jobs' own.
    pub fn end_rows(&self, account: AccountName) {
        self.0.with(|state, _| state.streaks.answered(account));
    }

    /// The store works, as a request beside the jobs has shown.
    pub fn store_works(&self) {
        self.apply(|state, context| {
            state.readiness.works(AccountName::STORAGE);
            state.account_works(AccountName::STORAGE, context)
        });
    }

    /// Checkpoints cannot be read and written, as a request beside the jobs has shown: the storage
    /// stage is paused, and probed by such requests.
    pub fn checkpoints_fail(&self, failure: &Failure) {
        self.apply(|state, context| state.checkpoints_fail(failure, context));
    }

    /// Whether a failure of the store may be about its configuration, its account or this worker's
    /// rights. About checkpoints, whose names no job chooses, one is enough.
    pub fn is_about_setting(&self, failure: &Failure) -> bool {
        self.0.with(|_, context| is_about_setting(failure, context))
    }

    /// A request to the store beside the jobs failed. Where no job could be served either, the
    /// store is paused before a job is taken.
    pub fn store_fails(&self, failure: &Failure) {
        self.apply(|state, context| state.store_fails(failure, context));
    }

    /// An operator ends pauses and opens what is closed, here as on every other worker. It shows
    /// nothing about what was closed: the next failure closes it again.
    pub fn resume(&self, resume: &Resume) {
        let changes = self
            .0
            .with(|state, context| state.resume(&resume.what, context));
        self.0
            .membership
            .report_resumed(resume.id.clone(), changes.len());
        self.0.announce();
        log_resumed(resume, changes.len());
        self.0.report(&changes);
    }

    fn apply(
        &self,
        change: impl FnOnce(&mut BreakerState, &BreakerContext<'_>) -> Option<ClosureChange>,
    ) {
        let change = self.0.with(change);
        self.0.announce();
        self.0.report(change.as_slice());
    }

    /// The store does not take a paid answer, and `failure` is what it says. Until the guard is
    /// dropped nothing is taken from the queues and nothing bought.
    pub fn hold_unstored(&self, failure: &Failure) -> UnstoredAnswer {
        let label = self.0.policy.label(Stage::Storage, &failure.code);
        self.0.unstored.add(failure, label, self.0.clock.now())
    }

    /// A part that jobs need has not been seen at work yet: the worker is not ready until
    /// [`Breaker::trust`].
    pub fn doubt(&self, problem: &str) {
        self.set_doubt(Some(problem));
    }

    /// Nothing keeps the worker from being ready any more, unless an account is paused that has
    /// never worked.
    pub fn trust(&self) {
        self.set_doubt(None);
    }

    fn set_doubt(&self, doubt: Option<&str>) {
        self.0.with(|state, _| state.readiness.set_doubt(doubt));
        self.0.changed.send_replace(());
    }

    /// Why the worker is not ready, although nothing keeps it from consuming.
    pub fn doubts(&self) -> Option<String> {
        self.0
            .with(|state, _| state.readiness.doubt().map(str::to_owned))
    }

    /// Whether the account has been seen at work in this process.
    pub fn has_worked(&self, account: AccountName) -> bool {
        self.0.with(|state, _| state.readiness.has_worked(account))
    }

    /// Returns once each of these accounts was seen at work in this process.
    pub async fn works(&self, accounts: &[AccountName]) {
        let mut changes = self.changes();
        while !accounts.iter().all(|account| self.has_worked(*account)) {
            // Never an error: the sender lives as long as this breaker.
            let _ = changes.changed().await;
        }
    }

    /// Records the heartbeat of a worker with other queues or accounts: it is no peer, but it may
    /// take what this worker hands back.
    pub fn record_other_fleet(&self) {
        self.0.membership.record_foreign();
        self.0.changed.send_replace(());
    }

    /// Decides what may be taken from the queues now.
    pub fn flow(&self) -> Flow {
        let unstored = self.0.unstored.as_paused();
        self.0.with(|state, context| {
            // What a probe buys could not be stored either.
            let is_probe_due =
                unstored.is_none() && state.closures.is_probe_due(context.peers, context.now);
            let mut paused: Vec<_> = state.closures.paused().chain(unstored).collect();
            for paused in &mut paused {
                paused.has_worked = state.readiness.has_worked(paused.account);
            }
            Flow::of(paused, is_probe_due)
        })
    }

    /// The stages and provinces that this worker keeps closed. After `connect`, or a `timeout` of
    /// the store, other workers may have them open.
    pub fn closed(&self) -> Vec<ClosedScope> {
        self.0.with(|state, _| state.closures.closed_for_all())
    }

    /// Returns when the flow may be another one: something changed, or the time for a probe has
    /// come.
    pub async fn flow_changes(&self, flow: &Flow, changes: &mut watch::Receiver<()>) {
        let look_again = flow.look_again_in(self.0.clock.now());
        let timer = tokio::time::sleep(look_again.unwrap_or_default());
        tokio::select! {
            biased;
            // Never an error: the sender lives in `self`.
            _ = changes.changed() => {}
            () = timer, if look_again.is_some() => {}
        }
    }

    /// Changes whenever something is closed or opened, here or elsewhere.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// How much of this time some account was paused.
    pub fn paused_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        self.0
            .with(|state, _| state.closures.paused_between(from, to))
    }

    /// All that the other workers should know now.
    pub fn heartbeat(&self, draining: bool) -> Heartbeat {
        let (closed, changes) = self.0.with(|state, context| {
            let changes = state.closures.forget(context.now);
            (state.closures.report(context.now), changes)
        });
        self.0.report(&changes);
        self.0.membership.heartbeat(draining, closed)
    }

    /// Takes over what another worker knows.
    pub fn apply_heartbeat(&self, heartbeat: Heartbeat) {
        if !self.0.membership.apply(&heartbeat) {
            return;
        }
        let changes = self
            .0
            .with(|state, context| state.merge(heartbeat.closed, context));
        self.0.report(&changes);
        self.0.changed.send_replace(());
    }
}
