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
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_peer_is_gone_after_seven_seconds_without_a_heartbeat() {
        let mut peers = Peers::new("b".into());
        assert!(peers.record("a", true, false, at(0)));
        assert!(
            !peers.record("a", true, false, at(2)),
            "a known peer is not new"
        );
        assert!(
            !peers.record("b", true, false, at(2)),
            "the worker itself is not a peer"
        );
        assert_eq!((peers.alive(at(8)), peers.alive(at(9))), (2, 1));
        assert!(
            peers.record("a", true, false, at(20)),
            "an expired peer is new when it returns"
        );
    }

    #[test]
    fn a_peer_of_a_large_fleet_is_gone_after_three_and_a_half_of_its_own_intervals() {
        let mut peers = Peers::new("me".into());
        for number in 0..49 {
            let worker = format!("worker {number}");
            peers.record(&worker, true, false, at(0));
            peers.record_liveness(&worker, Liveness::in_fleet_of(50));
        }
        assert_eq!(peers.liveness(at(0)), Liveness::in_fleet_of(50));
        assert_eq!(
            [25, 87, 88].map(|second| peers.alive(at(second))),
            [50, 50, 1]
        );
    }

    #[test]
    fn a_large_fleet_that_started_at_once_is_not_taken_for_silence() {
        let mut peers = Peers::new("worker 0".into());
        for second in [0, 25, 50] {
            for number in 0..50 {
                let worker = format!("worker {number}");
                peers.record(&worker, true, false, at(second));
                peers.record_liveness(&worker, Liveness::in_fleet_of(50));
            }
            assert_eq!(share_of(&peers, at(second + 24)), share(50, 0), "{second}");
        }
    }

    fn share(workers: u32, rank: u32) -> Share {
        Share {
            workers,
            rank,
            halved: false,
        }
    }

    fn share_of(peers: &Peers, now: Timestamp) -> Share {
        peers.share(AccountName::RECOGNITION, now).share
    }

    #[test]
    fn the_rate_is_divided_among_the_workers_that_have_calls_to_make() {
        let mut peers = Peers::new("b".into());
        assert_eq!(
            share_of(&peers, at(0)),
            Share::WHOLE,
            "no other worker is known"
        );
        peers.record("b", true, false, at(0));
        assert_eq!(
            share_of(&peers, at(0)),
            Share::WHOLE,
            "a worker has no share beside its own"
        );
        peers.record("c", true, false, at(0));
        assert_eq!(share_of(&peers, at(0)), share(2, 0));
        peers.record("a", true, false, at(1));
        assert_eq!(
            share_of(&peers, at(1)),
            share(3, 1),
            "ranks are in the order of the ids"
        );
        peers.record("a", false, false, at(3));
        assert_eq!(
            share_of(&peers, at(3)),
            share(3, 1),
            "a worker that was busy two seconds ago keeps its share"
        );
        peers.record("c", true, true, at(3));
        assert_eq!(
            share_of(&peers, at(3)),
            share(2, 1),
            "the draining worker c has no share"
        );
        peers.record("b", true, false, at(5));
        assert_eq!(
            share_of(&peers, at(6)),
            share(2, 1),
            "a keeps its share until its next heartbeat"
        );
        peers.record("a", false, false, at(7));
        assert_eq!(
            share_of(&peers, at(7)),
            Share::WHOLE,
            "the idle worker a has no share"
        );
    }

    #[test]
    fn a_dead_peer_loses_its_share_and_a_worker_that_receives_nothing_keeps_its_own_for_15_seconds()
    {
        let mut peers = Peers::new("b".into());
        for second in 0..=8 {
            peers.record("b", true, false, at(second));
            if second < 2 {
                peers.record("a", true, false, at(second));
            }
            let expected = if second < 8 {
                share(2, 1)
            } else {
                Share::WHOLE
            };
            assert_eq!(
                share_of(&peers, at(second)),
                if second == 0 { share(2, 1) } else { expected },
                "a sends no heartbeat after 1 s; this is second {second}"
            );
        }
        peers.record("a", true, false, at(10));
        assert_eq!(
            [share_of(&peers, at(17)), share_of(&peers, at(24))],
            [share(2, 1); 2],
            "the share stays while not even the own heartbeat comes back"
        );
        assert_eq!(
            share_of(&peers, at(25)),
            Share {
                halved: true,
                ..share(2, 1)
            }
        );
        peers.record("b", true, false, at(26));
        assert_eq!(
            [share_of(&peers, at(26)), share_of(&peers, at(30))],
            [share(2, 1); 2],
            "a peer does not expire because of that silence"
        );
        for second in [28, 30, 32, 33] {
            peers.record("b", true, false, at(second));
        }
        assert_eq!(
            share_of(&peers, at(33)),
            Share::WHOLE,
            "the peer expires after seven more seconds without a heartbeat"
        );
    }

    #[test]
    fn a_worker_whose_own_heartbeats_are_late_still_expires_dead_peers() {
        let mut peers = Peers::new("b".into());
        peers.record("a", true, false, at(0));
        for round in 0..5 {
            peers.record("b", true, false, at(4 * round));
        }
        assert_eq!(share_of(&peers, at(16)), Share::WHOLE);
        assert_eq!(peers.alive(at(16)), 1);
    }

    #[test]
    fn a_clock_that_is_put_forward_expires_no_peer() {
        let mut peers = Peers::new("b".into());
        peers.record("a", true, false, at(0));
        peers.record("b", true, false, at(1));
        peers.record("b", true, false, at(3_603));
        assert_eq!(share_of(&peers, at(3_603)), share(2, 1));
        assert_eq!(
            share_of(&peers, at(3_608)),
            share(2, 1),
            "a second silence expires no peer either"
        );
    }

    #[test]
    fn the_lowest_learned_rate_of_the_peers_holds_for_all_of_them() {
        let mut peers = Peers::new("b".into());
        for (worker, part) in [("a", 0.9409), ("c", -8.0)] {
            peers.record(worker, true, false, at(0));
            peers.record_granted(worker, BTreeMap::from([(AccountName::RECOGNITION, part)]));
        }
        let part = |peers: &Peers, stage| peers.share(stage, at(1)).of_others;
        assert!(
            (0.01..0.0104).contains(&part(&peers, AccountName::RECOGNITION)),
            "a nonsensical rate counts as the lowest step"
        );
        assert!((part(&peers, AccountName::VERIFICATION) - 1.0).abs() < 1e-9);
        peers.record("c", true, true, at(1));
        assert!(
            (part(&peers, AccountName::RECOGNITION) - 0.9409).abs() < 1e-9,
            "the draining worker c has no share"
        );
    }

    #[test]
    fn the_calls_in_the_air_of_live_peers_are_added_up() {
        let mut peers = Peers::new("b".into());
        let amounts = |amount| BTreeMap::from([("daily".to_owned(), Decimal::from(amount))]);
        for (worker, amount) in [("a", 3), ("c", 4)] {
            peers.record(worker, true, false, at(0));
            peers.record_in_the_air(worker, amounts(amount));
        }
        assert_eq!(peers.in_the_air(at(1)), amounts(7));
        for second in [2, 4, 6, 8] {
            peers.record("c", false, true, at(second));
        }
        assert_eq!(peers.in_the_air(at(8)), amounts(4), "a is gone");
        peers.record_in_the_air("c", BTreeMap::new());
        assert_eq!(peers.in_the_air(at(8)), BTreeMap::new());
    }

    #[test]
    fn foreign_heartbeats_cannot_fill_the_memory() {
        let mut peers = Peers::new("me".into());
        for number in 0..5_000 {
            peers.record(&format!("worker {number}"), true, false, at(0));
        }
        assert_eq!(peers.alive(at(0)), MAX_PEERS + 1);
    }
}
