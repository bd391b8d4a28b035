//! Waiting for the memory that other jobs' images take.

use super::paid_calls;
use crate::harness::system::{On, Setup, System};
use bytes::Bytes;
use invoice_worker::app;
use invoice_worker::checkpoint::StoreKind;
use invoice_worker::config::Config;
use invoice_worker::dev::{StoreScript, scripted_store};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::job::Job;
use invoice_worker::domain::progress::Progress;
use invoice_worker::image::Reserved;
use invoice_worker::pipeline::{Arrival, Outcome};
use invoice_worker::policy::Policy;
use invoice_worker::randomness::Randomness;
use invoice_worker::store::WriteOutcome;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

promises![a_worker_that_is_stopped_parks_the_job_that_waits_for_memory];

/// All of the memory is somebody else's.
async fn without_memory(system: &mut System) -> Reserved {
    let mut memory = None;
    system
        .work_with(|pipeline| memory = Some(pipeline.loader.memory.clone()))
        .await;
    let all = system.config.undecoded_memory();
    memory.expect("the worker has some").reserve(all).await
}

async fn a_worker_that_is_stopped_parks_the_job_that_waits_for_memory(on: On) {
    let mut system = Setup::new(on).await.prepare().await;
    let _all = without_memory(&mut system).await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    let queue = system.config.broker.jobs_queue.clone();
    system.holds(&queue, 0).await;
    assert_eq!(system.drain().await, Drained::Yes);
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked")
    };
    assert_eq!(
        (parked.stage, parked.code.as_str()),
        (Stage::Worker, "worker.stopping")
    );
    system.work().await;
    assert_eq!(system.result().await["verdict"], "genuine");
    assert_eq!(paid_calls(&system), 2);
}

/// Nobody gets as far as reading it.
struct Unread;

impl StoreScript for Unread {
    fn read(&self, _key: &str) -> Result<Bytes, Failure> {
        panic!("no memory for it")
    }

    fn write(&self, _key: &str, _bytes: Bytes, _new: bool) -> Result<WriteOutcome, Failure> {
        panic!("nothing is written")
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_memory_for_ten_minutes_is_parked() {
    let mut config = Config::default();
    config.checkpoint.store = StoreKind::None;
    config.storage.bucket = "claims".into();
    config.recognition.url = "http://127.0.0.1/".into();
    let mut pipeline = app::pipeline(&config, Policy::builtin(), Randomness::seeded(1))
        .await
        .unwrap();
    pipeline.loader.store = scripted_store(Unread);
    let _all = pipeline
        .loader
        .memory
        .reserve(config.undecoded_memory())
        .await;
    let job = Job::parse(
        br#"{"job_id": "job", "image": {"bucket": "claims", "key": "a.jpg"}}"#,
        None,
    )
    .unwrap_or_else(|_| panic!("a job"));
    let mut progress = Progress::new("run".into(), pipeline.retrier.clock.now());
    let began = Instant::now();
    let arrival = Arrival {
        redelivered: false,
        maybe_elsewhere: false,
        returned: false,
        halt: CancellationToken::new(),
        began,
    };
    let Outcome::Park(parking) = pipeline.process(&job, &mut progress, &arrival).await else {
        panic!("parked")
    };
    assert_eq!(
        (parking.failure.code.as_str(), began.elapsed().as_secs()),
        ("worker.busy", 600)
    );
}
