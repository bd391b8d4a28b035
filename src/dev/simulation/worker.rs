//! A worker as it runs everywhere else, but for what surrounds it.

use super::decisions::RecordedDecisions;
use super::provider::{ScriptedRecognition, ScriptedVerification};
use super::script::SimulationScript;
use super::store::CHECKPOINTS;
use crate::app;
use crate::breaker::Breaker;
use crate::broker::{self, Broker};
use crate::checkpoint::{self, AnswerStore, Checkpoints};
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::config::Config;
use crate::domain::account::AccountId;
use crate::image::{DECODED_AT_ONCE, Loader};
use crate::image::{ImageMemory, Limits, Need, Transfers};
use crate::pipeline::{Pipeline, RecognitionStep, VerificationStep};
use crate::policy::Policy;
use crate::provider::{Account, CallLimits, Opened};
use crate::randomness::Randomness;
use crate::retry::Retrier;
use crate::settings::secret::Secret;
use crate::store::Store;
use crate::telemetry::health::Health;
use crate::telemetry::job_event::{JobEvent, Watched};
use crate::worker::Worker;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

/// So fast that no call waits for the rate: a scenario is about answers, not about quotas.
const RATE: CallLimits = CallLimits {
    rate_per_second: 1_000_000.0,
    burst: 1_000_000,
    max_in_flight: 1_024,
    timeout: Duration::from_secs(30),
};
const BUCKET: &str = "images";
/// The interval between heartbeats of a worker without peers: every two seconds for days would be
/// most of the simulation's work.
const ALONE: Duration = Duration::from_hours(1);

/// The surroundings that the workers of a scenario share.
pub(super) struct Surroundings {
    pub(super) policy: Arc<Policy>,
    pub(super) timezone: TimeZone,
    pub(super) clock: Clock,
    pub(super) script: Arc<SimulationScript>,
    pub(super) broker: Broker,
    /// The store in place of S3.
    pub(super) store: Store,
    pub(super) decisions: Arc<RecordedDecisions>,
    pub(super) watcher: UnboundedSender<JobEvent>,
}

/// The queues under their usual names, on a broker in this process.
pub(super) fn queues() -> broker::Config {
    broker::Config {
        urls: vec![Secret::new("memory://")],
        ..broker::Config::default()
    }
}

/// The `number`-th of them. Everything is as in [`crate::app`], with the configuration's
/// defaults.
pub(super) fn worker(surroundings: &Surroundings, number: usize) -> Worker {
    let Surroundings {
        policy,
        timezone,
        clock,
        script,
        broker,
        store,
        decisions,
        watcher,
    } = surroundings;
    let mut config = Config::default();
    config.broker = queues();
    let checkpoints = checkpoint::Config {
        prefix: CHECKPOINTS.to_owned(),
        ..config.checkpoint.clone()
    };
    let chance = Randomness::even(number as u64);
    let breaker = Breaker::new(
        Membership::new(format!("worker-{number}"), *clock),
        Arc::clone(policy),
        *clock,
        timezone.clone(),
    );
    let retrier = Retrier {
        policy: Arc::clone(policy),
        timezone: timezone.clone(),
        clock: *clock,
        randomness: chance.clone(),
        breaker,
        observer: Arc::clone(decisions) as _,
    };
    let recognition = ScriptedRecognition {
        script: Arc::clone(script),
        timezone: timezone.clone(),
    };
    let verification = ScriptedVerification {
        script: Arc::clone(script),
    };
    let pipeline = Pipeline {
        answers: AnswerStore::new(
            Checkpoints::new(&checkpoints, store, BUCKET, config.sealer()),
            retrier.clone(),
        ),
        loader: Loader {
            policy: Arc::clone(policy),
            store: store.clone(),
            memory: ImageMemory::new(config.worker.image_memory.0),
            need: Need {
                max_image_bytes: config.storage.max_image_bytes.0,
                max_derived_bytes: config.largest_job_bytes() - config.storage.max_image_bytes.0,
            },
            limits: Limits {
                recognition_encoded_bytes: config.recognition.max_encoded_bytes.bytes(),
                verification_bytes: config.verification.max_image_bytes.bytes(),
            },
            transfers: Transfers::inline(true),
            presigned_urls: Arc::default(),
            bucket: BUCKET.to_owned(),
            buckets: Vec::new(),
            decoding: Arc::new(Semaphore::new(DECODED_AT_ONCE)),
        },
        recognition: RecognitionStep::new(
            Account::new(
                AccountId::RECOGNITION,
                Opened::new(recognition, RATE),
                retrier.clone(),
            )
            .into(),
        ),
        verification: VerificationStep::new(
            Account::new(
                AccountId::VERIFICATION,
                Opened::new(verification, RATE),
                retrier.clone(),
            )
            .into(),
            config.verification.auto_rotate,
        ),
        retrier,
        job_deadline: script.scenario.job_deadline,
        redelivery_wait: config.worker.redelivery_wait.duration(),
    };
    let mut parts = app::worker_parts(
        &config,
        broker.clone(),
        Arc::new(pipeline),
        Health::default(),
        Box::new(Watched(watcher.clone())),
        chance,
    );
    if script.scenario.workers == 1 {
        parts.settings.heartbeat_every = ALONE;
    }
    Worker::new(parts)
}
