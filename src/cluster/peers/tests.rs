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
fn a_dead_peer_loses_its_share_and_a_worker_that_receives_nothing_keeps_its_own_for_15_seconds() {
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
