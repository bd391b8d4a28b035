//! An operator's resume: carried out once by every worker, and by none where it is forged, old or
//! repeated.

use crate::harness::peer::Peer;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{Message, SEAL};
use invoice_worker::cluster::exchange::seal_resume;
use invoice_worker::cluster::resume::{Resume, ResumeTarget};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::scope::{Province, Scope};
use invoice_worker::seal::{SealKey, SealKind, Sealer};
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use jiff::{SignedDuration, Timestamp};

promises![only_a_sealed_new_resume_of_this_fleet_opens_anything];

const MAINTENANCE: &str =
    "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";

async fn only_a_sealed_new_resume_of_this_fleet_opens_anything(on: On) {
    let mut system = Setup::new(on).await.faults(MAINTENANCE).start().await;
    let mut peer = Peer::of(&system).await;
    let (sealer, foreign) = (
        system.config.sealer(),
        Sealer::new(SealKey::of("another key"), None),
    );
    let now = Timestamp::now();
    let hours = |hours| now + SignedDuration::from_hours(hours);
    let resume = |id: &str, sent| resume(&system, id, "河南", sent);
    let valid = seal_resume(&resume("valid", now), &sealer);

    let mut unsealed = valid.clone();
    unsealed.properties.headers.remove(SEAL);
    let mut renamed = valid.clone();
    renamed.properties.kind = Some("invoice.heartbeat".into());
    let mut sealed_as_heartbeat = valid.clone();
    let seal = sealer.seal(SealKind::Heartbeat, &[&valid.body]);
    sealed_as_heartbeat.properties.headers.set_text(SEAL, &seal);
    let mut changed = valid.clone();
    changed.body = resume("changed", now).to_json().into();
    let mut other_fleet = resume("foreign", now);
    other_fleet.fleet = "0123".into();
    let forgeries = [
        unsealed,
        renamed,
        sealed_as_heartbeat,
        changed,
        seal_resume(&resume("forged", now), &foreign),
        seal_resume(&other_fleet, &sealer),
        seal_resume(&resume("yesterday", hours(-24)), &sealer),
        seal_resume(&resume("tomorrow", hours(24)), &sealer),
    ];

    close(&mut system, "first").await;
    for forgery in &forgeries {
        announce(&system, forgery).await;
    }
    hears(&system, &mut peer, "marker1").await;
    assert!(is_closed(&system), "a forgery was believed");
    announce(&system, &valid).await;
    hears(&system, &mut peer, "marker2").await;
    assert!(!is_closed(&system), "the operator was not heard");

    close(&mut system, "second").await;
    let calls = system.sandbox.calls().count(Stage::Verification).calls;
    assert_eq!(calls, 2, "what was opened is asked again");
    announce(&system, &valid).await;
    hears(&system, &mut peer, "marker3").await;
    assert!(is_closed(&system), "a recorded resume opened it again");
    assert_eq!(system.drain().await, Drained::Yes);
}

fn resume(system: &System, id: &str, what: &str, sent: Timestamp) -> Resume {
    let what = ResumeTarget::parse(what).unwrap();
    Resume::new(id.into(), system.config.fleet_id(), "ops@test", what, sent)
}

async fn announce(system: &System, message: &Message) {
    let publisher = system.session.publisher();
    publisher.announce(message).await.unwrap();
}

/// Sends one about another province, and waits until the worker says that it heard it: by then it
/// has heard all that was sent before.
async fn hears(system: &System, peer: &mut Peer, id: &str) {
    let marker = resume(system, id, "北京", Timestamp::now());
    announce(system, &seal_resume(&marker, &system.config.sealer())).await;
    loop {
        let heartbeat = peer.hear().await;
        let mut reports = heartbeat["resumed"].as_array().into_iter().flatten();
        if reports.any(|report| report["id"] == id) {
            return;
        }
    }
}

fn is_closed(system: &System) -> bool {
    let province = [Scope::Province(Province::of("河南").unwrap())];
    let breaker = &system.workers[0].breaker;
    breaker.blocked(&province, "nobody").is_some()
}

/// A job about a bill of the province is answered 316, and closes it.
async fn close(system: &mut System, id: &str) {
    let mut picture = samples::named("02-henan-inpatient").unwrap().bytes.to_vec();
    picture.extend(id.bytes());
    system.sandbox.put(BUCKET, id, picture).await.unwrap();
    system.submit(&system.job(id, id)).await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked")
    };
    assert_eq!((parked.job_id.as_str(), parked.code.as_str()), (id, "316"));
    assert!(is_closed(system));
}
