//! What all parts of a run share: the sandbox in this process, the configuration, and a folder for
//! configurations and logs.

use super::arguments::Arguments;
use super::faults;
use super::harness::system::BUCKET;
use super::hastened;
use super::plan::NOT_A_PICTURE;
use super::rabbit::Rabbit;
use invoice_worker::config::Config;
use invoice_worker::dev::sandbox::{Sandbox, SandboxOptions};
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Parks are so many times as short: an hour is six seconds.
const PARKS: u32 = 600;
/// Retries are so many times as short: two seconds are a fifth of one.
const RETRIES: u32 = 10;

#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) sandbox: Sandbox,
    /// When the sandbox began to count calls.
    pub(crate) began: Instant,
    pub(crate) began_at: Timestamp,
    /// The configuration without proxies before the broker.
    pub(crate) config: Config,
    /// Kept after the run, unless all is well.
    pub(crate) folder: PathBuf,
}

impl Environment {
    pub(crate) async fn start(arguments: &Arguments, rabbit: &Rabbit) -> Self {
        let folder = tempfile::TempDir::with_prefix("invoice-worker-chaos-")
            .unwrap()
            .keep();
        let scenario = faults::faulty(arguments.seed, arguments.rate);
        let sandbox = Sandbox::start(SandboxOptions {
            scenario,
            ..SandboxOptions::default()
        })
        .await
        .unwrap();
        let (began, began_at) = (Instant::now(), Timestamp::now());
        sandbox
            .put(BUCKET, NOT_A_PICTURE, "no image at all")
            .await
            .unwrap();
        let policy = folder.join("policy.toml");
        std::fs::write(&policy, hastened::rules(RETRIES, PARKS)).unwrap();
        let mut config = config(arguments, &policy);
        sandbox.configure(&mut config, BUCKET);
        config.broker.urls = rabbit
            .nodes()
            .iter()
            .map(|node| Secret::new(&node.url()))
            .collect();
        config.validate().unwrap();
        Self {
            sandbox,
            began,
            began_at,
            config,
            folder,
        }
    }

    /// The time since the sandbox began to count calls.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Returns the configuration of production, with waits a few times as short.
fn config(arguments: &Arguments, policy: &Path) -> Config {
    let mut config = Config::default();
    config.policy.file = policy.display().to_string();
    config.broker.retry_delays = ["300ms", "1s", "3s", "10s", "1m"].map(span).to_vec();
    config.broker.publish_timeout = span("5s");
    let rate = f64::from(arguments.rate);
    (
        config.recognition.rate_per_second,
        config.verification.rate_per_second,
    ) = (rate, rate);
    // Long enough for a busy machine: a call that is answered too late is paid for and lost.
    config.recognition.timeout = span("10s");
    config.verification.timeout = span("10s");
    config.storage.timeout = span("10s");
    // Longer than the longest call of a worker that has lost its connection, and the storing of its
    // answer.
    config.worker.redelivery_wait = span("15s");
    config.worker.shutdown_grace = span("45s");
    config.worker.max_in_flight = 32;
    config.storage.max_image_bytes = "2MiB".parse().unwrap();
    config.worker.image_memory = "64MiB".parse().unwrap();
    config
}
