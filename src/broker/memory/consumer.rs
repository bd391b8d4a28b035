//! A consumer of the broker in this process, and the receipts of its deliveries.

use super::queue::Held;
use super::state::Shared;
use crate::broker::session::{self, Delivery, Settled};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub struct Consumer {
    channel: Arc<Channel>,
    /// None asks for no acknowledgement and has a queue of its own.
    prefetch: Option<u16>,
    /// How often it was let to hold so many.
    times: usize,
    ended: bool,
}

/// Acknowledges one delivery, and keeps the channel open until then.
#[derive(Debug)]
pub(in crate::broker) struct Receipt {
    channel: Arc<Channel>,
    tag: u64,
}

/// What was handed out and is not settled; it goes back when the last of consumer and receipts is
/// dropped.
#[derive(Debug)]
pub(super) struct Channel {
    shared: Arc<Shared>,
    queue: String,
    own_queue: bool,
    unsettled: Mutex<Unsettled>,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Unsettled {
    held: BTreeMap<u64, Held>,
    last_tag: u64,
}

/// The session was closed, or the queue deleted.
struct Ended;

impl Consumer {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: &str,
        prefetch: Option<u16>,
        closed: CancellationToken,
    ) -> Self {
        let channel = Channel {
            shared,
            queue: queue.to_owned(),
            own_queue: prefetch.is_none(),
            unsettled: Mutex::default(),
            closed,
        };
        Self {
            channel: Arc::new(channel),
            prefetch,
            times: 1,
            ended: false,
        }
    }

    pub(super) fn channel(&self) -> Weak<Channel> {
        Arc::downgrade(&self.channel)
    }

    pub(in crate::broker) async fn next(&mut self) -> Option<Delivery> {
        if self.ended {
            return None;
        }
        loop {
            let channel = Arc::clone(&self.channel);
            // Asked for before looking, so that no change falls in between.
            let mut changed = std::pin::pin!(channel.shared.changed.notified());
            changed.as_mut().enable();
            match self.step() {
                Ok(Some(held)) => return Some(self.deliver(held)),
                Ok(None) => {}
                Err(Ended) => break,
            }
            let expiry = channel.shared.look(|state| state.next_expiry());
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
        self.channel.give_back_if_closed();
        None
    }

    pub(in crate::broker) fn hold_more(&mut self) {
        self.times += 1;
    }

    pub(in crate::broker) fn cancel(&mut self) {
        self.ended = true;
    }

    /// A message, or none for now.
    fn step(&self) -> Result<Option<Held>, Ended> {
        if self.channel.closed.is_cancelled() {
            return Err(Ended);
        }
        let room = self.prefetch.is_none_or(|prefetch| {
            prefetch == 0
                || self.channel.unsettled().held.len() < usize::from(prefetch) * self.times
        });
        let queue = &self.channel.queue;
        // A full consumer ends with its queue as well.
        let taken = self.channel.shared.look(|state| {
            if room {
                state.take(queue)
            } else {
                state.existing(queue).map(|_| None)
            }
        });
        taken.map_err(|_| Ended)
    }

    fn deliver(&self, held: Held) -> Delivery {
        let (message, delivery_count) = (held.message.clone(), held.returns);
        let receipt = match self.prefetch {
            Some(_) => session::Receipt::Memory(Receipt {
                tag: self.channel.hold(held),
                channel: Arc::clone(&self.channel),
            }),
            None => session::Receipt::None,
        };
        Delivery {
            message,
            redelivered: delivery_count > 0,
            delivery_count,
            receipt,
        }
    }
}

impl Receipt {
    pub(in crate::broker) fn acknowledge(self) -> Settled {
        self.channel.give_back_if_closed();
        let held = self.channel.unsettled().held.remove(&self.tag);
        // Makes room under the prefetch.
        self.channel.shared.changed.notify_waiters();
        if held.is_some() {
            Settled::Acknowledged
        } else {
            Settled::Lost
        }
    }
}

impl Channel {
    fn unsettled(&self) -> MutexGuard<'_, Unsettled> {
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, held: Held) -> u64 {
        let mut unsettled = self.unsettled();
        unsettled.last_tag += 1;
        let tag = unsettled.last_tag;
        unsettled.held.insert(tag, held);
        tag
    }

    fn give_back_if_closed(&self) {
        if self.closed.is_cancelled() {
            self.give_back();
        }
    }

    pub(super) fn give_back(&self) {
        let held = std::mem::take(&mut self.unsettled().held);
        if !held.is_empty() {
            self.shared.change(|state| {
                for held in held.into_values() {
                    state.put_back(&self.queue, held);
                }
            });
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.give_back();
        if self.own_queue {
            self.shared.change(|state| state.delete(&self.queue));
        }
    }
}
