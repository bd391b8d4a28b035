//! A consumer of a queue in this process.

use super::channel::Channel;
use super::queue::QueuedMessage;
use crate::broker::delivery::{Delivery, Receipt};
use crate::broker::error::BrokerError;
use std::sync::Arc;
use tokio::time::sleep_until;

#[derive(Debug)]
pub struct MemoryConsumer {
    channel: Arc<Channel>,
    /// `None`: the consumer asks for no acknowledgements and has a queue of its own.
    prefetch: Option<u16>,
    /// The multiple of `prefetch` that may be unsettled.
    extensions: usize,
    ended: bool,
}

/// The session was closed, or the queue deleted.
struct Ended;

impl MemoryConsumer {
    pub(super) fn new(channel: Arc<Channel>, prefetch: Option<u16>) -> Self {
        Self {
            channel,
            prefetch,
            extensions: 1,
            ended: false,
        }
    }

    pub(in crate::broker) async fn next(&mut self) -> Option<Delivery> {
        if self.ended {
            return None;
        }
        loop {
            let channel = Arc::clone(&self.channel);
            // Registered before the queue is looked at, so that no change falls in between.
            let mut changed = std::pin::pin!(channel.queues.changed.notified());
            changed.as_mut().enable();
            match self.take() {
                Ok(Some(message)) => return Some(self.deliver(message)),
                Ok(None) => {}
                Err(Ended) => break,
            }
            let expiry = channel.queues.look(|queues| queues.next_expiry());
            let next_expiry = async {
                match expiry {
                    Some(expiry) => sleep_until(expiry).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = next_expiry => {}
                () = channel.closed.cancelled() => {}
            }
        }
        self.ended = true;
        self.channel.return_unsettled_if_closed();
        None
    }

    pub(in crate::broker) fn extend_prefetch(&mut self) {
        self.extensions += 1;
    }

    pub(in crate::broker) fn cancel(&mut self) {
        self.ended = true;
    }

    /// The next message; `None` while the queue is empty or the prefetch is used up.
    fn take(&self) -> Result<Option<QueuedMessage>, Ended> {
        if self.channel.closed.is_cancelled() {
            return Err(Ended);
        }
        let has_room = self.prefetch.is_none_or(|prefetch| {
            prefetch == 0
                || self.channel.unsettled_count() < usize::from(prefetch) * self.extensions
        });
        let queue = &self.channel.queue;
        // A consumer without room ends with its queue as well.
        let taken = self.channel.queues.look(|queues| {
            let queue = queues.existing(queue)?;
            Ok(if has_room { queue.take() } else { None })
        });
        taken.map_err(|_: BrokerError| Ended)
    }

    fn deliver(&self, queued: QueuedMessage) -> Delivery {
        let (message, delivery_count) = (queued.message.clone(), queued.returns);
        let receipt = match self.prefetch {
            Some(_) => Receipt::Memory(self.channel.receipt(queued)),
            None => Receipt::None,
        };
        Delivery {
            message,
            redelivered: delivery_count > 0,
            delivery_count,
            jobs_queue: None,
            receipt,
        }
    }
}
