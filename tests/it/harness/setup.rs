//! What a test's system is made of, before it starts.

use super::rabbitmq;
use super::system::System;
use invoice_worker::broker::Broker;
use invoice_worker::cluster::exchange::HEARTBEAT_EVERY;
use invoice_worker::config::Config;
use invoice_worker::dev::sandbox::{Sandbox, SandboxOptions, SandboxScenario};
use invoice_worker::policy::Policy;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc::unbounded_channel;

pub(crate) const BUCKET: &str = "claims";
const SEAL_KEY: &str = "the-key-that-all-workers-of-a-test-share";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Memory,
    RabbitMq,
}

/// For the length of a test today stays today: what is counted by the day is not counted anew while
/// it runs.
fn where_it_is_noon() -> String {
    let ahead = 12 - Timestamp::now().to_zoned(TimeZone::UTC).hour();
    // What is east of Greenwich has a minus in these names.
    format!("Etc/GMT{:+}", -ahead)
}

/// What a test may want to be different before the system starts.
pub(crate) struct Setup {
    /// Boxed: tests keep it across their awaits, and it is large.
    pub(crate) config: Box<Config>,
    pub(crate) policy: Policy,
    pub(crate) scenario: SandboxScenario,
}

impl Setup {
    /// Queues of this test's own, delays of milliseconds, no limit on the rate.
    pub(crate) async fn new(on: On) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "system-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let mut config = Box::new(Config::default());
        config.policy.timezone = where_it_is_noon();
        let url = match on {
            On::Memory => "memory://".to_owned(),
            On::RabbitMq => rabbitmq::url().await,
        };
        config.broker.urls = vec![Secret::new(&url)];
        config.broker.jobs_queue = format!("{name}.jobs");
        config.broker.due_queue = format!("{name}.due");
        config.broker.control_exchange = format!("{name}.control");
        config.broker.results_queue = format!("{name}.results");
        config.broker.failed_queue = format!("{name}.failed");
        config.broker.ledger_queue = format!("{name}.ledger");
        config.broker.retry_queue_prefix = format!("{name}.retry");
        config.broker.retry_delays = vec![span("100ms"), span("1s"), span("10s")];
        config.seal.key = Secret::new(SEAL_KEY);
        config.recognition.rate_per_second = 1_000.0;
        config.verification.rate_per_second = 1_000.0;
        config.worker.redelivery_wait = span("200ms");
        let mut scenario = SandboxScenario::default();
        scenario.recognition.rate_per_second = 0;
        scenario.verification.rate_per_second = 0;
        Self {
            config,
            policy: Policy::builtin(),
            scenario,
        }
    }

    /// Faults as a scenario file writes them.
    pub(crate) fn faults(mut self, faults: &str) -> Self {
        self.scenario.faults = SandboxScenario::parse(faults, "the test's faults")
            .unwrap()
            .faults;
        self
    }

    /// Rules as `policy.file` writes them.
    pub(crate) fn rules(mut self, rules: &str) -> Self {
        self.policy = Policy::with_overrides(rules, "the test's rules").unwrap();
        self
    }

    pub(crate) async fn start(self) -> System {
        self.start_with(1).await
    }

    /// With so many workers on the same queues. Boxed: configurations and policies are large.
    pub(crate) async fn start_with(self, workers: usize) -> System {
        let mut system = Box::pin(self.prepare()).await;
        for _ in 0..workers {
            Box::pin(system.work()).await;
        }
        system
    }

    /// Everything but a worker.
    pub(crate) async fn prepare(mut self) -> System {
        let sandbox = Sandbox::start(SandboxOptions {
            scenario: self.scenario,
            ..SandboxOptions::default()
        })
        .await
        .unwrap();
        sandbox.create_bucket(BUCKET).await.unwrap();
        sandbox.configure(&mut self.config, BUCKET);
        self.config.validate().unwrap();
        let broker = Broker::new(&self.config.broker).unwrap();
        let session = broker.connect().await.unwrap();
        session.topology().await.unwrap();
        let reply_to = format!("{}.replies", self.config.broker.jobs_queue);
        session.temporary_queue(&reply_to).await.unwrap();
        let replies = session.consume(&reply_to, 1_000).await.unwrap();
        let (watcher, events) = unbounded_channel();
        System {
            sandbox,
            config: self.config,
            broker,
            session,
            events,
            replies,
            reply_to,
            workers: Vec::new(),
            heartbeat_every: HEARTBEAT_EVERY,
            policy: self.policy,
            watcher,
            started: 0,
        }
    }
}
