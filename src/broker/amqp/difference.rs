//! RabbitMQ's refusal of a declaration when the queue exists with another argument: `inequivalent
//! arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '1' of type 'long' but
//! current is none`.

use crate::broker::topology::{Argument, ExistingQueue};

const NONE: &str = "none";

/// The first argument in which the existing queue differs from the declaration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArgumentDifference {
    pub(super) argument: String,
    existing: Option<Argument>,
}

impl ArgumentDifference {
    /// `None` for any other refusal, and for a truncated one: AMQP allows 255 bytes.
    pub(super) fn parse(refusal: &str) -> Option<Self> {
        let (_, rest) = refusal.split_once("inequivalent arg '")?;
        let (argument, rest) = rest.split_once('\'')?;
        let (_, rest) = rest.split_once(": received ")?;
        let (_, existing) = rest.split_once(" but current is ")?;
        Some(Self {
            argument: argument.to_owned(),
            existing: value(existing),
        })
    }

    /// Replaces the queue's value with the existing one; false if that changes nothing.
    pub(super) fn adopt(self, queue: &mut ExistingQueue) -> bool {
        let before = queue.clone();
        match (self.argument.as_str(), &self.existing) {
            ("durable", Some(Argument::Flag(durable))) => queue.durable = *durable,
            ("auto_delete", Some(Argument::Flag(auto_delete))) => queue.auto_delete = *auto_delete,
            ("exclusive", Some(Argument::Flag(exclusive))) => queue.exclusive = *exclusive,
            (_, None) => drop(queue.arguments.remove(&self.argument)),
            (_, Some(_)) => queue
                .arguments
                .extend(self.existing.map(|existing| (self.argument, existing))),
        }
        *queue != before
    }
}

/// `the value '50' of type 'signedint'` is 50, and so is `'50'`.
fn value(text: &str) -> Option<Argument> {
    let quoted = text
        .split_once('\'')
        .and_then(|(_, rest)| rest.split_once('\''));
    let value = quoted.map_or(text.trim(), |(value, _)| value);
    Some(match value {
        NONE if quoted.is_none() => return None,
        "true" => Argument::Flag(true),
        "false" => Argument::Flag(false),
        text => text
            .parse()
            .map_or_else(|_| Argument::Text(text.to_owned()), Argument::Number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Config;
    use crate::broker::topology::queues;

    #[test]
    fn a_refusal_names_argument_and_value() {
        let difference = |argument: &str, existing| {
            Some(ArgumentDifference {
                argument: argument.to_owned(),
                existing,
            })
        };
        for (text, expected) in [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '5000' of type \
                 'signedint' but current is none",
                difference("x-message-ttl", None),
            ),
            (
                "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received none but current is the value '600000' of type 'signedint'",
                difference("x-expires", Some(Argument::Number(600_000))),
            ),
            (
                "inequivalent arg 'x-single-active-consumer' for queue 'q' in vhost '/': received none but current is the value 'true' of \
                 type 'bool'",
                difference("x-single-active-consumer", Some(Argument::Flag(true))),
            ),
            (
                "inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received '20' but current is '-1'",
                difference("x-delivery-limit", Some(Argument::Number(-1))),
            ),
            (
                "inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received none but current is the value '' of type \
                 'longstr'",
                difference(
                    "x-dead-letter-exchange",
                    Some(Argument::Text(String::new())),
                ),
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'it's' in vhost '/': received 'quorum' but current is \
                 'classic'",
                difference("x-queue-type", Some(Argument::Text("classic".to_owned()))),
            ),
            (
                "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
                difference("durable", Some(Argument::Flag(false))),
            ),
            ("PRECONDITION_FAILED - something else", None),
            ("", None),
        ] {
            assert_eq!(ArgumentDifference::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn an_existing_value_is_adopted_once() {
        let jobs = queues(&Config::default())
            .into_iter()
            .find(|queue| queue.key == "broker.jobs_queue")
            .unwrap();
        for (argument, existing) in [
            ("durable", Some(Argument::Flag(false))),
            ("auto_delete", Some(Argument::Flag(true))),
            ("x-delivery-limit", Some(Argument::Number(50))),
            ("x-delivery-limit", None),
            ("x-queue-mode", Some(Argument::Text("lazy".to_owned()))),
        ] {
            let mut queue = ExistingQueue::as_declared(&jobs);
            let difference = || ArgumentDifference {
                argument: argument.to_owned(),
                existing: existing.clone(),
            };
            assert!(difference().adopt(&mut queue), "{argument} {existing:?}");
            assert!(!difference().adopt(&mut queue), "{argument} {existing:?}");
        }
    }
}
