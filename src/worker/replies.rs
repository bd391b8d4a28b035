//! A reply queue that refuses or hangs keeps few jobs busy: so many at once try it, and nobody
//! waits behind them for long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// For one `reply_to`.
const SLOTS: usize = 8;
/// A queue that takes results frees a slot within milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The line in front of each queue, for as long as somebody stands there.
#[derive(Debug, Default)]
pub struct Replies(Mutex<HashMap<String, Weak<Line>>>);

#[derive(Debug)]
struct Line {
    slots: Arc<Semaphore>,
    refuses: watch::Sender<bool>,
}

/// Leave to publish to a queue.
#[derive(Debug)]
pub(super) struct Slot {
    line: Arc<Line>,
    _permit: OwnedSemaphorePermit,
}

impl Replies {
    /// A slot for publishing to this queue; `None` where those who have one wait themselves, or
    /// have given up.
    pub(super) async fn slot(&self, queue: &str) -> Option<Slot> {
        let line = self.line(queue);
        let mut refuses = line.refuses.subscribe();
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&line.slots).acquire_owned() => permit.ok()?,
            _ = refuses.wait_for(|refuses| *refuses) => return None,
            () = sleep(PATIENCE) => return None,
        };
        Some(Slot {
            line,
            _permit: permit,
        })
    }

    fn line(&self, queue: &str) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(queue).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Line {
            slots: Arc::new(Semaphore::new(SLOTS)),
            refuses: watch::Sender::new(false),
        });
        lines.insert(queue.to_owned(), Arc::downgrade(&line));
        line
    }
}

impl Slot {
    /// Somebody gave this queue up: it is tried, but not again and again.
    pub(super) fn is_refused(&self) -> bool {
        *self.line.refuses.borrow()
    }

    pub(super) fn refused(&self) {
        self.line.refuses.send_replace(true);
    }

    pub(super) fn taken(&self) {
        self.line.refuses.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    async fn all_slots(replies: &Replies) -> Vec<Slot> {
        let mut taken = Vec::new();
        for _ in 0..SLOTS {
            taken.push(replies.slot("hangs").await.unwrap());
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_hangs_has_eight_slots_and_others_have_theirs() {
        let replies = Replies::default();
        let mut taken = all_slots(&replies).await;
        let began = Instant::now();
        assert!(replies.slot("hangs").await.is_none());
        assert_eq!(began.elapsed(), PATIENCE);
        assert!(replies.slot("another").await.is_some());
        taken.pop();
        assert!(replies.slot("hangs").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_behind_those_who_gave_a_queue_up() {
        let replies = Replies::default();
        let taken = all_slots(&replies).await;
        let began = Instant::now();
        let (waited, ()) = tokio::join!(replies.slot("hangs"), async { taken[0].refused() });
        assert!(waited.is_none());
        assert!(replies.slot("hangs").await.is_none());
        assert_eq!(began.elapsed(), Duration::ZERO);
        taken[0].taken();
        assert!(!taken[1].is_refused());
        assert!(replies.slot("hangs").await.is_none());
        assert_eq!(
            began.elapsed(),
            PATIENCE,
            "it takes results again: a slot is worth waiting for"
        );
    }
}
