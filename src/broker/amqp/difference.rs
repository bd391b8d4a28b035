//! What RabbitMQ says when a queue exists with other arguments: `inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/':
//! received the value '1' of type 'long' but current is none`.

use crate::broker::topology::Argument;

/// In the place of a value that is not there.
pub(super) const NONE: &str = "none";

/// Values are as the broker writes them, `none` where there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) argument: String,
    pub(super) wanted: String,
    pub(super) existing: String,
}

impl Difference {
    /// None for any other refusal, and for one that was cut off: AMQP has 255 bytes for it.
    pub(super) fn read(refusal: &str) -> Option<Self> {
        let (_, rest) = refusal.split_once("inequivalent arg '")?;
        let (argument, rest) = rest.split_once('\'')?;
        let (_, rest) = rest.split_once(": received ")?;
        let (wanted, existing) = rest.split_once(" but current is ")?;
        Some(Self { argument: argument.to_owned(), wanted: value(wanted), existing: value(existing) })
    }

    /// Puts the existing value in the place of ours; false where that changes nothing.
    pub(super) fn adopt(&self, arguments: &mut Vec<(String, Argument)>) -> bool {
        let before = arguments.clone();
        arguments.retain(|(name, _)| *name != self.argument);
        if self.existing != NONE {
            let number = self.existing.parse().map(Argument::Number);
            let existing = number.unwrap_or_else(|_| Argument::Text(self.existing.clone()));
            arguments.push((self.argument.clone(), existing));
        }
        *arguments != before
    }
}

/// `the value '50' of type 'signedint'` is `50`.
fn value(text: &str) -> String {
    let quoted = text.split_once('\'').and_then(|(_, rest)| rest.split_once('\''));
    match quoted {
        Some((value, _)) => value.to_owned(),
        None => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_argument_and_values() {
        let difference = |argument: &str, wanted: &str, existing: &str| {
            Some(Difference { argument: argument.to_owned(), wanted: wanted.to_owned(), existing: existing.to_owned() })
        };
        for (text, expected) in [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '5000' of type \
                 'signedint' but current is none",
                difference("x-message-ttl", "5000", "none"),
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'it's' in vhost '/': received 'quorum' but current is \
                 'classic'",
                difference("x-queue-type", "quorum", "classic"),
            ),
            (
                "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
                difference("durable", "true", "false"),
            ),
            ("PRECONDITION_FAILED - something else", None),
            ("", None),
        ] {
            assert_eq!(Difference::read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_harmless_difference_is_adopted_once() {
        let difference =
            |existing: &str| Difference { argument: "x-delivery-limit".to_owned(), wanted: "20".to_owned(), existing: existing.to_owned() };
        let limit = |value| ("x-delivery-limit".to_owned(), value);
        for (existing, ours, expected) in [
            ("50", vec![limit(Argument::Number(20))], Some(vec![limit(Argument::Number(50))])),
            ("none", vec![limit(Argument::Number(20))], Some(vec![])),
            ("50", vec![], Some(vec![limit(Argument::Number(50))])),
            ("lazy", vec![], Some(vec![limit(Argument::Text("lazy".to_owned()))])),
            ("20", vec![limit(Argument::Number(20))], None),
            ("none", vec![], None),
        ] {
            let mut arguments = ours;
            let adopted = difference(existing).adopt(&mut arguments);
            assert_eq!(adopted.then_some(arguments), expected, "{existing}");
        }
    }
}
