//! A reply queue that refuses or hangs keeps few jobs busy: only so many publish to it at once, and
//! the others do not wait behind them for long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// Jobs that publish to one `reply_to` at once.
const SLOTS: usize = 8;
/// A queue that takes results frees a slot within milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The slots of every reply queue that is being published to.
#[derive(Debug, Default)]
pub(super) struct ReplySlots(Mutex<HashMap<String, Weak<ReplyQueue>>>);

#[derive(Debug)]
struct ReplyQueue {
    slots: Arc<Semaphore>,
    /// A job gave the queue up, and none has published to it since.
    refuses: watch::Sender<bool>,
}

/// A permit to publish to one reply queue.
#[derive(Debug)]
pub(super) struct ReplySlot {
    queue: Arc<ReplyQueue>,
    _permit: OwnedSemaphorePermit,
}

impl ReplySlots {
    /// A slot for publishing to this queue; `None` where the queue refuses, or no slot became free
    /// in time.
    pub(super) async fn acquire(&self, name: &str) -> Option<ReplySlot> {
        let queue = self.queue(name);
        let mut refuses = queue.refuses.subscribe();
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&queue.slots).acquire_owned() => permit.ok()?,
            _ = refuses.wait_for(|refuses| *refuses) => return None,
            () = sleep(PATIENCE) => return None,
        };
        Some(ReplySlot {
            queue,
            _permit: permit,
        })
    }

    fn queue(&self, name: &str) -> Arc<ReplyQueue> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(name).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(ReplyQueue {
            slots: Arc::new(Semaphore::new(SLOTS)),
            refuses: watch::Sender::new(false),
        });
        queues.insert(name.to_owned(), Arc::downgrade(&queue));
        queue
    }
}

impl ReplySlot {
    /// Has another job given this queue up? Then it is tried once, but not again and again.
    pub(super) fn is_refused(&self) -> bool {
        *self.queue.refuses.borrow()
    }

    /// The queue did not take a result.
    pub(super) fn record_refused(&self) {
        self.queue.refuses.send_replace(true);
    }

    /// The queue took a result.
    pub(super) fn record_taken(&self) {
        self.queue.refuses.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    async fn all_slots(replies: &ReplySlots) -> Vec<ReplySlot> {
        let mut taken = Vec::new();
        for _ in 0..SLOTS {
            taken.push(replies.acquire("hangs").await.unwrap());
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_hangs_has_eight_slots_and_others_have_theirs() {
        let replies = ReplySlots::default();
        let mut taken = all_slots(&replies).await;
        let began = Instant::now();
        assert!(replies.acquire("hangs").await.is_none());
        assert_eq!(began.elapsed(), PATIENCE);
        assert!(replies.acquire("another").await.is_some());
        taken.pop();
        assert!(replies.acquire("hangs").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn no_job_waits_behind_those_that_gave_a_queue_up() {
        let replies = ReplySlots::default();
        let taken = all_slots(&replies).await;
        let began = Instant::now();
        let (waited, ()) = tokio::join!(replies.acquire("hangs"), async {
            taken[0].record_refused();
        });
        assert!(waited.is_none());
        assert!(replies.acquire("hangs").await.is_none());
        assert_eq!(began.elapsed(), Duration::ZERO);
        taken[0].record_taken();
        assert!(!taken[1].is_refused());
        assert!(replies.acquire("hangs").await.is_none());
        assert_eq!(
            began.elapsed(),
            PATIENCE,
            "it takes results again: a slot is worth waiting for"
        );
    }
}
