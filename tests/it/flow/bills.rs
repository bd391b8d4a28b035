//! One bill, several pictures: what the registry says of the bill concerns them all.

use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::scope::{BillId, Province, Scope};
use invoice_worker::telemetry::job_event::{JobEvent, JobParked};
use jiff::SignedDuration;
use serde_json::json;

/// Of the sample `02-henan-inpatient`.
const NOTE_NO: &str = "0031482759";

promises![a_bill_without_checks_left_is_not_asked_about_for_another_job];

async fn a_bill_without_checks_left_is_not_asked_about_for_another_job(on: On) {
    let faults =
        "[[fault]]\nstage = \"verification\"\nanswer = \"313\"\nsample = \"02-henan-inpatient\"\n";
    let mut system = Setup::new(on).await.faults(faults).start_with(2).await;
    let first = parked_for(&mut system, "first").await;
    let province = Province::of("河南").unwrap();
    let bill = Scope::Bill(BillId::of(Some(&province), Some(NOTE_NO), ""));
    for worker in &system.workers {
        worker.knows(&bill).await;
    }
    let second = parked_for(&mut system, "second").await;
    assert_eq!(
        (second.stage, second.code.as_str()),
        (Stage::Verification, "313")
    );
    // Workers tell each other how long a place stays closed, not until when.
    let apart = second.until.duration_since(first.until).abs();
    assert!(apart < SignedDuration::from_mins(1), "{apart}");
    let calls = system.sandbox.calls();
    assert_eq!(
        calls.about(Stage::Verification, "02-henan-inpatient").len(),
        1
    );
    assert_eq!(
        calls.about(Stage::Recognition, "02-henan-inpatient").len(),
        2,
        "until it is read, nobody knows which bill it is"
    );
    // Another bill of the same province is another matter.
    let key = system.sample("10-henan-outpatient-scan").await;
    let other = system.job("other", &key);
    assert_eq!(system.ask(&other).await["status"], json!("completed"));
}

/// The same bill in another file.
async fn parked_for(system: &mut System, id: &str) -> JobParked {
    let mut picture = samples::named("02-henan-inpatient").unwrap().bytes.to_vec();
    picture.extend(id.bytes());
    system.sandbox.put(BUCKET, id, picture).await.unwrap();
    let job = system.job(id, id);
    system.submit(&job).await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("{id} is parked")
    };
    parked
}
