//! What one worker learns, the others know.

use crate::harness::eventually::eventually;
use crate::harness::peer::Peer;
use crate::harness::system::{BUCKET, On, PATIENCE, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::domain::breaker::{Place, Province};
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::heartbeat::Heartbeat;
use invoice_worker::sandbox::samples;
use invoice_worker::telemetry::health::State;
use invoice_worker::worker::{Drained, Event};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

promises![
    what_one_worker_learns_is_told_to_another_at_once,
    a_pause_belongs_to_one_worker_and_the_others_go_on,
    a_worker_that_starts_late_asks_nothing_that_others_know_to_be_closed,
    garbage_on_the_exchange_changes_nothing,
];

const MAINTENANCE: &str = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";

async fn what_one_worker_learns_is_told_to_another_at_once(on: On) {
    let mut system = Setup::new(on).await.faults(MAINTENANCE).prepare().await;
    // Nobody hears of it by the next heartbeat.
    system.heartbeat_every = Duration::from_hours(1);
    for _ in 0..2 {
        system.work().await;
    }
    let job = henan(&system, "first").await;
    system.submit(&job).await;
    assert!(matches!(system.event().await, Event::Parked(_)));
    let places = [Place::Province(Province::of("河南").unwrap())];
    let all_know = async {
        for worker in &system.workers {
            let mut changes = worker.gate.changes();
            while worker.gate.look(&places, "nobody").is_none() {
                changes.changed().await.unwrap();
            }
        }
    };
    timeout(PATIENCE, all_know).await.expect("told at once");
    // Whichever of them gets the next one.
    for id in ["second", "third", "fourth", "fifth"] {
        let job = henan(&system, id).await;
        system.submit(&job).await;
        let Event::Parked(parked) = system.event().await else { panic!("parked") };
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
    assert!(matches!(system.event().await, Event::Parked(_)));
    // Two rounds of heartbeats: the second was told after the pause began.
    for _ in 0..6 {
        assert_eq!(peer.hear().await["closed"], json!([]), "a pause is not announced");
    }
    let paused = system.workers.iter().filter(|worker| !worker.gate.flow().paused().is_empty()).count();
    assert!(paused <= 1, "{paused} workers are paused");
    assert_eq!(system.result().await["verdict"], "genuine", "the job was handed back at once");
}

async fn a_worker_that_starts_late_asks_nothing_that_others_know_to_be_closed(on: On) {
    let mut system = Setup::new(on).await.faults(MAINTENANCE).start().await;
    let mut peer = Peer::of(&system).await;
    let job = henan(&system, "first").await;
    system.submit(&job).await;
    let Event::Parked(first) = system.event().await else { panic!("parked") };
    let knows = peer.hears_closed(&province()).await;
    system.work().await;
    eventually("another that knows", async || peer.hears_closed(&province()).await != knows).await;
    assert_eq!(system.retire().await, Drained::Yes);
    let job = henan(&system, "second").await;
    system.submit(&job).await;
    let Event::Parked(second) = system.event().await else { panic!("parked") };
    assert_eq!((second.job_id.as_str(), second.code.as_str(), second.until), ("second", "316", first.until));
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 1);
}

async fn garbage_on_the_exchange_changes_nothing(on: On) {
    let mut system = System::start(on).await;
    let peer = Peer::of(&system).await;
    let now = Timestamp::now();
    let closed = |place: Value, until: Timestamp| {
        let closure = json!({
            "stage": "verification", "code": "316", "reason": "", "since": now, "until": until, "failures": 1, "probing": null,
        });
        json!([{ "place": place, "version": 1, "by": "x", "state": { "closed": closure } }])
    };
    let beat = |v: u32, worker: &str, closed: Value| {
        json!({ "v": v, "worker": worker, "has_work": true, "draining": false, "closed": closed }).to_string().into_bytes()
    };
    let soon = now + SignedDuration::from_mins(5);
    let in_a_year = now + SignedDuration::from_hours(365 * 24);
    let bodies = [
        Vec::new(),
        b"not JSON".to_vec(),
        vec![0xff; 2 << 20],
        beat(2, "stranger", closed(json!({ "stage": "verification" }), soon)),
        beat(1, "", closed(json!({ "stage": "verification" }), soon)),
        beat(1, &"x".repeat(1_000), closed(json!({ "stage": "verification" }), soon)),
        beat(1, "stranger", closed(json!({ "stage": "verification" }), in_a_year)),
        beat(1, "stranger", closed(json!({ "moon": "verification" }), soon)),
        beat(1, "stranger", closed(json!({ "province": "<script>" }), soon)),
        Heartbeat::new("stranger", true, true, Vec::new()).to_json(),
    ];
    for body in bodies {
        peer.announces(body).await;
    }
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
    assert_eq!(system.workers[0].health.state(), State::Consuming);
    assert_eq!(system.drain().await, Drained::Yes);
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
