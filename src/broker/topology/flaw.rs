//! A difference of an existing queue from the worker's definition.

use super::Argument;
use std::fmt;

/// A difference in one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFlaw {
    pub severity: Severity,
    pub(super) argument: String,
    pub(super) existing: Option<Argument>,
    pub(super) wanted: Option<Argument>,
    /// The policy that sets the value; `None` if it is an argument of the queue.
    pub policy: Option<String>,
    /// The consequence as a sentence; empty where the difference does no harm.
    pub consequence: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Harmless,
    /// The queue is used, and the consequence is logged.
    Warning,
    /// A job could be lost: the queue is not used.
    Essential,
}

impl QueueFlaw {
    /// The sentence that follows the queue's name: `has x-expires 5000, and may have none: …`.
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
                self.by_policy()
            ),
            (_, existing, wanted) => {
                format!(
                    "has {argument} {}{}, and needs {}",
                    shown(existing.as_ref()),
                    self.by_policy(),
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

    fn by_policy(&self) -> String {
        self.policy
            .as_ref()
            .map(|policy| format!(" by {policy}"))
            .unwrap_or_default()
    }
}

/// The sentence about a queue that is used in spite of its flaw.
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
            self.by_policy()
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
