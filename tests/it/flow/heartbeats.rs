//! What one worker learns, the others know.

use crate::harness::eventually::eventually;
use crate::harness::peer::Peer;
use crate::harness::system::{BUCKET, On, PATIENCE, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::account::AccountName;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::scope::{Province, Scope};
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

promises![
    a_closure_reaches_the_other_worker_at_once,
    a_pause_belongs_to_one_worker_and_the_others_go_on,
    a_worker_that_starts_late_asks_nothing_that_others_know_to_be_closed,
    garbage_on_the_exchange_changes_nothing,
    a_heartbeat_without_our_seal_is_not_believed,
    workers_of_another_fleet_are_no_peers,
    a_peer_of_a_newer_version_is_a_peer_and_its_heartbeats_count_once,
    a_worker_among_fifty_publishes_rarely_and_its_news_at_once,
];

const MAINTENANCE: &str =
    "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";

async fn a_closure_reaches_the_other_worker_at_once(on: On) {
    let mut system = Setup::new(on).await.faults(MAINTENANCE).prepare().await;
    // Nobody hears of it by the next heartbeat.
    system.heartbeat_every = Duration::from_hours(1);
    for _ in 0..2 {
        system.work().await;
    }
    let job = henan(&system, "first").await;
    system.submit(&job).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    let places = [Scope::Province(Province::of("河南").unwrap())];
    let all_know = async {
        for worker in &system.workers {
            let mut changes = worker.breaker.changes();
            while worker.breaker.blocked(&places, "nobody").is_none() {
                changes.changed().await.unwrap();
            }
        }
    };
    timeout(PATIENCE, all_know).await.expect("told at once");
    // Whichever of them gets the next one.
    for id in ["second", "third", "fourth", "fifth"] {
        let job = henan(&system, id).await;
        system.submit(&job).await;
        let JobEvent::Parked(parked) = system.event().await else {
            panic!("parked")
        };
        assert_eq!((parked.job_id.as_str(), parked.code.as_str()), (id, "316"));
    }
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 1);
}

async fn a_pause_belongs_to_one_worker_and_the_others_go_on(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"OUT_OF_QUOTA\"\ncalls = [1]\n";
    let mut system = Setup::new(on).await.faults(faults).start_with(3).await;
    let mut peer = Peer::of(&system).await;
    let job = henan(&system, "first").await;
    system.submit(&job).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    // Two rounds of heartbeats: the second was told after the pause began.
    for _ in 0..6 {
        assert_eq!(
            peer.hear().await["closed"],
            json!([]),
            "a pause is not announced"
        );
    }
    let paused = system
        .workers
        .iter()
        .filter(|worker| !worker.breaker.flow().paused().is_empty())
        .count();
    assert!(paused <= 1, "{paused} workers are paused");
    assert_eq!(
        system.result().await["verdict"],
        "genuine",
        "the job was handed back at once"
    );
}

async fn a_worker_that_starts_late_asks_nothing_that_others_know_to_be_closed(on: On) {
    let mut system = Setup::new(on).await.faults(MAINTENANCE).start().await;
    let mut peer = Peer::of(&system).await;
    let job = henan(&system, "first").await;
    system.submit(&job).await;
    let JobEvent::Parked(first) = system.event().await else {
        panic!("parked")
    };
    let knows = peer.hears_closed(&province()).await;
    system.work().await;
    eventually("another that knows", async || {
        peer.hears_closed(&province()).await != knows
    })
    .await;
    assert_eq!(system.retire().await, Drained::Yes);
    let job = henan(&system, "second").await;
    system.submit(&job).await;
    let JobEvent::Parked(second) = system.event().await else {
        panic!("parked")
    };
    assert_eq!(
        (second.job_id.as_str(), second.code.as_str()),
        ("second", "316")
    );
    // Durations are told: what they take on their way is added.
    assert!(
        (0..30).contains(&second.until.duration_since(first.until).as_secs()),
        "{} {}",
        first.until,
        second.until
    );
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 1);
}

async fn garbage_on_the_exchange_changes_nothing(on: On) {
    let mut system = System::start(on).await;
    let peer = Peer::of(&system).await;
    for body in [
        Vec::new(),
        b"not JSON".to_vec(),
        vec![0xff; 2 << 20],
        b"{}".to_vec(),
    ] {
        peer.announces(body.clone()).await;
        peer.announces_sealed(body).await;
    }
    for place in [
        json!({ "moon": "verification" }),
        json!({ "province": "<script>" }),
        json!({ "pause": "verification" }),
    ] {
        peer.announces_sealed(beat(&system, "peer", 1, &json!([closed(&place, 300_000)])))
            .await;
    }
    answers(&mut system).await;
    assert_eq!(system.drain().await, Drained::Yes);
}

/// A client that may publish to the exchange could otherwise stop the fleet with one message, or
/// starve it with invented workers.
async fn a_heartbeat_without_our_seal_is_not_believed(on: On) {
    let mut system = System::start(on).await;
    let mut peer = Peer::of(&system).await;
    let everything = json!([
        closed(&json!({ "stage": "verification" }), 86_400_000),
        closed(&json!({ "stage": "recognition" }), 86_400_000)
    ]);
    for worker in 0..50 {
        peer.announces(beat(&system, &format!("invented {worker}"), 1, &everything))
            .await;
    }
    // What it says once more was heard by everybody, and is theirs; but not from here.
    peer.hear().await;
    answers(&mut system).await;
    assert_eq!(
        system.workers[0]
            .breaker
            .membership()
            .share(AccountName::RECOGNITION)
            .share
            .workers,
        1
    );
    assert_eq!(system.drain().await, Drained::Yes);
}

/// They do not share our rate, and what they have closed is not closed for us.
async fn workers_of_another_fleet_are_no_peers(on: On) {
    let mut system = System::start(on).await;
    let peer = Peer::of(&system).await;
    let mut theirs = Setup::new(on).await;
    theirs.config.seal.key = system.config.seal.key.clone();
    let theirs = theirs.prepare().await;
    let everything = json!([
        closed(&json!({ "stage": "verification" }), 60_000),
        closed(&json!({ "stage": "recognition" }), 60_000)
    ]);
    peer.announces_sealed(beat(&theirs, "0", 1, &everything))
        .await;
    answers(&mut system).await;
    assert_eq!(
        system.workers[0]
            .breaker
            .membership()
            .share(AccountName::RECOGNITION)
            .share
            .workers,
        1
    );
    assert_eq!(system.drain().await, Drained::Yes);
}

async fn a_peer_of_a_newer_version_is_a_peer_and_its_heartbeats_count_once(on: On) {
    let mut system = System::start(on).await;
    let peer = Peer::of(&system).await;
    let mut newer: Value = serde_json::from_slice(&beat(&system, "newer", 7, &json!([]))).unwrap();
    newer["v"] = json!(99);
    newer["mood"] = json!({ "of": "tomorrow" });
    newer["closed"] = json!([{ "place": { "moon": "x" } }, closed(&province(), 60_000)]);
    peer.announces_sealed(newer.to_string()).await;
    let place = Scope::Province(Province::of("河南").unwrap());
    system.workers[0].knows(&place).await;
    assert_eq!(
        system.workers[0]
            .breaker
            .membership()
            .share(AccountName::RECOGNITION)
            .share
            .workers,
        2
    );
    // Recorded, and sent again by a stranger: it is not heard again, or the worker would live for
    // ever.
    let mut open = newer.clone();
    open["sequence"] = json!(8);
    open["draining"] = json!(true);
    open["closed"] = json!([{ "place": province(), "version": 2, "by": "newer", "state": { "open": { "since_ms": 0 } } }]);
    peer.announces_sealed(open.to_string()).await;
    peer.announces_sealed(newer.to_string()).await;
    peer.announces_sealed(beat(&system, "last", 1, &json!([])))
        .await;
    let breaker = &system.workers[0].breaker;
    let is_opened = async || {
        breaker
            .blocked(std::slice::from_ref(&place), "nobody")
            .is_none()
    };
    eventually("open again, and a third worker", async || {
        is_opened().await
            && breaker
                .membership()
                .share(AccountName::RECOGNITION)
                .share
                .workers
                == 2
    })
    .await;
    assert_eq!(system.drain().await, Drained::Yes);
}

async fn a_worker_among_fifty_publishes_rarely_and_its_news_at_once(on: On) {
    let mut system = Setup::new(on).await.faults(MAINTENANCE).start().await;
    let mut peer = Peer::of(&system).await;
    assert_eq!(peer.hear().await["every_ms"], 2_000, "alone");
    for number in 0..49 {
        let mut heartbeat: Value =
            serde_json::from_slice(&beat(&system, &format!("peer {number}"), 1, &json!([])))
                .unwrap();
        heartbeat["every_ms"] = json!(25_000);
        peer.announces_sealed(heartbeat.to_string()).await;
    }
    while peer.hear().await["every_ms"] != 25_000 {}
    let job = henan(&system, "first").await;
    system.submit(&job).await;
    peer.hears_closed(&province()).await;
    assert_eq!(system.drain().await, Drained::Yes);
}

async fn answers(system: &mut System) {
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
    assert_eq!(system.workers[0].health.state(), HealthState::Consuming);
}

fn closed(place: &Value, until_ms: i64) -> Value {
    let closure = json!({ "stage": "verification", "code": "316", "reason": "", "since_ms": 0, "until_ms": until_ms, "failures": 1 });
    json!({ "place": place, "version": 1, "by": "x", "state": { "closed": closure } })
}

/// As a worker with that configuration would say it.
fn beat(system: &System, worker: &str, sequence: u64, closed: &Value) -> Vec<u8> {
    json!({
        "v": 2, "worker": worker, "fleet": system.config.fleet_id(), "sequence": sequence,
        "sent_at_ms": Timestamp::now().as_millisecond(), "has_work": true, "draining": false, "closed": closed,
    })
    .to_string()
    .into_bytes()
}

fn province() -> Value {
    json!({ "province": "河南" })
}

/// A picture of its own of one bill of that province.
async fn henan(system: &System, id: &str) -> Message {
    let mut picture = samples::named("02-henan-inpatient").unwrap().bytes.to_vec();
    picture.extend(id.bytes());
    system.sandbox.put(BUCKET, id, picture).await.unwrap();
    system.job(id, id)
}
