//! What both brokers promise, proven by the same tests, and what only RabbitMQ can show.

/// Each promise is a test on both.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod rabbitmq_keeps {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $promise() { super::$promise(super::Place::on_rabbitmq().await).await; })*
        }
        mod memory_keeps {
            $(#[tokio::test] async fn $promise() { super::$promise(super::Place::in_memory()).await; })*
        }
    };
}

mod amqp_only;
mod connecting;
mod deliveries;
mod foreign_bytes;
mod job_queues;
mod memory_only;
mod messages;
mod publishing;
mod rights;
mod topology;

use crate::harness::rabbitmq;
use invoice_worker::broker::{
    Broker, Config, Consumer, Delivery, Message, ParkedState, Session, Settled, parked_copy,
};
use invoice_worker::seal::{SealKey, Sealer};
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use std::time::Duration;
use tokio::time::timeout;

/// Far longer than anything takes here; a test that hangs fails by it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A broker, and queues of this test's own.
struct Place {
    broker: Broker,
    config: Config,
}

impl Place {
    async fn on_rabbitmq() -> Self {
        let config = config(&rabbitmq::url().await, &rabbitmq::unique_name());
        Self {
            broker: Broker::new(&config).unwrap(),
            config,
        }
    }

    fn in_memory() -> Self {
        let config = config("memory://", "memory");
        Self {
            broker: Broker::new(&config).unwrap(),
            config,
        }
    }

    /// Connected, with every queue declared.
    async fn session(&self) -> Session {
        let session = within(self.broker.connect()).await.unwrap();
        within(session.topology()).await.unwrap();
        session
    }

    /// Bodies of the next `count` jobs, all settled.
    async fn settled_jobs(&self, session: &Session, count: usize) -> Vec<String> {
        let mut consumer = session.consume(&self.config.jobs_queue, 10).await.unwrap();
        let mut bodies = Vec::new();
        for _ in 0..count {
            let delivery = next(&mut consumer).await;
            bodies.push(body(&delivery));
            assert_eq!(delivery.settle().await, Settled::Acknowledged);
        }
        bodies
    }
}

/// Two delays, short enough to wait for; so far apart that what is published seconds later into the
/// shorter one is back before.
fn config(url: &str, name: &str) -> Config {
    Config {
        urls: vec![Secret::new(url)],
        jobs_queue: format!("{name}.jobs"),
        due_queue: format!("{name}.due"),
        control_exchange: format!("{name}.control"),
        results_queue: format!("{name}.results"),
        failed_queue: format!("{name}.failed"),
        retry_queue_prefix: format!("{name}.retry"),
        retry_delays: ["200ms", "5s"].map(span).to_vec(),
        ..Config::default()
    }
}

fn job(body: &str) -> Message {
    Message::json("invoice.job", body.to_owned())
}

fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.message.body).into_owned()
}

async fn next(consumer: &mut Consumer) -> Delivery {
    within(consumer.next()).await.expect("the consumer goes on")
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .expect("nothing here takes a minute")
}

/// The job as it is parked.
fn waiting(job: &Message, progress: &str, not_before_ms: u64) -> Message {
    let state = ParkedState {
        progress: progress.to_owned(),
        not_before_ms,
        deaths: None,
    };
    parked_copy(job, &state, &Sealer::new(SealKey::of("key"), None))
}
