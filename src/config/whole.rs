//! The whole configuration: its sections, and the checks that concern several of them.

use super::error::{ConfigError, Places};
use super::seal::SealConfig;
use super::sections::{PolicyConfig, WorkerConfig};
use crate::domain::account::AccountName;
use crate::seal::Sealer;
use crate::settings::problem::Problems;
use crate::settings::units::Size;
use crate::settings::{Http, Network, Tls, text};
use crate::{
    broker, budget, checkpoint, ledger, provider::deepfinch, provider::huawei, store, telemetry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub broker: broker::Config,
    pub seal: SealConfig,
    pub http: Http,
    pub tls: Tls,
    pub storage: store::Config,
    pub checkpoint: checkpoint::Config,
    pub ledger: ledger::Config,
    pub budget: Vec<budget::Config>,
    pub recognition: huawei::Config,
    pub verification: deepfinch::Config,
    pub policy: PolicyConfig,
    pub worker: WorkerConfig,
    pub telemetry: telemetry::Config,
    /// The variables of the AWS credential chain with unusable values, and their problems.
    #[serde(skip)]
    pub(super) flaws_of_aws: Vec<(&'static str, &'static str)>,
    #[serde(skip)]
    pub(super) places: Places,
}

/// A photo of 12 megapixels, decoded, and what is written of it.
const LEAST_DECODED_BYTES: u64 = 56 << 20;

impl Config {
    /// Checks whether the worker could run with this configuration. Every section is checked, so
    /// that one start reports every problem.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.broker.validate(&mut problems);
        self.ledger.validate(&mut problems);
        self.validate_budgets(&mut problems);
        self.validate_pipeline(&mut problems);
        self.telemetry.validate(&mut problems);
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The counterpart of [`Config::validate`] for a command that processes images without a queue.
    pub fn validate_without_broker(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.validate_pipeline(&mut problems);
        self.telemetry.validate_log(&mut problems);
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The counterpart of [`Config::validate`] for a command that uses the broker only.
    pub fn validate_broker(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.broker.validate(&mut problems);
        self.ledger.validate(&mut problems);
        self.tls.validate(&mut problems);
        self.telemetry.validate_log(&mut problems);
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The counterpart of [`Config::validate`] for a command that reads the ledger only.
    pub fn validate_ledger(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.broker.validate(&mut problems);
        self.ledger.validate(&mut problems);
        self.tls.validate(&mut problems);
        self.policy.validate(&mut problems);
        self.telemetry.validate_log(&mut problems);
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The counterpart of [`Config::validate`] for a command that writes to `storage.bucket` only.
    pub fn validate_storage(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.validate_store(&mut problems);
        problems.require(
            !self.storage.bucket.is_empty(),
            "storage.bucket",
            "is empty; local files are uploaded there",
        );
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The counterpart of [`Config::validate`] for a command that calls the providers only.
    pub fn validate_accounts(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.http.validate(&mut problems);
        self.tls.validate(&mut problems);
        self.recognition
            .validate(AccountName::RECOGNITION, &mut problems);
        self.verification
            .validate(AccountName::VERIFICATION, &mut problems);
        self.policy.validate(&mut problems);
        self.telemetry.validate_log(&mut problems);
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The counterpart of [`Config::validate`] for a command that uses the policy only.
    pub fn validate_policy(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.policy.validate(&mut problems);
        self.telemetry.validate_log(&mut problems);
        ConfigError::from_problems(&problems, &self.places)
    }

    /// The proxies and root certificates for the store and the providers.
    pub fn network(&self) -> Result<Network, ConfigError> {
        let roots = self
            .tls
            .roots()
            .map_err(|problem| ConfigError::of("tls.ca_file", &problem))?;
        Ok(Network {
            proxies: self.http.routes(),
            roots,
        })
    }

    /// Seals what this worker writes, and accepts what workers with the same keys wrote.
    pub fn sealer(&self) -> Sealer {
        self.seal.sealer(&[
            self.recognition.app_secret.expose(),
            self.recognition.app_code.expose(),
            self.verification.api_secret.expose(),
        ])
    }

    fn validate_budgets(&self, problems: &mut Problems) {
        let has_ledger = self.ledger.store == ledger::LedgerStore::Stream;
        let needs = budget::BudgetNeeds {
            prices: &self.account_prices(),
            ledger_age: has_ledger.then_some(&self.ledger.max_age),
        };
        budget::Config::validate(&self.budget, needs, problems);
    }

    fn validate_store(&self, problems: &mut Problems) {
        self.http.validate(problems);
        for (variable, flaw) in &self.flaws_of_aws {
            problems.add(&format!("environment variable {variable}"), *flaw);
        }
        self.tls.validate(problems);
        self.storage.validate(problems);
    }

    fn validate_pipeline(&self, problems: &mut Problems) {
        self.validate_store(problems);
        self.seal.validate(problems);
        self.recognition
            .validate(AccountName::RECOGNITION, problems);
        self.verification
            .validate(AccountName::VERIFICATION, problems);
        self.policy.validate(problems);
        self.worker.validate(problems);
        for (key, flaw) in [
            (
                "checkpoint.bucket",
                text::header_flaw(&self.checkpoint.bucket),
            ),
            ("checkpoint.prefix", text::flaw(&self.checkpoint.prefix)),
        ] {
            if let Some(flaw) = flaw {
                problems.add(key, flaw);
            }
        }
        let checkpoints_in_s3 = self.checkpoint.store == checkpoint::StoreKind::S3;
        problems.require(
            !checkpoints_in_s3 || !self.checkpoint.bucket.is_empty() || !self.storage.bucket.is_empty(),
            "checkpoint.bucket",
            "no bucket for checkpoints: set checkpoint.bucket or storage.bucket, or checkpoint.store = \"memory\"",
        );
        let largest = self.largest_job_bytes();
        problems.require(
            self.worker.image_memory.0 / 2 >= largest,
            "worker.image_memory",
            &format!(
                "too small: the largest job needs {}, and two must fit",
                Size(largest)
            ),
        );
    }

    /// Settings with which the worker can run, but should not. Logged at start and shown by
    /// `check`.
    pub fn warnings(&self) -> Problems {
        let mut warnings = Problems::default();
        self.seal.warn(&mut warnings);
        let (storage, recognition) = (&self.storage, &self.recognition);
        for (key, secret) in [
            ("storage.access_key_id", &storage.access_key_id),
            ("storage.secret_access_key", &storage.secret_access_key),
            ("recognition.app_key", &recognition.app_key),
            ("recognition.app_secret", &recognition.app_secret),
            ("recognition.app_code", &recognition.app_code),
            ("verification.api_id", &self.verification.api_id),
            ("verification.api_secret", &self.verification.api_secret),
        ] {
            let problem = "still holds \"replace-this\", which `init` wrote: put the secret there";
            warnings.require(!secret.is_to_be_replaced(), key, problem);
        }
        let wait = &self.worker.redelivery_wait;
        for (key, timeout) in [
            ("recognition.timeout", &self.recognition.timeout),
            ("verification.timeout", &self.verification.timeout),
        ] {
            warnings.require(
                wait.duration() > timeout.duration(),
                "worker.redelivery_wait",
                &format!(
                    "{wait} is not longer than {key} = {timeout}: a job that is delivered again may be paid for twice, because its first \
                     call may still be running; make it longer by a few seconds"
                ),
            );
        }
        warnings.require(
            !self.telemetry.log.eq_ignore_ascii_case("off"),
            "telemetry.log",
            "is off: nothing is logged, failures included",
        );
        for (key, url) in self.broker.plaintext_urls() {
            warnings.add(
                &key,
                format!("{url} sends the password and patient data in clear: use amqps://, or broker.allow_plaintext = false to refuse it"),
            );
        }
        let management = url::Url::parse(self.broker.management_url.expose());
        warnings.require(
            !management.is_ok_and(|url| url.scheme() == "http" && !text::is_loopback(&url)),
            "broker.management_url",
            "is http:// to another machine: the broker's password can be read on the way; use https://",
        );
        warnings.require(
            !self.storage.is_plaintext(),
            "storage.endpoint_url",
            "is http:// to another machine: images and paid answers can be read and changed on the way; use https://",
        );
        let collector = url::Url::parse(&self.telemetry.otlp_endpoint);
        warnings.require(
            !collector.is_ok_and(|url| url.scheme() == "http" && !text::is_loopback(&url)),
            "telemetry.otlp_endpoint",
            "is http:// to another machine: job ids, and credentials of the collector, can be read on the way; use https://",
        );
        for (key, url) in [
            ("recognition.url", &self.recognition.url),
            ("verification.url", &self.verification.url),
        ] {
            let in_clear = url::Url::parse(url)
                .is_ok_and(|url| url.scheme() == "http" && !text::is_loopback(&url));
            warnings.require(
                !in_clear,
                key,
                "is http:// to another machine, as allow_plaintext allows: the account's secret can be read on the way",
            );
        }
        let (wanted, most) = (self.worker.max_in_flight, self.most_in_flight());
        warnings.require(
            wanted <= most,
            "worker.max_in_flight",
            &format!(
                "{wanted} is more than the {most} bodies of worker.max_job_bytes = {} that half of worker.image_memory = {} has room for{}: \
                 no more than {most} jobs are taken at once; give it more memory, or allow smaller bodies only",
                self.worker.max_job_bytes,
                self.worker.image_memory,
                if self.broker.count_of_job_queues() > 1 {
                    ", for each job queue"
                } else {
                    ""
                }
            ),
        );
        warnings
    }

    /// The number of jobs that are taken at once from each job queue. The bodies of all unsettled
    /// deliveries are in memory beside the images, so as many of the largest as are allowed must fit
    /// into half of `worker.image_memory`, those of all queues together.
    pub fn most_in_flight(&self) -> u16 {
        let queues = self.broker.count_of_job_queues() as u64;
        let bodies = self.worker.image_memory.0 / 2 / self.worker.max_job_bytes.0.max(1) / queues;
        self.worker
            .max_in_flight
            .min(u16::try_from(bodies).unwrap_or(u16::MAX))
            .max(1)
    }

    /// The part of `worker.image_memory` for images as they are read and sent: half of it, or as
    /// much as two of the largest jobs need.
    pub fn undecoded_memory(&self) -> u64 {
        let all = self.worker.image_memory.0;
        self.largest_job_bytes()
            .saturating_mul(2)
            .max(all / 2)
            .min(all)
    }

    /// The rest of it is for decoded pixels, and as much as a photo of 12 megapixels needs in any
    /// case.
    pub fn decoding_memory(&self) -> u64 {
        let rest = self.worker.image_memory.0 - self.undecoded_memory();
        rest.max(LEAST_DECODED_BYTES)
    }

    /// Bytes of image data that one job may hold: the image, its encoded form for recognition, its
    /// transcoded form for verification.
    pub fn largest_job_bytes(&self) -> u64 {
        let sizes = [
            self.storage.max_image_bytes,
            self.recognition.max_encoded_bytes,
            self.verification.max_image_bytes,
        ];
        sizes
            .iter()
            .fold(0, |sum: u64, size| sum.saturating_add(size.0))
    }
}
