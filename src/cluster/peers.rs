//! Who works on the same queues, as far as this worker has heard.

use crate::domain::failure::Stage;
use crate::quota::learned::step;
use crate::quota::share::{RateShare, Share};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Who has said nothing for so long is gone (contract, control messages).
pub const EXPIRY: SignedDuration = SignedDuration::from_secs(7);
/// Who has had no call to make for so long leaves the rate to the others: two heartbeats.
const IDLE_AFTER: SignedDuration = SignedDuration::from_secs(4);
/// How often everybody says that he is there.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(2);
/// Who has not even heard himself for so long, a heartbeat and a half, hears nobody: then nobody's
/// silence costs his share.
const DEAF_AFTER: SignedDuration = SignedDuration::from_secs(3);
/// Who hears nobody keeps his share for so long, and then half of it.
const DOUBTFUL_AFTER: SignedDuration = SignedDuration::from_secs(15);
/// Of a worker's id; longer ones are not ours.
pub const MAX_ID_BYTES: usize = 64;
/// More are not counted: a stranger on the exchange must not fill the memory.
const MAX_PEERS: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Peers {
    me: String,
    others: BTreeMap<String, Peer>,
    /// When anybody was heard last, and be it this worker itself. Not at all: there is nobody to
    /// hear.
    heard: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Peer {
    heard: Timestamp,
    /// When it last said that it has work.
    worked: Option<Timestamp>,
    draining: bool,
    granted: BTreeMap<Stage, f64>,
}

impl Peers {
    pub fn new(me: String) -> Self {
        Self {
            me,
            others: BTreeMap::new(),
            heard: None,
        }
    }

    pub fn me(&self) -> &str {
        &self.me
    }

    /// A sign of life. Was it somebody new?
    pub fn heard(&mut self, worker: &str, has_work: bool, draining: bool, now: Timestamp) -> bool {
        if self.heard.is_some_and(|heard| heard > now) {
            // The clock was put back: nothing was heard after now.
            for peer in self.others.values_mut() {
                peer.heard = peer.heard.min(now);
                peer.worked = peer.worked.map(|worked| worked.min(now));
            }
        }
        let silence = self
            .heard
            .map_or(SignedDuration::ZERO, |heard| now.duration_since(heard));
        if silence >= DEAF_AFTER {
            // Nobody's silence meant anything, as if the clock had stood still; also where it was
            // put forward. But for one heartbeat: where all of them are late, the dead are still
            // found out.
            let missed = silence - HEARTBEAT;
            self.others.retain(|_, peer| is_alive(peer, now - silence));
            for peer in self.others.values_mut() {
                peer.heard += missed;
                peer.worked = peer.worked.map(|worked| worked + missed);
            }
        }
        self.others.retain(|_, peer| is_alive(peer, now));
        self.heard = Some(now);
        if worker == self.me
            || (self.others.len() == MAX_PEERS && !self.others.contains_key(worker))
        {
            return false;
        }
        let known = self.others.get(worker);
        let last_worked = if has_work {
            Some(now)
        } else {
            known.and_then(|peer| peer.worked)
        };
        // Who was not heard for as long as that may have taken this worker for gone as well.
        let is_new = known.is_none() || silence >= EXPIRY;
        let granted = known.map(|peer| peer.granted.clone()).unwrap_or_default();
        self.others.insert(
            worker.to_owned(),
            Peer {
                heard: now,
                worked: last_worked,
                draining,
                granted,
            },
        );
        is_new
    }

    /// What one that was heard has learned.
    pub fn told(&mut self, worker: &str, mut granted: BTreeMap<Stage, f64>) {
        if let Some(peer) = self.others.get_mut(worker) {
            // Whatever a stranger says.
            for part in granted.values_mut() {
                *part = step(*part);
            }
            peer.granted = granted;
        }
    }

    /// This worker's share of a stage's rate, for it has a call to make: equal parts for all of
    /// whom that is known; and what the others among them have learned that is granted.
    pub fn standing(&self, stage: Stage, now: Timestamp) -> RateShare {
        let silence = self
            .heard
            .map_or(SignedDuration::ZERO, |heard| now.duration_since(heard));
        let mut share = Share {
            halved: silence >= DOUBTFUL_AFTER,
            ..Share::WHOLE
        };
        let mut of_others = 1.0_f64;
        let then = if silence < DEAF_AFTER {
            now
        } else {
            self.heard.unwrap_or(now)
        };
        for (id, peer) in self.others.iter().filter(|(_, peer)| shares(peer, then)) {
            share.workers += 1;
            share.rank += u32::from(*id < self.me);
            of_others = of_others.min(peer.granted.get(&stage).copied().unwrap_or(1.0));
        }
        RateShare {
            share,
            of_others,
            now,
        }
    }

    /// With this one.
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
    // By its own last word: silence is death, not idleness.
    let works = peer
        .worked
        .is_some_and(|worked| peer.heard.duration_since(worked) < IDLE_AFTER);
    works && !peer.draining && is_alive(peer, now)
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
        let mut fleet = Peers::new("b".into());
        assert!(fleet.heard("a", true, false, at(0)));
        assert!(!fleet.heard("a", true, false, at(2)), "known");
        assert!(!fleet.heard("b", true, false, at(2)), "that is myself");
        assert_eq!((fleet.alive(at(8)), fleet.alive(at(9))), (2, 1));
        assert!(fleet.heard("a", true, false, at(20)), "back again");
    }

    fn share(workers: u32, rank: u32) -> Share {
        Share {
            workers,
            rank,
            halved: false,
        }
    }

    fn share_of(fleet: &Peers, now: Timestamp) -> Share {
        fleet.standing(Stage::Recognition, now).share
    }

    #[test]
    fn the_rate_is_shared_by_those_who_have_calls_to_make() {
        let mut fleet = Peers::new("b".into());
        assert_eq!(share_of(&fleet, at(0)), Share::WHOLE, "nobody to hear");
        fleet.heard("b", true, false, at(0));
        assert_eq!(share_of(&fleet, at(0)), Share::WHOLE, "only myself");
        fleet.heard("c", true, false, at(0));
        assert_eq!(share_of(&fleet, at(0)), share(2, 0));
        fleet.heard("a", true, false, at(1));
        assert_eq!(
            share_of(&fleet, at(1)),
            share(3, 1),
            "in the order of their names"
        );
        fleet.heard("a", false, false, at(3));
        assert_eq!(
            share_of(&fleet, at(3)),
            share(3, 1),
            "perhaps between two jobs"
        );
        fleet.heard("c", true, true, at(3));
        assert_eq!(share_of(&fleet, at(3)), share(2, 1), "c drains");
        fleet.heard("b", true, false, at(5));
        assert_eq!(
            share_of(&fleet, at(6)),
            share(2, 1),
            "nothing new is heard of a"
        );
        fleet.heard("a", false, false, at(7));
        assert_eq!(share_of(&fleet, at(7)), Share::WHOLE, "a is idle");
    }

    #[test]
    fn the_dead_give_their_share_up_and_the_deaf_keep_theirs_for_a_while() {
        let mut fleet = Peers::new("b".into());
        for second in 0..=8 {
            fleet.heard("b", true, false, at(second));
            if second < 2 {
                fleet.heard("a", true, false, at(second));
            }
            let expected = if second < 8 {
                share(2, 1)
            } else {
                Share::WHOLE
            };
            assert_eq!(
                share_of(&fleet, at(second)),
                if second == 0 { share(2, 1) } else { expected },
                "a has died after {second} s"
            );
        }
        fleet.heard("a", true, false, at(10));
        assert_eq!(
            [share_of(&fleet, at(17)), share_of(&fleet, at(24))],
            [share(2, 1); 2],
            "not even myself is heard"
        );
        assert_eq!(
            share_of(&fleet, at(25)),
            Share {
                halved: true,
                ..share(2, 1)
            }
        );
        fleet.heard("b", true, false, at(26));
        assert_eq!(
            [share_of(&fleet, at(26)), share_of(&fleet, at(30))],
            [share(2, 1); 2],
            "who was not heard is not gone yet"
        );
        for second in [28, 30, 32, 33] {
            fleet.heard("b", true, false, at(second));
        }
        assert_eq!(share_of(&fleet, at(33)), Share::WHOLE, "now he is");
    }

    #[test]
    fn the_dead_are_found_out_by_one_whose_own_heartbeats_are_late() {
        let mut fleet = Peers::new("b".into());
        fleet.heard("a", true, false, at(0));
        for round in 0..5 {
            fleet.heard("b", true, false, at(4 * round));
        }
        assert_eq!(share_of(&fleet, at(16)), Share::WHOLE);
        assert_eq!(fleet.alive(at(16)), 1);
    }

    #[test]
    fn a_clock_that_is_put_forward_leaves_everybody_where_he_was() {
        let mut fleet = Peers::new("b".into());
        fleet.heard("a", true, false, at(0));
        fleet.heard("b", true, false, at(1));
        fleet.heard("b", true, false, at(3_603));
        assert_eq!(share_of(&fleet, at(3_603)), share(2, 1));
        assert_eq!(share_of(&fleet, at(3_608)), share(2, 1), "deaf again");
    }

    #[test]
    fn the_lowest_rate_that_one_who_shares_has_learned_is_everybodys() {
        let mut fleet = Peers::new("b".into());
        for (worker, part) in [("a", 0.9409), ("c", -8.0)] {
            fleet.heard(worker, true, false, at(0));
            fleet.told(worker, BTreeMap::from([(Stage::Recognition, part)]));
        }
        let part = |fleet: &Peers, stage| fleet.standing(stage, at(1)).of_others;
        assert!(
            (0.01..0.0104).contains(&part(&fleet, Stage::Recognition)),
            "and never nothing"
        );
        assert!((part(&fleet, Stage::Verification) - 1.0).abs() < 1e-9);
        fleet.heard("c", true, true, at(1));
        assert!(
            (part(&fleet, Stage::Recognition) - 0.9409).abs() < 1e-9,
            "c drains"
        );
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let mut fleet = Peers::new("me".into());
        for number in 0..5_000 {
            fleet.heard(&format!("worker {number}"), true, false, at(0));
        }
        assert_eq!(fleet.alive(at(0)), MAX_PEERS + 1);
    }
}
