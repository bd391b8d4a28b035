//! A queue of ours as it exists on the broker, and which of its differences from ours could lose a
//! job.

use super::{Argument, Queue, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the broker keeps of a queue. Arguments have their `x-`, keys of a policy have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingQueue {
    pub durable: bool,
    pub auto_delete: bool,
    pub exclusive: bool,
    pub arguments: BTreeMap<String, Argument>,
    /// What policy and operator policy together add to the arguments; AMQP does not tell it.
    pub policy: BTreeMap<String, Argument>,
    /// The names of these policies, as a sentence has them.
    pub policy_names: String,
}

/// One difference of an existing queue from ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFlaw {
    pub severity: Severity,
    argument: String,
    existing: Option<Argument>,
    wanted: Option<Argument>,
    /// The policy that the value comes from; none where it is an argument of the queue.
    pub policy: Option<String>,
    /// What may come of it; empty where it does no harm.
    pub consequence: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Harmless,
    /// The queue is used; what may come of it is said.
    Warning,
    /// A job could be lost: the queue is not used.
    Essential,
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

/// A worker may hold a delivery for some minutes; this is what RabbitMQ allows by default, in
/// milliseconds.
const USUAL_CONSUMER_TIMEOUT: i64 = 30 * 60 * 1_000;
/// Where an argument and a policy both set one of these, RabbitMQ takes the smaller; for all others
/// it takes the argument.
const SMALLER_WINS: [&str; 6] = [
    "x-expires",
    "x-message-ttl",
    "x-max-length",
    "x-max-length-bytes",
    "x-delivery-limit",
    "x-consumer-timeout",
];

impl ExistingQueue {
    /// As the worker would declare it.
    pub fn as_declared(queue: &Queue) -> Self {
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
    pub fn flaws(&self, queue: &Queue) -> Vec<QueueFlaw> {
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

    fn argument_names(&self, queue: &Queue) -> BTreeSet<String> {
        let ours = queue.arguments.iter().map(|(name, _)| (*name).to_owned());
        let of_policies = self.policy.keys().map(|key| format!("x-{key}"));
        self.arguments
            .keys()
            .cloned()
            .chain(ours)
            .chain(of_policies)
            .collect()
    }

    fn flaw(&self, queue: &Queue, argument: String) -> Option<QueueFlaw> {
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

    /// The value that counts, and whether a policy gives it.
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
        role: Role,
        argument: &str,
        existing: Option<&Argument>,
        wanted: Option<&Argument>,
    ) -> (Severity, &'static str) {
        use Role::{Archive, Delay, Work};
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
            // Full, a queue that refuses loses nothing: the publisher keeps what it has.
            (Work | Delay, "x-overflow") if !self.refuses() => (Essential, OVERFLOW),
            (Work | Delay, "x-max-length" | "x-max-length-bytes") if !self.refuses() => {
                (Essential, FULL)
            }
            (Archive, "x-max-length" | "x-max-length-bytes") if !self.refuses() => (Warning, FULL),
            (Work, "x-delivery-limit") if number.is_some_and(|limit| limit < 0) => {
                (Warning, NEGATIVE_LIMIT)
            }
            // None at all is no limit on RabbitMQ 3, and 20 on RabbitMQ 4, which is ours.
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

    fn refuses(&self) -> bool {
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

impl QueueFlaw {
    /// What stands behind the queue's name: `has x-expires 5000, and may have none: …`.
    pub fn refusal(&self) -> String {
        let Self {
            argument,
            existing,
            wanted,
            consequence,
            ..
        } = self;
        let text = match (argument.as_str(), existing, wanted) {
            ("x-queue-type", Some(Argument::Text(kind)), _) => {
                format!("is a {kind} queue and has to be a quorum queue")
            }
            ("x-queue-type", ..) => "is a classic queue and has to be a quorum queue".to_owned(),
            ("durable", ..) => "is not durable, and has to be".to_owned(),
            ("auto_delete", ..) => {
                "is deleted with its last consumer (auto_delete), and may not be".to_owned()
            }
            ("exclusive", ..) => "belongs to one connection (exclusive), and may not".to_owned(),
            (_, existing, None) => format!(
                "has {argument} {}{}, and may have none",
                shown(existing.as_ref()),
                self.giver()
            ),
            (_, existing, wanted) => {
                format!(
                    "has {argument} {}{}, and needs {}",
                    shown(existing.as_ref()),
                    self.giver(),
                    shown(wanted.as_ref())
                )
            }
        };
        if consequence.is_empty() {
            text
        } else {
            format!("{text}: {consequence}")
        }
    }

    fn giver(&self) -> String {
        self.policy
            .as_ref()
            .map(|policy| format!(" by {policy}"))
            .unwrap_or_default()
    }
}

/// As it is said of a queue that is used as it is.
impl fmt::Display for QueueFlaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            argument,
            existing,
            wanted,
            ..
        } = self;
        let (existing, wanted) = (shown(existing.as_ref()), shown(wanted.as_ref()));
        write!(
            formatter,
            "has {argument} {existing}{} instead of {wanted}, and is used as it is",
            self.giver()
        )
    }
}

fn shown(value: Option<&Argument>) -> String {
    match value {
        None => "none".to_owned(),
        Some(Argument::Text(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Argument::Text(text)) => text.clone(),
        Some(Argument::Number(number)) => number.to_string(),
        Some(Argument::Flag(flag)) => flag.to_string(),
    }
}

#[cfg(test)]
mod tests;
