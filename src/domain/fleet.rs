//! Who works on the same queues, as far as this worker has heard.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Who has said nothing for so long is gone (contract, control messages).
pub const EXPIRY: SignedDuration = SignedDuration::from_secs(7);
/// Of a worker's id; longer ones are not ours.
pub const MAX_ID_BYTES: usize = 64;
/// More are not counted: a stranger on the exchange must not fill the memory.
const MAX_PEERS: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Fleet {
    me: String,
    peers: BTreeMap<String, Peer>,
}

#[derive(Clone, Debug)]
struct Peer {
    heard: Timestamp,
    draining: bool,
}

impl Fleet {
    pub fn new(me: String) -> Self {
        Self { me, peers: BTreeMap::new() }
    }

    pub fn me(&self) -> &str {
        &self.me
    }

    /// A sign of life. Was it somebody new?
    pub fn heard(&mut self, worker: &str, draining: bool, now: Timestamp) -> bool {
        self.peers.retain(|_, peer| is_alive(peer, now));
        if worker == self.me || (self.peers.len() == MAX_PEERS && !self.peers.contains_key(worker)) {
            return false;
        }
        self.peers.insert(worker.to_owned(), Peer { heard: now, draining }).is_none()
    }

    /// With this one.
    pub fn alive(&self, now: Timestamp) -> usize {
        1 + self.peers.values().filter(|peer| is_alive(peer, now)).count()
    }

    pub fn is_alive(&self, worker: &str, now: Timestamp) -> bool {
        worker == self.me || self.peers.get(worker).is_some_and(|peer| is_alive(peer, now))
    }

    /// Has this worker the lowest id of those that take jobs? That one probes a paused stage.
    pub fn leads(&self, now: Timestamp) -> bool {
        self.peers.iter().all(|(id, peer)| *id > self.me || peer.draining || !is_alive(peer, now))
    }
}

fn is_alive(peer: &Peer, now: Timestamp) -> bool {
    now.duration_since(peer.heard) < EXPIRY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn who_says_nothing_for_seven_seconds_is_gone() {
        let mut fleet = Fleet::new("b".into());
        assert!(fleet.heard("a", false, at(0)));
        assert!(!fleet.heard("a", false, at(2)), "known");
        assert!(!fleet.heard("b", false, at(2)), "that is myself");
        assert_eq!((fleet.alive(at(8)), fleet.alive(at(9))), (2, 1));
        assert!(fleet.heard("a", false, at(20)), "back again");
    }

    #[test]
    fn the_lowest_that_takes_jobs_leads() {
        let mut fleet = Fleet::new("b".into());
        assert!(fleet.leads(at(0)));
        fleet.heard("c", false, at(0));
        assert!(fleet.leads(at(0)));
        fleet.heard("a", false, at(0));
        assert!(!fleet.leads(at(0)));
        fleet.heard("a", true, at(1));
        assert!(fleet.leads(at(1)), "a drains");
        fleet.heard("a", false, at(2));
        assert!(fleet.leads(at(9)), "a is gone");
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let mut fleet = Fleet::new("me".into());
        for number in 0..5_000 {
            fleet.heard(&format!("worker {number}"), false, at(0));
        }
        assert_eq!(fleet.alive(at(0)), MAX_PEERS + 1);
    }
}
