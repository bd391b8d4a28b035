//! Reading a stream in this process.

use super::queues::SharedQueues;
use crate::broker::error::BrokerError;
use crate::broker::stream::{StreamMessage, StreamStart};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Opens readers of streams, for as long as a session lives.
#[derive(Debug)]
pub struct MemoryStreamSource {
    pub(super) queues: Arc<SharedQueues>,
    pub(super) closed: CancellationToken,
}

/// Reads a stream. It knows no times: every message is of the time that is asked for.
#[derive(Debug)]
pub struct MemoryStreamReader {
    queues: Arc<SharedQueues>,
    closed: CancellationToken,
    stream: String,
    /// The offset of the message to be read next.
    next: u64,
    /// The offset at which it ends; `None`: it reads on.
    end: Option<u64>,
}

impl MemoryStreamSource {
    pub(in crate::broker) fn read(
        &self,
        stream: &str,
        start: StreamStart,
        follows: bool,
    ) -> Result<MemoryStreamReader, BrokerError> {
        let end = self.queues.look(|queues| {
            let stream = queues.stream(stream)?;
            Some(stream.end())
        });
        let end = end.ok_or_else(|| missing(stream))?;
        let next = match start {
            StreamStart::First | StreamStart::At(_) => 0,
            StreamStart::Offset(offset) => offset,
            StreamStart::Next => end,
        };
        Ok(MemoryStreamReader {
            queues: Arc::clone(&self.queues),
            closed: self.closed.clone(),
            stream: stream.to_owned(),
            next,
            end: (!follows).then_some(end),
        })
    }
}

impl MemoryStreamReader {
    pub(in crate::broker) fn last_offset(&self) -> Option<u64> {
        self.end?.checked_sub(1)
    }

    pub(in crate::broker) async fn next(&mut self) -> Result<Option<StreamMessage>, BrokerError> {
        if self.end.is_some_and(|end| self.next >= end) {
            return Ok(None);
        }
        loop {
            let queues = Arc::clone(&self.queues);
            // Registered before the stream is looked at, so that no change falls in between.
            let mut changed = std::pin::pin!(queues.changed.notified());
            changed.as_mut().enable();
            let found = queues.look(|queues| {
                let stream = queues.stream(&self.stream)?;
                Some(stream.at(self.next))
            });
            if let Some(message) = found.ok_or_else(|| missing(&self.stream))? {
                self.next = message.offset + 1;
                return Ok(Some(message));
            }
            if self.end.is_some() {
                return Ok(None);
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.closed.cancelled() => {
                    return Err(BrokerError::Lost("the session was closed".into()));
                }
            }
        }
    }
}

fn missing(stream: &str) -> BrokerError {
    BrokerError::Queue {
        queue: stream.to_owned(),
        cause: "there is no such stream".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::message::Message;

    #[tokio::test]
    async fn a_reader_ends_or_reads_on() {
        let queues = Arc::<SharedQueues>::default();
        let source = MemoryStreamSource {
            queues: Arc::clone(&queues),
            closed: CancellationToken::new(),
        };
        assert!(
            source.read("stream", StreamStart::First, true).is_err(),
            "there is none yet"
        );
        let push = |body: &'static str| {
            let message = Message::json("event", body);
            queues.change(|queues| queues.publish("stream", &message));
        };
        queues.change(|queues| queues.declare_stream("stream"));
        push("1");
        let mut present = source.read("stream", StreamStart::First, false).unwrap();
        let mut coming = source.read("stream", StreamStart::First, true).unwrap();
        push("2");
        let body = |read: Option<StreamMessage>| read.map(|read| read.message.body);
        assert_eq!(body(present.next().await.unwrap()).unwrap(), "1");
        assert_eq!(body(present.next().await.unwrap()), None);
        for expected in ["1", "2"] {
            assert_eq!(body(coming.next().await.unwrap()).unwrap(), expected);
        }
        let mut behind = source
            .read("stream", StreamStart::Offset(1), false)
            .unwrap();
        assert_eq!(body(behind.next().await.unwrap()).unwrap(), "2");
        let mut none = source.read("stream", StreamStart::Next, false).unwrap();
        assert_eq!(body(none.next().await.unwrap()), None);
        let waiting = tokio::spawn(async move { coming.next().await });
        tokio::task::yield_now().await;
        push("3");
        assert_eq!(body(waiting.await.unwrap().unwrap()).unwrap(), "3");
    }
}
