//! Where everything is measured: a RabbitMQ, a sandbox in this process, and the configuration that
//! leads to both.

use super::client::Client;
use super::harness::program::toml_of;
use super::harness::rabbitmq::Node;
use super::harness::setup::BUCKET;
use super::pictures::Pictures;
use bytes::Bytes;
use invoice_worker::broker::Broker;
use invoice_worker::config::Config;
use invoice_worker::dev::sandbox::{Sandbox, SandboxOptions, SandboxScenario};
use invoice_worker::settings::secret::Secret;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use toml::{Table, Value};

/// Of more pictures the sandbox would have forgotten the first by the time it is asked about them.
const REMEMBERED: usize = 8_192;

/// More than this machine could call: the limiter is at work, and never the limit.
pub(crate) const UNLIMITED: f64 = 100_000.0;

pub(crate) struct BenchSetup {
    pub(crate) sandbox: Sandbox,
    /// Of the worker, as it is written to [`BenchSetup::write_config`].
    pub(crate) config: Config,
    pub(crate) client: Client,
    pictures: Pictures,
    /// How often the answers were forgotten.
    generation: usize,
    folder: TempDir,
    _node: Node,
}

impl BenchSetup {
    /// Providers as in the scenario; a worker with everything as it is by default: policy, limiter,
    /// checkpoints in S3, metrics.
    pub(crate) async fn start(scenario: SandboxScenario, refine: impl FnOnce(&mut Config)) -> Self {
        let node = Node::start().await;
        let sandbox = Sandbox::start(SandboxOptions {
            scenario,
            ..SandboxOptions::default()
        })
        .await
        .unwrap();
        sandbox.create_bucket(BUCKET).await.unwrap();
        let mut config = Config::default();
        sandbox.configure(&mut config, BUCKET);
        config.broker.urls = vec![Secret::new(&node.url())];
        (
            config.recognition.rate_per_second,
            config.verification.rate_per_second,
        ) = (UNLIMITED, UNLIMITED);
        let in_flight = usize::from(config.worker.max_in_flight);
        (
            config.recognition.max_in_flight,
            config.verification.max_in_flight,
        ) = (in_flight, in_flight);
        refine(&mut config);
        config.validate().unwrap();
        Broker::new(&config.broker)
            .unwrap()
            .connect()
            .await
            .unwrap()
            .topology()
            .await
            .unwrap();
        let client = Client::connect(&node.url(), &config.broker.jobs_queue).await;
        let folder = TempDir::with_prefix("invoice-worker-bench-").unwrap();
        Self {
            sandbox,
            config,
            client,
            pictures: Pictures::new(),
            generation: 0,
            folder,
            _node: node,
        }
    }

    /// Pictures of this size in the store, known to the providers: decoding them would take most of
    /// the machine, and answers would not come at once. Answers their keys.
    pub(crate) async fn pictures(&self, bytes: usize, count: usize) -> Vec<String> {
        let mut keys = Vec::with_capacity(count);
        for number in 0..count {
            let key = format!("images/{bytes}/{number}.jpg");
            let picture = Bytes::from(self.pictures.file(bytes, number));
            self.sandbox
                .put(BUCKET, &key, picture.clone())
                .await
                .unwrap();
            if count <= REMEMBERED {
                self.sandbox.look_at(picture).await;
            }
            keys.push(key);
        }
        keys
    }

    /// The next process finds no answer that an earlier one kept: every answer is paid for.
    pub(crate) fn forget_answers(&mut self) {
        self.generation += 1;
        self.config.checkpoint.prefix = format!("checkpoints/{}/", self.generation);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// For a process that is started with it. Only what differs from the defaults is written: a
    /// build of another commit need not know every key of this one.
    pub(crate) fn write_config(&self) -> PathBuf {
        let file = self.folder.path().join("worker.toml");
        let mut table: Table = toml_of(&self.config).parse().unwrap();
        remove_equal(
            &mut table,
            &toml_of(&Config::default()).parse::<Table>().unwrap(),
        );
        std::fs::write(&file, table.to_string()).unwrap();
        file
    }
}

/// Removes each value that is the same in `others`, and each table that is empty then.
fn remove_equal(table: &mut Table, others: &Table) {
    table.retain(|key, value| match (value, others.get(key)) {
        (Value::Table(table), Some(Value::Table(others))) => {
            remove_equal(table, others);
            !table.is_empty()
        }
        (value, other) => key == "listen" || Some(&*value) != other,
    });
}

/// Providers that answer at once, as often as they are asked.
pub(crate) fn at_once() -> SandboxScenario {
    let mut scenario = SandboxScenario::default();
    (
        scenario.recognition.rate_per_second,
        scenario.verification.rate_per_second,
    ) = (0, 0);
    // As new bills are: one that was brought before costs other requests of the store.
    scenario.bills_apart = true;
    scenario
}
