//! A reply queue that refuses or hangs keeps few jobs busy: so many at once wait for it, and the others do not wait long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// For one `reply_to`.
const SLOTS: usize = 8;
/// A queue that takes results frees a slot within milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Slots by queue, for as long as somebody has one.
#[derive(Debug, Default)]
pub struct Replies(Mutex<HashMap<String, Weak<Semaphore>>>);

impl Replies {
    /// A slot for publishing to this queue; `None` where those who have one wait themselves.
    pub(super) async fn slot(&self, queue: &str) -> Option<OwnedSemaphorePermit> {
        timeout(PATIENCE, self.slots(queue).acquire_owned()).await.ok()?.ok()
    }

    fn slots(&self, queue: &str) -> Arc<Semaphore> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = queues.get(queue).and_then(Weak::upgrade) {
            return slots;
        }
        queues.retain(|_, slots| slots.strong_count() > 0);
        let slots = Arc::new(Semaphore::new(SLOTS));
        queues.insert(queue.to_owned(), Arc::downgrade(&slots));
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_hangs_has_eight_slots_and_others_have_theirs() {
        let replies = Replies::default();
        let mut taken = Vec::new();
        for _ in 0..SLOTS {
            taken.push(replies.slot("hangs").await.unwrap());
        }
        let began = Instant::now();
        assert!(replies.slot("hangs").await.is_none());
        assert_eq!(began.elapsed(), PATIENCE);
        assert!(replies.slot("another").await.is_some());
        taken.pop();
        assert!(replies.slot("hangs").await.is_some());
    }
}
