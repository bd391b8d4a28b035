//! Which workers are on the same queues, as far as this one has received their heartbeats. Pure.

use super::liveness::Liveness;
use super::share::{RateShare, Share, rate_step};
use crate::domain::account::AccountName;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Heartbeats with a longer worker id are refused.
pub const MAX_ID_BYTES: usize = 64;
/// Further peers are ignored: foreign messages on the exchange must not fill the memory.
const MAX_PEERS: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Peers {
    me: String,
    others: BTreeMap<String, Peer>,
    /// When the last heartbeat came, this worker's own included. `None` before the first one.
    last_heartbeat: Option<Timestamp>,
    /// When the last heartbeat of a worker with other queues or accounts came.
    last_foreign: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Peer {
    last_heartbeat: Timestamp,
    /// When it last said that it has work.
    last_work: Option<Timestamp>,
    draining: bool,
    liveness: Liveness,
    granted: BTreeMap<AccountName, f64>,
    in_the_air: BTreeMap<String, Decimal>,
}

impl Peers {
    pub fn new(me: String) -> Self {
        Self {
            me,
            others: BTreeMap::new(),
            last_heartbeat: None,
            last_foreign: None,
        }
    }

    pub fn me(&self) -> &str {
        &self.me
    }

    /// Records a heartbeat. Returns whether its worker is new here.
    pub fn record(&mut self, worker: &str, has_work: bool, draining: bool, now: Timestamp) -> bool {
        let silence = self.end_silence(now);
        self.others.retain(|_, peer| is_alive(peer, now));
        self.last_heartbeat = Some(now);
        if worker == self.me
            || (self.others.len() == MAX_PEERS && !self.others.contains_key(worker))
        {
            return false;
        }
        let known = self.others.get(worker);
        // After such a silence, the peer may have expired this worker as well.
        let is_new = known.is_none() || silence >= self.liveness(now).expiry();
        let last_work = if has_work {
            Some(now)
        } else {
            known.and_then(|peer| peer.last_work)
        };
        let peer = Peer {
            last_heartbeat: now,
            last_work,
            draining,
            liveness: known.map_or(Liveness::stated(None), |peer| peer.liveness),
            granted: known.map(|peer| peer.granted.clone()).unwrap_or_default(),
            in_the_air: known
                .map(|peer| peer.in_the_air.clone())
                .unwrap_or_default(),
        };
        self.others.insert(worker.to_owned(), peer);
        is_new
    }

    /// Returns how long no heartbeat came before this one. No peer expires because of a silence in
    /// which not even our own heartbeat came back, or because the clock was set.
    fn end_silence(&mut self, now: Timestamp) -> SignedDuration {
        let Some(last) = self.last_heartbeat else {
            return SignedDuration::ZERO;
        };
        if last > now {
            // The clock was put back: no heartbeat can have come after now.
            for peer in self.others.values_mut() {
                peer.last_heartbeat = peer.last_heartbeat.min(now);
                peer.last_work = peer.last_work.map(|worked| worked.min(now));
            }
        }
        let silence = now.duration_since(last);
        let liveness = self.liveness(last);
        if silence >= liveness.cut_off_after() {
            // The silence, or the step of the clock, does not count against the peers. One interval
            // of it does: if all heartbeats are late, dead peers still expire.
            let missed = silence - liveness.every();
            self.others.retain(|_, peer| is_alive(peer, last));
            for peer in self.others.values_mut() {
                peer.last_heartbeat += missed;
                peer.last_work = peer.last_work.map(|worked| worked + missed);
            }
        }
        silence
    }

    /// Records the interval at which a peer says that it publishes heartbeats.
    pub fn record_liveness(&mut self, worker: &str, liveness: Liveness) {
        if let Some(peer) = self.others.get_mut(worker) {
            peer.liveness = liveness;
        }
    }

    /// Returns the interval at which this worker publishes heartbeats, by the number of live
    /// workers.
    pub fn liveness(&self, now: Timestamp) -> Liveness {
        Liveness::in_fleet_of(self.alive(now))
    }

    /// Records what a peer has learned that the providers grant.
    pub fn record_granted(&mut self, worker: &str, mut granted: BTreeMap<AccountName, f64>) {
        if let Some(peer) = self.others.get_mut(worker) {
            // Another version may have written any number.
            for part in granted.values_mut() {
                *part = rate_step(*part);
            }
            peer.granted = granted;
        }
    }

    /// Records what a peer's calls in the air will cost, by the name of the budget.
    pub fn record_in_the_air(&mut self, worker: &str, amounts: BTreeMap<String, Decimal>) {
        if let Some(peer) = self.others.get_mut(worker) {
            peer.in_the_air = amounts;
        }
    }

    /// Returns what the calls in the air of all live peers will cost together, by the name of the
    /// budget.
    pub fn in_the_air(&self, now: Timestamp) -> BTreeMap<String, Decimal> {
        let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
        let alive = self.others.values().filter(|peer| is_alive(peer, now));
        for (budget, amount) in alive.flat_map(|peer| &peer.in_the_air) {
            let sum = sums.entry(budget.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        sums
    }

    /// Records the heartbeat of a worker that is no peer, because its addresses or accounts differ
    /// from ours.
    pub fn record_foreign(&mut self, now: Timestamp) {
        self.last_foreign = Some(now);
    }

    /// Whether there are other workers that may take jobs that this worker returns.
    pub fn has_others(&self, now: Timestamp) -> bool {
        let expiry = Liveness::stated(None).expiry();
        let is_recent = |last: Timestamp| now.duration_since(last) < expiry;
        self.alive(now) > 1 || self.last_foreign.is_some_and(is_recent)
    }

    /// Returns this worker's share of an account's rate, given that it has a call to make: the rate
    /// is divided equally among the workers that have calls to make, and the lowest rate that one
    /// of the others has learned holds.
    pub fn share(&self, account: AccountName, now: Timestamp) -> RateShare {
        let last = self.last_heartbeat.unwrap_or(now);
        let silence = now.duration_since(last);
        let liveness = self.liveness(last);
        let mut share = Share {
            halved: silence >= liveness.doubtful_after(),
            ..Share::WHOLE
        };
        let mut of_others = 1.0_f64;
        let then = if silence < liveness.cut_off_after() {
            now
        } else {
            last
        };
        for (id, peer) in self.others.iter().filter(|(_, peer)| shares(peer, then)) {
            share.workers += 1;
            share.rank += u32::from(*id < self.me);
            of_others = of_others.min(peer.granted.get(&account).copied().unwrap_or(1.0));
        }
        RateShare {
            share,
            of_others,
            now,
        }
    }

    /// Returns the number of live workers, this one included.
    pub fn alive(&self, now: Timestamp) -> usize {
        1 + self
            .others
            .values()
            .filter(|peer| is_alive(peer, now))
            .count()
    }

    pub fn is_alive(&self, worker: &str, now: Timestamp) -> bool {
        worker == self.me
            || self
                .others
                .get(worker)
                .is_some_and(|peer| is_alive(peer, now))
    }
}

fn shares(peer: &Peer, now: Timestamp) -> bool {
    // Idleness is judged at its own last heartbeat: silence means that a worker is gone, not idle.
    let idle_after = peer.liveness.idle_after();
    let works = peer
        .last_work
        .is_some_and(|worked| peer.last_heartbeat.duration_since(worked) < idle_after);
    works && !peer.draining && is_alive(peer, now)
}

fn is_alive(peer: &Peer, now: Timestamp) -> bool {
    now.duration_since(peer.last_heartbeat) < peer.liveness.expiry()
}

#[cfg(test)]
mod tests;
