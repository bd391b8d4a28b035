//! What has to exist on the broker, as plain data: declared, checked, exported, and followed by the broker in this process.

use super::config::Config;
use super::error::BrokerError;
use serde_json::{Map, Value, json};
use std::fmt;
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
    pub arguments: Vec<(&'static str, Argument)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    Text(String),
    Number(u64),
}

/// What a broker has otherwise than the worker would declare it.
#[derive(Debug, Default)]
pub struct Differences {
    /// Each keeps the worker from its work: a [`BrokerError::TopologyMismatch`].
    pub mismatches: Vec<BrokerError>,
    pub tolerated: Vec<Tolerated>,
}

/// A queue that is otherwise, and is used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerated {
    pub queue: String,
    pub argument: String,
    /// As the broker writes them, `none` where there is none.
    pub existing: String,
    pub wanted: String,
    /// What may come of it and what to do; none where it does no harm.
    pub mend: Option<&'static str>,
}

impl fmt::Display for Tolerated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, argument, existing, wanted, mend: _ } = self;
        let wanted = if wanted.is_empty() { "none" } else { wanted };
        write!(formatter, "queue {queue} has {argument} {existing} instead of {wanted}, and is used as it is")
    }
}

impl Queue {
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|(argument, _)| *argument == name).map(|(_, value)| value)
    }

    /// Where the broker moves what it takes away here.
    pub fn dead_letter_queue(&self) -> Option<&str> {
        match self.argument("x-dead-letter-routing-key") {
            Some(Argument::Text(queue)) => Some(queue),
            Some(Argument::Number(_)) | None => None,
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
            Some(Argument::Number(number)) => Some(*number),
            Some(Argument::Text(_)) | None => None,
        }
    }
}

/// Every queue; a dead-letter target comes before what is dead-lettered into it.
pub fn queues(config: &Config) -> Vec<Queue> {
    let queue = |name: &str, key, arguments: Vec<Vec<(&'static str, Argument)>>| {
        let quorum = ("x-queue-type", Argument::Text("quorum".to_owned()));
        Queue { name: name.to_owned(), key, arguments: std::iter::once(quorum).chain(arguments.into_iter().flatten()).collect() }
    };
    let limit = |deliveries| vec![("x-delivery-limit", Argument::Number(deliveries))];
    let jobs = || vec![dead_letter_into(&config.failed_queue), limit(JOB_DELIVERY_LIMIT)];
    let archive = |ttl| vec![limit(ARCHIVE_DELIVERY_LIMIT), time_to_live(ttl)];
    let mut queues = vec![
        queue(&config.failed_queue, "broker.failed_queue", archive(FAILED_TTL)),
        queue(&config.results_queue, "broker.results_queue", archive(RESULTS_TTL)),
        queue(&config.jobs_queue, "broker.jobs_queue", jobs()),
        queue(&config.due_queue, "broker.due_queue", jobs()),
    ];
    queues.extend(config.retry_delays.iter().map(|delay| {
        let arguments = vec![time_to_live(delay.duration()), dead_letter_into(&config.due_queue)];
        queue(&config.retry_queue(delay), "broker.retry_queue_prefix", arguments)
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
        }
    }
}

/// At least once: what cannot be moved stays, which needs the overflow behaviour to be `reject-publish`.
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
    vec![("x-message-ttl", Argument::Number(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_those_of_the_contract() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&definitions(&Config::default(), "/")).unwrap());
    }

    #[test]
    fn a_dead_letter_target_is_declared_before_its_source() {
        let queues = queues(&Config::default());
        for (position, queue) in queues.iter().enumerate() {
            if let Some(target) = queue.dead_letter_queue() {
                assert!(queues[..position].iter().any(|earlier| earlier.name == target), "{}", queue.name);
            }
        }
    }
}
