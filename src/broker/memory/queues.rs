//! All queues of one broker, and the notification of the consumers that wait for them.

use super::queue::{DeadLetter, MemoryQueue, QueuedMessage};
use super::stream::MemoryStream;
use crate::broker::error::BrokerError;
use crate::broker::message::Message;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Every change wakes all waiting consumers: they are few, and check their queues again.
#[derive(Debug, Default)]
pub(super) struct SharedQueues {
    queues: Mutex<Queues>,
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    by_name: BTreeMap<String, MemoryQueue>,
    /// The queues that are bound to the control exchange.
    control: Vec<String>,
    streams: BTreeMap<String, MemoryStream>,
    named: u64,
}

impl SharedQueues {
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Queues) -> T) -> T {
        let result = self.look(change);
        self.changed.notify_waiters();
        result
    }

    /// Wakes no consumer: for one that takes a message itself.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Queues) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.expire(Instant::now());
        look(&mut queues)
    }
}

impl Queues {
    /// Leaves an existing queue as it is.
    pub(super) fn declare(&mut self, name: &str, queue: impl FnOnce() -> MemoryQueue) {
        self.by_name.entry(name.to_owned()).or_insert_with(queue);
    }

    pub(super) fn bind_to_control(&mut self, queue: MemoryQueue) -> String {
        self.named += 1;
        let name = format!("amq.gen-{}", self.named);
        self.by_name.insert(name.clone(), queue);
        self.control.push(name.clone());
        name
    }

    pub(super) fn existing(&mut self, name: &str) -> Result<&mut MemoryQueue, BrokerError> {
        self.by_name
            .get_mut(name)
            .ok_or_else(|| BrokerError::Queue {
                queue: name.to_owned(),
                cause: "there is no such queue".into(),
            })
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.by_name.remove(name);
        self.streams.remove(name);
        self.control.retain(|bound| bound != name);
    }

    /// Leaves an existing stream as it is.
    pub(super) fn declare_stream(&mut self, name: &str) {
        self.streams.entry(name.to_owned()).or_default();
    }

    /// `None` where there is no such stream.
    pub(super) fn stream(&self, name: &str) -> Option<&MemoryStream> {
        self.streams.get(name)
    }

    /// False when there is no such queue.
    pub(super) fn publish(&mut self, name: &str, message: &Message) -> bool {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.push(message.clone());
            return true;
        }
        let queue = self.by_name.get_mut(name);
        queue
            .map(|queue| queue.push(message.clone(), Instant::now()))
            .is_some()
    }

    pub(super) fn announce(&mut self, message: &Message) {
        for name in self.control.clone() {
            self.publish(&name, message);
        }
    }

    /// Drops the message if its queue was deleted in the meantime.
    pub(super) fn put_back(&mut self, name: &str, message: QueuedMessage) {
        let queue = self.by_name.get_mut(name);
        if let Some(dead) = queue.and_then(|queue| queue.put_back(message, name)) {
            self.dead_letter(dead);
        }
    }

    /// The time at which the next message of any queue expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_name
            .values()
            .filter_map(MemoryQueue::next_expiry)
            .min()
    }

    /// Dead-letters what has expired. A message that arrives in a queue by this expires there no
    /// sooner than that queue's own time to live.
    fn expire(&mut self, now: Instant) {
        let names: Vec<String> = self.by_name.keys().cloned().collect();
        for name in names {
            while let Some(dead) = self
                .by_name
                .get_mut(&name)
                .and_then(|queue| queue.expire(&name, now))
            {
                self.dead_letter(dead);
            }
        }
    }

    fn dead_letter(&mut self, dead: DeadLetter) {
        if let Some(target) = dead.target {
            self.publish(&target, &dead.message);
        }
    }
}
