//! A worker with a wrong setting beside a healthy one, both in this process, on both brokers: all
//! jobs are answered, and the wrong one is never ready. `tests/it/misconfigured_worker.rs` runs
//! processes.

use crate::harness::system::{On, Setup, System};
use invoice_worker::config::Config;
use invoice_worker::settings::secret::Secret;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::job_event::JobEvent;

promises![
    a_worker_with_a_wrong_secret_of_the_store_stops_no_other_worker,
    a_worker_with_a_wrong_bucket_stops_no_other_worker,
    a_worker_that_cannot_reach_recognition_stops_no_other_worker,
    a_worker_with_a_wrong_path_to_verification_stops_no_other_worker,
];

const JOBS: usize = 30;
const CLOSED: &str = "http://127.0.0.1:1/";

async fn a_worker_with_a_wrong_secret_of_the_store_stops_no_other_worker(on: On) {
    beside_a_healthy_worker(on, |config| {
        config.storage.secret_access_key = Secret::new("wrong");
    })
    .await;
}

async fn a_worker_with_a_wrong_bucket_stops_no_other_worker(on: On) {
    beside_a_healthy_worker(on, |config| config.storage.bucket = "no-such-bucket".into()).await;
}

async fn a_worker_that_cannot_reach_recognition_stops_no_other_worker(on: On) {
    beside_a_healthy_worker(on, |config| config.recognition.url = CLOSED.into()).await;
}

async fn a_worker_with_a_wrong_path_to_verification_stops_no_other_worker(on: On) {
    beside_a_healthy_worker(on, |config| config.verification.url.push_str("/elsewhere")).await;
}

async fn beside_a_healthy_worker(on: On, spoil: impl FnOnce(&mut Config)) {
    let mut system = Setup::new(on).await.prepare().await;
    let sound = system.config.clone();
    spoil(&mut system.config);
    system.work().await;
    system.config = sound;
    system.work().await;
    // Each has heard of the other.
    for worker in &system.workers {
        worker.meets_another().await;
    }
    for number in 0..JOBS {
        let id = format!("job-{number}");
        let key = own_picture(&system, &id).await;
        system.submit(&system.job(&id, &key)).await;
    }
    let mut answered = 0;
    while answered < JOBS {
        if let JobEvent::Answered(event) = system.event().await {
            assert_eq!(event.status.as_str(), "completed", "{event:?}");
            answered += 1;
        }
    }
    let health = &system.workers[0].health;
    assert!(
        matches!(health.state(), HealthState::Paused { .. }) && !health.state().is_ready(),
        "{:?}",
        health.state()
    );
}

async fn own_picture(system: &System, id: &str) -> String {
    let mut picture = invoice_worker::dev::sandbox::samples::named("02-henan-inpatient")
        .unwrap()
        .bytes
        .to_vec();
    picture.extend(id.bytes());
    system
        .sandbox
        .put(crate::harness::system::BUCKET, id, picture)
        .await
        .unwrap();
    id.to_owned()
}
