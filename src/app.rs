//! From a configuration to the parts that work with it.

use crate::breaker::Breaker;
use crate::broker::Broker;
use crate::budget::Budgets;
use crate::checkpoint::{AnswerStore, Checkpoints};
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::cluster::exchange::HEARTBEAT_EVERY;
use crate::config::{Config, ConfigError, ReadQr};
use crate::domain::invoice::{Invoice, Verified};
use crate::image::fit::DecodingBudget;
use crate::image::{ControlRead, Loader, PdfReader};
use crate::image::{ImageMemory, Limits, Need, Transfers};
use crate::ledger::{Ledger, LedgerSettings};
use crate::pipeline::{Pipeline, RecognitionStep, VerificationStep};
use crate::policy::Policy;
use crate::provider::{Accounts, CONNECT_TIMEOUT, Vendors, http_client};
use crate::quota::QueueWeights;
use crate::randomness::Randomness;
use crate::retry::{DecisionLog, DecisionObserver, Retrier};
use crate::store::Store;
use crate::telemetry::health::Health;
use crate::telemetry::job_event::EventSink;
use crate::worker::{Parts, Settings};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// The built-in policy, with `policy.file` over it, and the codes of all vendors.
pub fn policy(config: &Config) -> anyhow::Result<Policy> {
    match config.policy.file.as_str() {
        "" => Vendors::builtin().add_codes_to(Policy::builtin()),
        file => policy_with("policy.file", file),
    }
}

/// The built-in policy, with the file over it that this key names, and the codes of all vendors.
pub fn policy_with(key: &str, file: &str) -> anyhow::Result<Policy> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::of(key, &format!("{file} cannot be read: {error}")))?;
    Vendors::builtin().add_codes_to(Policy::with_overrides(&text, file)?)
}

/// What a pipeline works with beside its configuration: the simulation has a store, a clock and
/// providers of its own.
pub struct Surroundings {
    pub retrier: Retrier,
    pub store: Store,
    pub recognition: Accounts<Invoice>,
    pub verification: Accounts<Verified>,
}

/// The pipeline of a worker whose id does not matter.
pub async fn pipeline(
    config: &Config,
    policy: Policy,
    randomness: Randomness,
) -> anyhow::Result<Pipeline> {
    pipeline_of(worker_id(&randomness), config, policy, randomness).await
}

/// The pipeline of the worker of this id.
pub async fn pipeline_of(
    worker_id: String,
    config: &Config,
    policy: Policy,
    randomness: Randomness,
) -> anyhow::Result<Pipeline> {
    let network = config.network()?;
    let store = Store::new(&config.storage, &network).await?;
    let mut retrier = retrier(
        worker_id,
        Arc::new(policy),
        (config.policy.timezone(), Clock::System),
        randomness,
        Arc::new(DecisionLog),
    );
    retrier.budgets = budgets(config, &retrier);
    retrier.queue_weights = queue_weights(config);
    let http = http_client(CONNECT_TIMEOUT, &network)?;
    let vendors = Vendors::builtin();
    let surroundings = Surroundings {
        store: store.measured(Arc::clone(&retrier.policy)),
        recognition: vendors.recognition(&config.recognition_accounts(), &http, &retrier)?,
        verification: vendors.verification(&config.verification_accounts(), &http, &retrier)?,
        retrier,
    };
    Ok(pipeline_over(config, surroundings))
}

/// Decides for the worker of this id.
pub fn retrier(
    worker_id: String,
    policy: Arc<Policy>,
    (timezone, clock): (TimeZone, Clock),
    randomness: Randomness,
    observer: Arc<dyn DecisionObserver>,
) -> Retrier {
    let members = Membership::new(worker_id, clock);
    let breaker = Breaker::new(members, Arc::clone(&policy), clock, timezone.clone());
    Retrier {
        policy,
        timezone,
        clock,
        randomness,
        breaker,
        budgets: Budgets::default(),
        queue_weights: QueueWeights::default(),
        observer,
    }
}

/// The job queues, as calls are shared out among them.
fn queue_weights(config: &Config) -> QueueWeights {
    let queues = config.broker.job_queues().into_iter();
    QueueWeights::new(queues.map(|jobs| (jobs.queue, jobs.weight)))
}

/// The budgets of the jobs of this retrier's worker.
fn budgets(config: &Config, retrier: &Retrier) -> Budgets {
    let membership = retrier.breaker.membership().clone();
    Budgets::new(
        &config.budget,
        config.account_prices(),
        config.policy.timezone(),
        config.storage.bucket.clone(),
        (membership, retrier.clock),
    )
}

/// The line, over these surroundings.
pub fn pipeline_over(config: &Config, surroundings: Surroundings) -> Pipeline {
    let Surroundings {
        retrier,
        store,
        recognition,
        verification,
    } = surroundings;
    let bucket = &config.storage.bucket;
    let checkpoints = Checkpoints::new(&config.checkpoint, &store, bucket, config.sealer());
    Pipeline {
        answers: AnswerStore::new(
            checkpoints,
            retrier.clone(),
            config.worker.seen_before.duration(),
        ),
        loader: Loader {
            policy: Arc::clone(&retrier.policy),
            store,
            memory: ImageMemory::new(config.undecoded_memory())
                .shared_out_by(retrier.queue_weights.clone()),
            need: Need {
                max_image_bytes: config.storage.max_image_bytes.0,
                max_derived_bytes: config.largest_job_bytes() - config.storage.max_image_bytes.0,
            },
            limits: Limits {
                recognition_encoded_bytes: config.recognition.max_encoded_bytes.bytes(),
                verification_bytes: config.verification.max_image_bytes.bytes(),
                decoded_bytes: config.decoding_memory(),
            },
            transfers: Transfers {
                recognition: config.recognition.transfer,
                verification: Some(config.verification.transfer),
            },
            presigned_urls: Arc::default(),
            bucket: bucket.clone(),
            buckets: config.storage.buckets.clone(),
            control_read: ControlRead::default(),
            decoding: DecodingBudget::new(config.decoding_memory())
                .reading_qr(config.worker.read_qr == ReadQr::Auto)
                .shared_out_by(retrier.queue_weights.clone()),
            pdf: PdfReader::new(&config.worker.pdf_font, config.storage.max_image_bytes.0),
        },
        recognition: RecognitionStep::new(recognition),
        verification: VerificationStep::new(verification, config.verification.auto_rotate),
        retrier,
        broker_clock: Arc::default(),
        job_deadline: config.worker.job_deadline.duration(),
        redelivery_wait: config.worker.redelivery_wait.duration(),
    }
}

/// The parts of a worker; what it says about its jobs goes to `events`.
pub fn worker_parts(
    config: &Config,
    broker: Broker,
    pipeline: Arc<Pipeline>,
    health: Health,
    events: Box<dyn EventSink>,
    randomness: Randomness,
) -> Parts {
    let budgets = pipeline.retrier.budgets.clone();
    Parts {
        settings: Settings {
            queues: config.broker.clone(),
            fleet: config.fleet_id(),
            max_in_flight: config.most_in_flight(),
            max_job_bytes: config.worker.max_job_bytes.bytes(),
            shutdown_grace: config.worker.shutdown_grace.duration(),
            heartbeat_every: HEARTBEAT_EVERY,
        },
        broker,
        pipeline,
        sealer: config.sealer(),
        health,
        events,
        ledger: ledger(config, budgets),
        randomness,
    }
}

fn ledger(config: &Config, budgets: Budgets) -> Ledger {
    Ledger::new(LedgerSettings {
        stream: config.ledger.stream(&config.broker.ledger_queue),
        may_declare: config.broker.declare_topology,
        accounts: config.priced_accounts(),
        timezone: config.policy.timezone(),
        default_bucket: config.storage.bucket.clone(),
        sealer: config.sealer(),
        budgets,
        metadata_keys: config.ledger.metadata_keys.clone(),
    })
}

/// One among the workers on the same queues, for as long as the process lives.
pub fn worker_id(randomness: &Randomness) -> String {
    format!("{:016x}", randomness.number())
}
