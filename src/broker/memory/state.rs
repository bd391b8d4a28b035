//! All queues of one broker, and who waits for them.

use super::queue::{Held, Queue};
use crate::broker::error::BrokerError;
use crate::broker::message::Message;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Every change wakes all waiting consumers: they are few, and look again.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    queues: BTreeMap<String, Queue>,
    /// Queues bound to the control exchange.
    control: Vec<String>,
    named: u64,
}

impl Shared {
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = self.look(change);
        self.changed.notify_waiters();
        result
    }

    /// Without waking anybody: for a consumer that takes a message.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(Instant::now());
        look(&mut state)
    }
}

impl State {
    /// What exists stays as it is.
    pub(super) fn declare(&mut self, name: &str, queue: impl FnOnce() -> Queue) {
        self.queues.entry(name.to_owned()).or_insert_with(queue);
    }

    pub(super) fn bind_to_control(&mut self, queue: Queue) -> String {
        self.named += 1;
        let name = format!("amq.gen-{}", self.named);
        self.queues.insert(name.clone(), queue);
        self.control.push(name.clone());
        name
    }

    pub(super) fn existing(&mut self, name: &str) -> Result<&mut Queue, BrokerError> {
        self.queues.get_mut(name).ok_or_else(|| BrokerError::Queue {
            queue: name.to_owned(),
            cause: "there is no such queue".into(),
        })
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.queues.remove(name);
        self.control.retain(|bound| bound != name);
    }

    /// False when there is no such queue.
    pub(super) fn publish(&mut self, name: &str, message: &Message) -> bool {
        let queue = self.queues.get_mut(name);
        queue
            .map(|queue| queue.push(message.clone(), Instant::now()))
            .is_some()
    }

    pub(super) fn announce(&mut self, message: &Message) {
        for name in self.control.clone() {
            self.publish(&name, message);
        }
    }

    /// None when the queue is empty, an error when it is gone.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<Held>, BrokerError> {
        self.existing(name).map(Queue::take)
    }

    /// A queue that was deleted in the meantime takes its messages along.
    pub(super) fn put_back(&mut self, name: &str, held: Held) {
        let dead = self
            .queues
            .get_mut(name)
            .and_then(|queue| queue.put_back(held, name));
        if let Some(dead) = dead
            && let Some(target) = dead.target
        {
            self.publish(&target, &dead.message);
        }
    }

    /// When the next message of any queue expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.queues.values().filter_map(Queue::next_expiry).min()
    }

    /// Moves what has expired. A message that arrives in a queue by this expires there no sooner
    /// than its own time to live.
    fn advance(&mut self, now: Instant) {
        let names: Vec<String> = self.queues.keys().cloned().collect();
        for name in names {
            while let Some(dead) = self
                .queues
                .get_mut(&name)
                .and_then(|queue| queue.expire(&name, now))
            {
                if let Some(target) = dead.target {
                    self.publish(&target, &dead.message);
                }
            }
        }
    }
}
