//! The queues and arguments that the worker needs, as plain data: declared, checked, exported, and
//! used by the broker inside this process.

mod differences;
mod existing;
mod flaw;

pub use differences::Differences;
pub use existing::ExistingQueue;
pub use flaw::{QueueFlaw, Severity};

use super::config::Config;
use super::stream::StreamDefinition;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The number of unsettled deliveries after which the broker dead-letters a job.
pub const JOB_DELIVERY_LIMIT: u64 = 20;
/// Results and failed jobs are returned whenever an operator looks at them, and must not be dropped
/// for that.
const ARCHIVE_DELIVERY_LIMIT: u64 = 1_000_000;
const RESULTS_TTL: Duration = Duration::from_hours(30 * 24);
const FAILED_TTL: Duration = Duration::from_hours(14 * 24);

/// The time to live of messages in a worker's own control queue; older ones are worthless.
pub const CONTROL_TTL: Duration = Duration::from_secs(30);
pub const CONTROL_LENGTH: u64 = 1_000;
/// The time after which an unused reply queue of `submit` expires: an interrupted submission can go
/// on until then.
pub const REPLIES_EXPIRY: Duration = Duration::from_hours(7 * 24);
/// The time after which an unused reply queue of `demo` expires.
pub const TEMPORARY_EXPIRY: Duration = Duration::from_hours(1);

/// A durable quorum queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDefinition {
    pub name: String,
    /// The configuration key that names it.
    pub key: &'static str,
    pub role: QueueRole,
    pub arguments: Vec<(&'static str, Argument)>,
}

/// The purpose of a queue, as far as its arguments depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRole {
    /// The job queues and the due queue: the worker consumes from them.
    Work,
    /// A delay queue: messages expire from it into the due queue.
    Delay,
    /// The results queue and the failed queue: messages are looked at, and stay.
    Archive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    Text(String),
    Number(i64),
    Flag(bool),
}

impl QueueDefinition {
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments
            .iter()
            .find(|(argument, _)| *argument == name)
            .map(|(_, value)| value)
    }

    /// The queue into which the broker dead-letters messages.
    pub fn dead_letter_queue(&self) -> Option<&str> {
        match self.argument("x-dead-letter-routing-key") {
            Some(Argument::Text(queue)) => Some(queue),
            Some(Argument::Number(_) | Argument::Flag(_)) | None => None,
        }
    }

    pub fn time_to_live(&self) -> Option<Duration> {
        self.number("x-message-ttl").map(Duration::from_millis)
    }

    pub fn delivery_limit(&self) -> Option<u64> {
        self.number("x-delivery-limit")
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.argument(name) {
            Some(Argument::Number(number)) => u64::try_from(*number).ok(),
            Some(Argument::Text(_) | Argument::Flag(_)) | None => None,
        }
    }
}

/// Every queue, each after the one into which it dead-letters.
pub fn queues(config: &Config) -> Vec<QueueDefinition> {
    let queue = |name: &str, key, role, arguments: Vec<Vec<(&'static str, Argument)>>| {
        let quorum = ("x-queue-type", Argument::Text("quorum".to_owned()));
        QueueDefinition {
            name: name.to_owned(),
            key,
            role,
            arguments: std::iter::once(quorum)
                .chain(arguments.into_iter().flatten())
                .collect(),
        }
    };
    let limit = |deliveries: u64| vec![("x-delivery-limit", number(deliveries))];
    let jobs = || {
        vec![
            dead_letter_into(&config.failed_queue),
            limit(JOB_DELIVERY_LIMIT),
        ]
    };
    let archive = |ttl| vec![limit(ARCHIVE_DELIVERY_LIMIT), time_to_live(ttl)];
    let mut queues = vec![
        queue(
            &config.failed_queue,
            "broker.failed_queue",
            QueueRole::Archive,
            archive(FAILED_TTL),
        ),
        queue(
            &config.results_queue,
            "broker.results_queue",
            QueueRole::Archive,
            archive(RESULTS_TTL),
        ),
    ];
    let jobs_key = if config.jobs.is_empty() {
        "broker.jobs_queue"
    } else {
        "broker.jobs"
    };
    let work = config.job_queues().into_iter();
    let work = work.map(|work| (work.queue, jobs_key));
    let due = (config.due_queue.clone(), "broker.due_queue");
    queues.extend(
        work.chain([due])
            .map(|(name, key)| queue(&name, key, QueueRole::Work, jobs())),
    );
    queues.extend(config.retry_delays.iter().map(|delay| {
        let arguments = vec![
            time_to_live(delay.duration()),
            dead_letter_into(&config.due_queue),
        ];
        queue(
            &config.retry_queue(delay),
            "broker.retry_queue_prefix",
            QueueRole::Delay,
            arguments,
        )
    }));
    queues
}

/// RabbitMQ definitions that an operator can import if the worker may not declare the topology.
/// `ledger` is its stream, where one is written.
pub fn definitions(config: &Config, ledger: Option<&StreamDefinition>, vhost: &str) -> Value {
    let queues: Vec<Value> = queues(config)
        .into_iter()
        .map(|queue| {
            let arguments: Map<String, Value> = queue.arguments.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            json!({"name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false, "arguments": arguments})
        })
        .chain(ledger.map(|ledger| ledger.definition(vhost)))
        .collect();
    let control = json!({
        "name": config.control_exchange, "vhost": vhost, "type": "fanout",
        "durable": true, "auto_delete": false, "internal": false, "arguments": {}
    });
    json!({"queues": queues, "exchanges": [control]})
}

impl From<Argument> for Value {
    fn from(argument: Argument) -> Self {
        match argument {
            Argument::Text(text) => text.into(),
            Argument::Number(number) => number.into(),
            Argument::Flag(flag) => flag.into(),
        }
    }
}

/// Arguments for dead-lettering at least once: a message that cannot be moved stays in its queue,
/// which requires `reject-publish` as the overflow behaviour.
fn dead_letter_into(queue: &str) -> Vec<(&'static str, Argument)> {
    [
        ("x-dead-letter-exchange", ""),
        ("x-dead-letter-routing-key", queue),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
    ]
    .map(|(name, value)| (name, Argument::Text(value.to_owned())))
    .into()
}

fn time_to_live(ttl: Duration) -> Vec<(&'static str, Argument)> {
    vec![("x-message-ttl", number(milliseconds(ttl)))]
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn number(number: u64) -> Argument {
    Argument::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::JobQueue;

    #[test]
    fn the_definitions_are_those_of_the_contract() {
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&definitions(&Config::default(), None, "/")).unwrap()
        );
    }

    #[test]
    fn each_job_queue_is_like_the_only_one() {
        let only = queues(&Config::default());
        let config = Config {
            jobs: ["a.jobs", "b.jobs"].map(named).to_vec(),
            ..Config::default()
        };
        let several = queues(&config);
        let named = |queue: &QueueDefinition| queue.key == "broker.jobs";
        let jobs: Vec<_> = several.iter().filter(|queue| named(queue)).collect();
        assert_eq!(jobs.len(), 2);
        assert_eq!(several.len(), only.len() + 1);
        for (queue, name) in jobs.into_iter().zip(["a.jobs", "b.jobs"]) {
            assert_eq!((queue.name.as_str(), queue.role), (name, QueueRole::Work));
            let before = only.iter().find(|queue| queue.key == "broker.jobs_queue");
            assert_eq!(queue.arguments, before.unwrap().arguments);
        }
    }

    fn named(queue: &str) -> JobQueue {
        JobQueue {
            queue: queue.to_owned(),
            ..JobQueue::default()
        }
    }

    #[test]
    fn a_dead_letter_target_is_declared_before_its_source() {
        let queues = queues(&Config::default());
        for (position, queue) in queues.iter().enumerate() {
            if let Some(target) = queue.dead_letter_queue() {
                assert!(
                    queues[..position]
                        .iter()
                        .any(|earlier| earlier.name == target),
                    "{}",
                    queue.name
                );
            }
        }
    }
}
