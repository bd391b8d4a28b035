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

    /// The first message at this offset or behind it.
    pub(super) fn at(&self, offset: u64) -> Option<StreamMessage> {
        let offset = offset.max(self.first);
        let index = usize::try_from(offset - self.first).ok()?;
        let message = self.messages.get(index)?.clone();
        Some(StreamMessage { offset, message })
    }

    /// The offset of the message that will come next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
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
        let first = stream.at(0).unwrap();
        assert_eq!((first.offset, &first.message.body[..]), (2, &b"2"[..]));
        let end = MOST_MESSAGES as u64 + 2;
        assert_eq!(stream.end(), end);
        assert!(stream.at(end - 1).is_some() && stream.at(end).is_none());
    }
}
