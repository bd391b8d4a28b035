//! Which heartbeats are accepted: those of this fleet that were sent lately and not received
//! before.
//!
//! A seal shows that a worker of ours wrote a heartbeat. It does not show when: a client that can
//! read the exchange can send it again. So each worker numbers its heartbeats, and a number that
//! was received before is refused. Recorded heartbeats of a worker that has ended can mislead a
//! worker that has just started, for at most [`LONGEST_AWAY`].

use super::heartbeat::Heartbeat;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A heartbeat sent this long before or after now is ignored. S3 and the gateway refuse a clock
/// that is so far off, so a worker with such a clock makes no calls.
const LONGEST_AWAY: SignedDuration = SignedDuration::from_mins(15);
/// The workers that are remembered. Those whose heartbeat is the oldest are forgotten.
const MAX_WORKERS: usize = 2_000;
/// The number of other fleets that are reported, each once.
const MAX_FLEETS: usize = 16;
const REPORT_EVERY: SignedDuration = SignedDuration::from_mins(10);

#[derive(Clone, Debug)]
pub struct PeerRegister {
    fleet: String,
    /// The last sequence number of each worker, and when it was received.
    workers: BTreeMap<String, (u64, Timestamp)>,
    others: BTreeSet<String>,
    sequence: u64,
    refusal_reported: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Peer,
    /// This heartbeat, or a later one of the worker, was received before.
    Repeated,
    /// It was sent at another time than now.
    OutOfTime,
    /// Its worker has other queues or accounts.
    OtherFleet {
        is_first: bool,
    },
}

impl PeerRegister {
    pub fn new(fleet: String) -> Self {
        Self {
            fleet,
            workers: BTreeMap::new(),
            others: BTreeSet::new(),
            sequence: 0,
            refusal_reported: None,
        }
    }

    /// Gives this worker's next heartbeat its fleet, number and time.
    pub fn stamp(&mut self, heartbeat: Heartbeat, now: Timestamp) -> Heartbeat {
        self.sequence += 1;
        heartbeat.stamped(&self.fleet, self.sequence, now)
    }

    /// Whether a message without a valid seal is to be logged now. Such messages are logged once in
    /// ten minutes, so that they cannot fill the log.
    pub fn reports_refusal(&mut self, now: Timestamp) -> bool {
        let is_due = self
            .refusal_reported
            .is_none_or(|last| now.duration_since(last).abs() >= REPORT_EVERY);
        if is_due {
            self.refusal_reported = Some(now);
        }
        is_due
    }

    /// Decides whether a heartbeat is accepted, and remembers its number.
    pub fn admit(&mut self, heartbeat: &Heartbeat, now: Timestamp) -> Admission {
        if heartbeat.fleet != self.fleet {
            let is_first =
                self.others.len() < MAX_FLEETS && self.others.insert(heartbeat.fleet.clone());
            return Admission::OtherFleet { is_first };
        }
        let away = Timestamp::from_millisecond(heartbeat.sent_at_ms)
            .map(|sent| now.duration_since(sent).abs());
        if away.map_or(true, |away| away > LONGEST_AWAY) {
            return Admission::OutOfTime;
        }
        if self
            .workers
            .get(&heartbeat.worker)
            .is_some_and(|(last, _)| *last >= heartbeat.sequence)
        {
            return Admission::Repeated;
        }
        if self.workers.len() == MAX_WORKERS && !self.workers.contains_key(&heartbeat.worker) {
            let longest_ago = self
                .workers
                .iter()
                .min_by_key(|(_, (_, received))| *received)
                .map(|(worker, _)| worker.clone());
            longest_ago.and_then(|worker| self.workers.remove(&worker));
        }
        self.workers
            .insert(heartbeat.worker.clone(), (heartbeat.sequence, now));
        Admission::Peer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn heartbeat(worker: &str, fleet: &str, sequence: u64, sent: Timestamp) -> Heartbeat {
        Heartbeat::new(worker, true, false, Vec::new()).stamped(fleet, sequence, sent)
    }

    #[test]
    fn each_heartbeat_counts_once_and_in_its_order() {
        let mut register = PeerRegister::new("fleet".into());
        let mut admits = |worker: &str, sequence, now| {
            register.admit(&heartbeat(worker, "fleet", sequence, at(0)), at(now))
        };
        assert_eq!(admits("a", 5, 0), Admission::Peer);
        assert_eq!(
            [admits("a", 5, 1), admits("a", 4, 1)],
            [Admission::Repeated; 2]
        );
        assert_eq!([admits("b", 1, 1), admits("a", 9, 2)], [Admission::Peer; 2]);
        assert_eq!(
            admits("a", 9, 600),
            Admission::Repeated,
            "a repeated heartbeat is refused also when its worker may have ended"
        );
    }

    #[test]
    fn a_heartbeat_of_another_time_is_ignored() {
        for (sent, expected) in [
            (-900, Admission::Peer),
            (900, Admission::Peer),
            (-901, Admission::OutOfTime),
            (86_400, Admission::OutOfTime),
        ] {
            assert_eq!(
                PeerRegister::new("fleet".into())
                    .admit(&heartbeat("a", "fleet", 1, at(sent)), at(0)),
                expected,
                "{sent}"
            );
        }
        let mut never = heartbeat("a", "fleet", 1, at(0));
        never.sent_at_ms = i64::MAX;
        assert_eq!(
            PeerRegister::new("fleet".into()).admit(&never, at(0)),
            Admission::OutOfTime
        );
    }

    #[test]
    fn another_fleet_is_no_peer_and_is_reported_once() {
        let mut register = PeerRegister::new("fleet".into());
        let mut admits = |fleet: &str| register.admit(&heartbeat("a", fleet, 1, at(0)), at(0));
        assert_eq!(
            [admits("other"), admits("other")],
            [true, false].map(|is_first| Admission::OtherFleet { is_first })
        );
        let reported = (0..1_000)
            .filter(|number| {
                admits(&number.to_string()) == Admission::OtherFleet { is_first: true }
            })
            .count();
        assert_eq!(reported, MAX_FLEETS - 1);
        assert_eq!(admits("fleet"), Admission::Peer);
    }

    #[test]
    fn as_many_workers_are_remembered_as_there_is_room_for() {
        let mut register = PeerRegister::new("fleet".into());
        for number in 0..5_000 {
            assert_eq!(
                register.admit(
                    &heartbeat(&format!("worker {number}"), "fleet", 1, at(number)),
                    at(number)
                ),
                Admission::Peer
            );
        }
        assert_eq!(register.workers.len(), MAX_WORKERS);
        assert_eq!(
            register.admit(&heartbeat("worker 4999", "fleet", 1, at(4_999)), at(4_999)),
            Admission::Repeated
        );
    }

    #[test]
    fn a_refusal_is_reported_once_in_ten_minutes() {
        let mut register = PeerRegister::new("fleet".into());
        assert_eq!(
            [0, 1, 599, 600, 601].map(|second| register.reports_refusal(at(second))),
            [true, false, false, true, false]
        );
    }

    #[test]
    fn a_workers_own_heartbeats_are_counted() {
        let mut register = PeerRegister::new("fleet".into());
        let mut sequence = || {
            register
                .stamp(Heartbeat::new("me", true, false, Vec::new()), at(0))
                .sequence
        };
        assert_eq!([sequence(), sequence()], [1, 2]);
    }
}
