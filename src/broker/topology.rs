//! What has to exist on the broker, as plain data: declared, checked, exported, and followed by the
//! broker in this process.

mod existing;

pub use existing::{ExistingQueue, QueueFlaw, Severity};

use super::config::Config;
use super::error::BrokerError;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Deliveries after which the broker itself takes a job away.
pub const JOB_DELIVERY_LIMIT: u64 = 20;
/// Looking into these queues returns what was looked at, and must not use it up.
const ARCHIVE_DELIVERY_LIMIT: u64 = 1_000_000;
const RESULTS_TTL: Duration = Duration::from_hours(30 * 24);
const FAILED_TTL: Duration = Duration::from_hours(14 * 24);

/// Of a worker's own queue on the control exchange: what is older says nothing any more.
pub const CONTROL_TTL: Duration = Duration::from_secs(30);
pub const CONTROL_LENGTH: u64 = 1_000;
/// A reply queue of `demo` or `submit` that nobody consumes from goes away after this.
pub const TEMPORARY_EXPIRY: Duration = Duration::from_hours(1);

/// A durable quorum queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub name: String,
    /// The configuration key that names it.
    pub key: &'static str,
    pub role: Role,
    pub arguments: Vec<(&'static str, Argument)>,
}

/// What a queue is for, as far as its arguments depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The jobs queue and the due queue: the worker consumes from them.
    Work,
    /// A delay queue: messages expire from it into the due queue.
    Delay,
    /// The results queue and the failed queue: their messages are looked at, and stay.
    Archive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    Text(String),
    Number(i64),
    Flag(bool),
}

/// How the queues on a broker differ from those that the worker would declare.
#[derive(Debug, Default)]
pub struct Differences {
    /// With each of these the worker does not start: a [`BrokerError::TopologyMismatch`].
    pub mismatches: Vec<BrokerError>,
    /// The worker uses the queue as it is.
    pub tolerated: Vec<(String, QueueFlaw)>,
    /// Queues that exist, and that this user may not compare: that needs the configure permission.
    pub not_compared: Vec<String>,
}

impl Queue {
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments
            .iter()
            .find(|(argument, _)| *argument == name)
            .map(|(_, value)| value)
    }

    /// Where the broker moves what it takes away here.
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

/// Every queue; a dead-letter target comes before what is dead-lettered into it.
pub fn queues(config: &Config) -> Vec<Queue> {
    let queue = |name: &str, key, role, arguments: Vec<Vec<(&'static str, Argument)>>| {
        let quorum = ("x-queue-type", Argument::Text("quorum".to_owned()));
        Queue {
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
            Role::Archive,
            archive(FAILED_TTL),
        ),
        queue(
            &config.results_queue,
            "broker.results_queue",
            Role::Archive,
            archive(RESULTS_TTL),
        ),
        queue(&config.jobs_queue, "broker.jobs_queue", Role::Work, jobs()),
        queue(&config.due_queue, "broker.due_queue", Role::Work, jobs()),
    ];
    queues.extend(config.retry_delays.iter().map(|delay| {
        let arguments = vec![
            time_to_live(delay.duration()),
            dead_letter_into(&config.due_queue),
        ];
        queue(
            &config.retry_queue(delay),
            "broker.retry_queue_prefix",
            Role::Delay,
            arguments,
        )
    }));
    queues
}

/// RabbitMQ definitions, to be imported by an operator where the worker may not declare.
pub fn definitions(config: &Config, vhost: &str) -> Value {
    let queues: Vec<Value> = queues(config)
        .into_iter()
        .map(|queue| {
            let arguments: Map<String, Value> = queue.arguments.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            json!({"name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false, "arguments": arguments})
        })
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

/// At least once: what cannot be moved stays, which needs the overflow behaviour to be
/// `reject-publish`.
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

    #[test]
    fn the_definitions_are_those_of_the_contract() {
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&definitions(&Config::default(), "/")).unwrap()
        );
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
