//! A stream in this process: its messages stay, up to a bound.

use crate::broker::message::Message;
use crate::broker::stream::StreamMessage;
use std::collections::VecDeque;

/// A process that lives long keeps the latest.
const MOST_MESSAGES: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct MemoryStream {
    messages: VecDeque<Message>,
    /// The offset of the first one.
    first: u64,
}

impl MemoryStream {
    pub(super) fn push(&mut self, message: Message) {
        if self.messages.len() == MOST_MESSAGES {
            self.messages.pop_front();
            self.first += 1;
        }
        self.messages.push_back(message);
    }

    pub(super) fn messages(&self) -> VecDeque<StreamMessage> {
        (self.first..)
            .zip(&self.messages)
            .map(|(offset, message)| StreamMessage {
                offset,
                message: message.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_messages_stay_at_their_offsets() {
        let mut stream = MemoryStream::default();
        for number in 0..MOST_MESSAGES + 2 {
            stream.push(Message::json("event", number.to_string()));
        }
        let messages = stream.messages();
        assert_eq!(messages.len(), MOST_MESSAGES);
        assert_eq!(
            (messages[0].offset, &messages[0].message.body[..]),
            (2, &b"2"[..])
        );
    }
}
