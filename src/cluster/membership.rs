//! This worker among those on the same queues: what it reports to them in its heartbeats, and what
//! it knows from theirs.

use super::closure_report::ClosureReport;
use super::demand::{Demand, WaitingCall};
use super::heartbeat::Heartbeat;
use super::peers::Peers;
use super::share::{RateShare, rate_step};
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::telemetry::metric;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Cheap to clone; clones are the same membership.
#[derive(Clone, Debug)]
pub struct Membership(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peers: Mutex<Peers>,
    demand: Demand,
    /// The part of the configured rate that each account is granted, in steps: where it is not all of it.
    granted: Mutex<BTreeMap<AccountName, f64>>,
    /// Something happened here that the others should know before the next heartbeat is due.
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
            announced: Notify::new(),
            clock,
        }))
    }

    /// This worker's heartbeat as of now, with all that is closed.
    pub fn heartbeat(&self, draining: bool, closed: Vec<ClosureReport>) -> Heartbeat {
        let has_work = self.0.demand.report();
        let peers = self.peers();
        let now = self.0.clock.now();
        metric::workers_alive(peers.alive(now));
        let mut heartbeat = Heartbeat::new(peers.me(), has_work, draining, closed);
        heartbeat.every_ms = Some(peers.liveness(now).every_ms());
        heartbeat.granted.clone_from(&self.granted());
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
            metric::workers_alive(peers.alive(now));
            is_new
        };
        if is_new {
            // It does not know yet what is closed.
            self.announce();
        }
        true
    }

    /// Records the heartbeat of a worker with other queues or accounts.
    pub fn record_foreign(&self) {
        self.peers().record_foreign(self.0.clock.now());
    }

    /// How long after a heartbeat the next one is due, where the shortest interval is `shortest`.
    pub fn heartbeat_interval(&self, shortest: Duration) -> Duration {
        self.peers().liveness(self.0.clock.now()).scaled(shortest)
    }

    /// Whether there are others that may take what this worker hands back.
    pub fn has_others(&self) -> bool {
        self.peers().has_others(self.0.clock.now())
    }

    /// This worker's share of an account's rate now.
    pub fn share(&self, account: AccountName) -> RateShare {
        self.peers().share(account, self.0.clock.now())
    }

    /// The provider grants the account this part of the configured rate, to a worker that uses all of it. It is
    /// announced where it is a step less than the others know, and else goes out with the next
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

    /// A call is to be made: for as long as it waits, the rate is shared with this worker, too.
    pub fn wait_for_call(&self) -> WaitingCall<'_> {
        let (waiting, is_news) = self.0.demand.wait();
        if is_news {
            self.announce();
        }
        waiting
    }

    /// The other workers should know at once what has happened here.
    pub fn announce(&self) {
        self.0.announced.notify_one();
    }

    /// Returns when something was announced.
    pub async fn announced(&self) {
        self.0.announced.notified().await;
    }

    /// Locked while it is held: not across an `await`.
    pub fn peers(&self) -> MutexGuard<'_, Peers> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn granted(&self) -> MutexGuard<'_, BTreeMap<AccountName, f64>> {
        self.0
            .granted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
