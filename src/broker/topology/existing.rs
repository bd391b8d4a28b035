//! A queue as it exists on the broker, and the severity of its differences from the worker's
//! definition.

use super::{Argument, QueueDefinition, QueueFlaw, QueueRole, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// A queue on the broker. Its arguments begin with `x-`, the keys of policies do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingQueue {
    pub durable: bool,
    pub auto_delete: bool,
    pub exclusive: bool,
    pub arguments: BTreeMap<String, Argument>,
    /// The keys that policy and operator policy add to the arguments. AMQP does not show them.
    pub policy: BTreeMap<String, Argument>,
    /// The names of these policies, as part of a sentence.
    pub policy_names: String,
}

const EXPIRES: &str =
    "RabbitMQ deletes the queue, with every message in it, when it is unused for so long";
const TIME_TO_LIVE_OF_JOBS: &str =
    "jobs that wait for longer, while a stage is paused say, are taken from the workers";
const DELAY: &str = "the time to live of a delay queue is the delay it is named after";
const OVERFLOW: &str = "RabbitMQ drops or dead-letters messages where it could refuse them";
const DEAD_LETTERING: &str =
    "messages that RabbitMQ takes away here would be lost, or end elsewhere";
const FULL: &str = "when the queue is full RabbitMQ drops what has waited longest: declare it with x-overflow = reject-publish";
const EARLY: &str = "messages are dropped sooner than the worker's documentation says";
const FEW_DELIVERIES: &str = "RabbitMQ takes a job away before the worker has found out whether it is the job that kills its workers";
const NEGATIVE_LIMIT: &str =
    "RabbitMQ 4 takes it for no limit; RabbitMQ 3 takes a job away when it is returned once";
const LOOKED_AT: &str = "RabbitMQ drops a message that was looked at so often";
const NO_LIMIT: &str = "from RabbitMQ 4 on it drops what was looked at 20 times, unless a policy gives it a delivery-limit of 1000000";
const SINGLE_CONSUMER: &str =
    "only one worker at a time is given jobs: declare it without this argument";
const CONSUMER_TIMEOUT: &str = "a job in hand for longer is given to another worker, which may pay for it again: make it 30 minutes or more";

/// RabbitMQ's default in milliseconds. A worker may hold a delivery for some minutes.
const USUAL_CONSUMER_TIMEOUT: i64 = 30 * 60 * 1_000;
/// The arguments of which RabbitMQ takes the smaller value where a policy sets another one; for all
/// others it takes the argument.
const SMALLER_WINS: [&str; 6] = [
    "x-expires",
    "x-message-ttl",
    "x-max-length",
    "x-max-length-bytes",
    "x-delivery-limit",
    "x-consumer-timeout",
];

impl ExistingQueue {
    /// The queue as the worker would declare it.
    pub fn as_declared(queue: &QueueDefinition) -> Self {
        Self {
            durable: true,
            auto_delete: false,
            exclusive: false,
            arguments: queue
                .arguments
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            policy: BTreeMap::new(),
            policy_names: String::new(),
        }
    }

    /// Every difference from `queue`, the worst first.
    pub fn flaws(&self, queue: &QueueDefinition) -> Vec<QueueFlaw> {
        let mut flaws: Vec<QueueFlaw> = [
            ("durable", self.durable, true),
            ("auto_delete", self.auto_delete, false),
            ("exclusive", self.exclusive, false),
        ]
        .into_iter()
        .filter(|(_, existing, wanted)| existing != wanted)
        .map(|(argument, existing, wanted)| QueueFlaw {
            severity: Severity::Essential,
            argument: argument.to_owned(),
            existing: Some(Argument::Flag(existing)),
            wanted: Some(Argument::Flag(wanted)),
            policy: None,
            consequence: "",
        })
        .collect();
        flaws.extend(
            self.argument_names(queue)
                .into_iter()
                .filter_map(|name| self.flaw(queue, name)),
        );
        flaws.sort_by_key(|flaw| std::cmp::Reverse(flaw.severity));
        flaws
    }

    fn argument_names(&self, queue: &QueueDefinition) -> BTreeSet<String> {
        let ours = queue.arguments.iter().map(|(name, _)| (*name).to_owned());
        let of_policies = self.policy.keys().map(|key| format!("x-{key}"));
        self.arguments
            .keys()
            .cloned()
            .chain(ours)
            .chain(of_policies)
            .collect()
    }

    fn flaw(&self, queue: &QueueDefinition, argument: String) -> Option<QueueFlaw> {
        let (existing, is_of_policy) = self.effective(&argument);
        let wanted = queue.argument(&argument);
        if existing == wanted {
            return None;
        }
        let (severity, consequence) = self.severity(queue.role, &argument, existing, wanted);
        Some(QueueFlaw {
            severity,
            existing: existing.cloned(),
            wanted: wanted.cloned(),
            policy: is_of_policy.then(|| self.policy_names.clone()),
            consequence,
            argument,
        })
    }

    /// The effective value, and whether it comes from a policy.
    fn effective(&self, argument: &str) -> (Option<&Argument>, bool) {
        let own = self.arguments.get(argument);
        let of_policy = argument
            .strip_prefix("x-")
            .and_then(|key| self.policy.get(key));
        match (own, of_policy) {
            (None, Some(policy)) => (Some(policy), true),
            (Some(Argument::Number(number)), Some(Argument::Number(policy)))
                if SMALLER_WINS.contains(&argument) && policy < number =>
            {
                (of_policy, true)
            }
            _ => (own, false),
        }
    }

    fn severity(
        &self,
        role: QueueRole,
        argument: &str,
        existing: Option<&Argument>,
        wanted: Option<&Argument>,
    ) -> (Severity, &'static str) {
        use QueueRole::{Archive, Delay, Work};
        use Severity::{Essential, Harmless, Warning};
        let number = existing.and_then(Argument::number);
        let is_less = number < wanted.and_then(Argument::number);
        match (role, argument) {
            (_, "x-queue-type") => (Essential, ""),
            (_, "x-expires") => (Essential, EXPIRES),
            (
                _,
                "x-dead-letter-exchange" | "x-dead-letter-routing-key" | "x-dead-letter-strategy",
            ) => (Essential, DEAD_LETTERING),
            (Work, "x-message-ttl") => (Essential, TIME_TO_LIVE_OF_JOBS),
            (Delay, "x-message-ttl") => (Essential, DELAY),
            (Archive, "x-message-ttl") if is_less && number.is_some() => (Warning, EARLY),
            // A full queue that rejects publishes loses nothing: the publisher keeps the message.
            (Work | Delay, "x-overflow") if !self.rejects_publishes() => (Essential, OVERFLOW),
            (Work | Delay, "x-max-length" | "x-max-length-bytes") if !self.rejects_publishes() => {
                (Essential, FULL)
            }
            (Archive, "x-max-length" | "x-max-length-bytes") if !self.rejects_publishes() => {
                (Warning, FULL)
            }
            (Work, "x-delivery-limit") if number.is_some_and(|limit| limit < 0) => {
                (Warning, NEGATIVE_LIMIT)
            }
            // Without the argument there is no limit on RabbitMQ 3, and on RabbitMQ 4 a limit of
            // 20, which is the worker's own.
            (Work, "x-delivery-limit") if is_less && number.is_some() => {
                (Essential, FEW_DELIVERIES)
            }
            (Archive, "x-delivery-limit") if number.is_none() => (Warning, NO_LIMIT),
            (Archive, "x-delivery-limit") if is_less => (Essential, LOOKED_AT),
            (Work, "x-single-active-consumer") if existing == Some(&Argument::Flag(true)) => {
                (Warning, SINGLE_CONSUMER)
            }
            (Work, "x-consumer-timeout")
                if number.is_some_and(|timeout| timeout < USUAL_CONSUMER_TIMEOUT) =>
            {
                (Warning, CONSUMER_TIMEOUT)
            }
            _ => (Harmless, ""),
        }
    }

    fn rejects_publishes(&self) -> bool {
        matches!(self.effective("x-overflow"), (Some(Argument::Text(overflow)), _) if overflow == "reject-publish")
    }
}

impl Argument {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Flag(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
