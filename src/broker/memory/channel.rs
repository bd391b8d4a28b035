//! The unsettled deliveries of one consumer, and their acknowledgement.

use super::queue::QueuedMessage;
use super::queues::SharedQueues;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Messages that were delivered and are not settled. They return to their queue when the last of
/// the consumer and its receipts is dropped.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) queues: Arc<SharedQueues>,
    pub(super) queue: String,
    owns_queue: bool,
    unsettled: Mutex<UnsettledMessages>,
    pub(super) closed: CancellationToken,
}

#[derive(Debug, Default)]
struct UnsettledMessages {
    by_tag: BTreeMap<u64, QueuedMessage>,
    last_tag: u64,
}

/// Acknowledges one delivery, and keeps the channel open until then.
#[derive(Debug)]
pub(in crate::broker) struct MemoryReceipt {
    channel: Arc<Channel>,
    tag: u64,
}

impl Channel {
    /// A channel that owns its queue deletes it when it closes.
    pub(super) fn new(
        queues: Arc<SharedQueues>,
        queue: &str,
        owns_queue: bool,
        closed: CancellationToken,
    ) -> Self {
        Self {
            queues,
            queue: queue.to_owned(),
            owns_queue,
            unsettled: Mutex::default(),
            closed,
        }
    }

    pub(super) fn unsettled_count(&self) -> usize {
        self.unsettled().by_tag.len()
    }

    pub(super) fn receipt(self: &Arc<Self>, message: QueuedMessage) -> MemoryReceipt {
        let mut unsettled = self.unsettled();
        unsettled.last_tag += 1;
        let tag = unsettled.last_tag;
        unsettled.by_tag.insert(tag, message);
        MemoryReceipt {
            channel: Arc::clone(self),
            tag,
        }
    }

    pub(super) fn return_unsettled_if_closed(&self) {
        if self.closed.is_cancelled() {
            self.return_unsettled();
        }
    }

    pub(super) fn return_unsettled(&self) {
        let unsettled = std::mem::take(&mut self.unsettled().by_tag);
        if !unsettled.is_empty() {
            self.queues.change(|queues| {
                for message in unsettled.into_values() {
                    queues.put_back(&self.queue, message);
                }
            });
        }
    }

    fn unsettled(&self) -> MutexGuard<'_, UnsettledMessages> {
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.return_unsettled();
        if self.owns_queue {
            self.queues.change(|queues| queues.delete(&self.queue));
        }
    }
}

impl MemoryReceipt {
    /// False when the session was closed before: the message was returned to its queue.
    pub(in crate::broker) fn acknowledge(self) -> bool {
        self.channel.return_unsettled_if_closed();
        let settled = self.channel.unsettled().by_tag.remove(&self.tag);
        // The prefetch has room for another delivery.
        self.channel.queues.changed.notify_waiters();
        settled.is_some()
    }
}
