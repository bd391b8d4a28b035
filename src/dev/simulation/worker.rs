//! A worker as it runs everywhere else, but for what surrounds it.

use super::decisions::RecordedDecisions;
use super::provider::{ScriptedRecognition, ScriptedVerification};
use super::script::SimulationScript;
use super::store::CHECKPOINTS;
use crate::app;
use crate::broker::{self, Broker};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::account::AccountId;
use crate::policy::Policy;
use crate::provider::{Account, CallLimits, Opened};
use crate::randomness::Randomness;
use crate::settings::secret::Secret;
use crate::store::Store;
use crate::telemetry::health::Health;
use crate::telemetry::job_event::{JobEvent, Watched};
use crate::worker::Worker;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
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
    BUCKET.clone_into(&mut config.storage.bucket);
    CHECKPOINTS.clone_into(&mut config.checkpoint.prefix);
    let randomness = Randomness::even(number as u64);
    let retrier = app::retrier(
        format!("worker-{number}"),
        Arc::clone(policy),
        (timezone.clone(), *clock),
        randomness.clone(),
        Arc::clone(decisions) as _,
    );
    let recognition = ScriptedRecognition {
        script: Arc::clone(script),
        timezone: timezone.clone(),
    };
    let verification = ScriptedVerification {
        script: Arc::clone(script),
    };
    let (recognition, verification) = (
        Opened::new(recognition, RATE),
        Opened::new(verification, RATE),
    );
    let surroundings = app::Surroundings {
        recognition: Account::new(AccountId::RECOGNITION, recognition, retrier.clone()).into(),
        verification: Account::new(AccountId::VERIFICATION, verification, retrier.clone()).into(),
        store: store.clone(),
        retrier,
    };
    let mut pipeline = app::pipeline_over(&config, surroundings);
    pipeline.job_deadline = script.scenario.job_deadline;
    let mut parts = app::worker_parts(
        &config,
        broker.clone(),
        Arc::new(pipeline),
        Health::default(),
        Box::new(Watched(watcher.clone())),
        randomness,
    );
    if script.scenario.workers == 1 {
        parts.settings.heartbeat_every = ALONE;
    }
    Worker::new(parts)
}
