//! This worker among those on the same queues: what it reports to them in its heartbeats, and what
//! it knows from theirs.

use super::closure_report::ClosureReport;
use super::demand::{Demand, WaitingCall};
use super::heartbeat::{Heartbeat, MAX_RESUMED};
use super::peers::Peers;
use super::resume::ResumeReport;
use super::share::{RateShare, rate_step};
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::telemetry::metric;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The outcome of an operator's message is reported for so long.
const RESUME_REPORTED: SignedDuration = SignedDuration::from_mins(1);

/// Cheap to clone; clones are the same membership.
#[derive(Clone, Debug)]
pub struct Membership(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peers: Mutex<Peers>,
    demand: Demand,
    /// The part of the configured rate that each account is granted, in steps, where it is less
    /// than 1.
    granted: Mutex<BTreeMap<AccountName, f64>>,
    /// The cost of this worker's calls in the air, by the name of the budget.
    in_the_air: Mutex<BTreeMap<String, Decimal>>,
    /// The outcomes of an operator's messages, and when they came about.
    resumed: Mutex<VecDeque<(ResumeReport, Timestamp)>>,
    /// Notified when a heartbeat is to be published before the next one is due.
    announced: Notify,
    clock: Clock,
}

impl Membership {
    /// `worker` is this worker's id among those on the same queues.
    pub fn new(worker: String, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            peers: Mutex::new(Peers::new(worker)),
            demand: Demand::default(),
            granted: Mutex::default(),
            in_the_air: Mutex::default(),
            resumed: Mutex::default(),
            announced: Notify::new(),
            clock,
        }))
    }

    /// Returns this worker's heartbeat as of now, with all closed scopes.
    pub fn heartbeat(&self, draining: bool, closed: Vec<ClosureReport>) -> Heartbeat {
        let has_work = self.0.demand.report();
        let peers = self.peers();
        let now = self.0.clock.now();
        metric::workers_alive(peers.alive(now));
        let mut heartbeat = Heartbeat::new(peers.me(), has_work, draining, closed);
        heartbeat.every_ms = Some(peers.liveness(now).every_ms());
        heartbeat.granted.clone_from(&self.granted());
        heartbeat.in_the_air.clone_from(&self.lock_in_the_air());
        heartbeat.resumed = self.resumed(now);
        heartbeat
    }

    /// Records a heartbeat. Returns whether it is another worker's.
    pub fn apply(&self, heartbeat: &Heartbeat) -> bool {
        let Heartbeat {
            worker,
            has_work,
            draining,
            granted,
            ..
        } = heartbeat;
        let now = self.0.clock.now();
        let is_new = {
            let mut peers = self.peers();
            let is_new = peers.record(worker, *has_work, *draining, now);
            if worker == peers.me() {
                return false;
            }
            peers.record_liveness(worker, heartbeat.liveness());
            peers.record_granted(worker, granted.clone());
            peers.record_in_the_air(worker, heartbeat.in_the_air.clone());
            metric::workers_alive(peers.alive(now));
            is_new
        };
        if is_new {
            // The new worker does not know yet which scopes are closed.
            self.announce();
        }
        true
    }

    /// Records what this worker did about an operator's message, for its next heartbeats.
    pub fn report_resumed(&self, id: String, opened: usize) {
        let now = self.0.clock.now();
        let alive = self.peers().alive(now);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let report = ResumeReport {
            id,
            opened: count(opened),
            alive: count(alive),
        };
        let mut resumed = self.lock_resumed();
        resumed.truncate(MAX_RESUMED - 1);
        resumed.push_front((report, now));
    }

    fn resumed(&self, now: Timestamp) -> Vec<ResumeReport> {
        let mut resumed = self.lock_resumed();
        resumed.retain(|(_, at)| now.duration_since(*at) < RESUME_REPORTED);
        resumed.iter().map(|(report, _)| report.clone()).collect()
    }

    /// Records the heartbeat of a worker with other queues or accounts.
    pub fn record_foreign(&self) {
        self.peers().record_foreign(self.0.clock.now());
    }

    /// Returns how long after a heartbeat the next one is due, if the shortest interval is
    /// `shortest`.
    pub fn heartbeat_interval(&self, shortest: Duration) -> Duration {
        self.peers().liveness(self.0.clock.now()).scaled(shortest)
    }

    /// Whether there are other workers that may take jobs that this worker returns.
    pub fn has_others(&self) -> bool {
        self.peers().has_others(self.0.clock.now())
    }

    /// Returns this worker's current share of an account's rate.
    pub fn share(&self, account: AccountName) -> RateShare {
        self.peers().share(account, self.0.clock.now())
    }

    /// Reports the part of the configured rate that the provider grants to the account. It is
    /// published at once if it is a step lower than the last report, and else with the next
    /// heartbeat.
    pub fn report_granted(&self, account: AccountName, part: f64) {
        let part = rate_step(part);
        let known = if part < 1.0 {
            self.granted().insert(account, part)
        } else {
            self.granted().remove(&account)
        };
        if part < known.unwrap_or(1.0) {
            self.announce();
        }
    }

    /// Reports what this worker's calls in the air will cost, by the name of the budget. It is
    /// published at once if it `is_news`, and else with the next heartbeat.
    pub fn report_in_the_air(&self, amounts: BTreeMap<String, Decimal>, is_news: bool) {
        *self.lock_in_the_air() = amounts;
        if is_news {
            self.announce();
        }
    }

    /// Returns what the calls in the air of all other workers will cost, as they have reported.
    pub fn in_the_air_of_others(&self) -> BTreeMap<String, Decimal> {
        self.peers().in_the_air(self.0.clock.now())
    }

    /// Registers a call that waits. While there is one, this worker has a share of the rate.
    pub fn wait_for_call(&self) -> WaitingCall<'_> {
        let (waiting, is_new) = self.0.demand.wait();
        if is_new {
            self.announce();
        }
        waiting
    }

    /// Asks for a heartbeat to be published at once.
    pub fn announce(&self) {
        self.0.announced.notify_one();
    }

    /// Returns when a heartbeat is to be published at once.
    pub async fn announced(&self) {
        self.0.announced.notified().await;
    }

    /// Locks the peers. The guard must not be held across an `await`.
    pub fn peers(&self) -> MutexGuard<'_, Peers> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_resumed(&self) -> MutexGuard<'_, VecDeque<(ResumeReport, Timestamp)>> {
        self.0
            .resumed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_in_the_air(&self) -> MutexGuard<'_, BTreeMap<String, Decimal>> {
        self.0
            .in_the_air
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn granted(&self) -> MutexGuard<'_, BTreeMap<AccountName, f64>> {
        self.0
            .granted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
