//! The runs that this process has in hand: a copy of one of them waits for it, and goes on from what it left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

#[derive(Debug, Default)]
pub struct Runs(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

/// One copy of a run at a time.
#[derive(Debug)]
pub(super) struct Held {
    _turn: OwnedMutexGuard<()>,
    /// Another copy had it before, in this process: nobody else is at work on it.
    pub(super) joined: bool,
}

impl Runs {
    /// Waits until no other copy of the run is in hand.
    pub(super) async fn hold(&self, run: &str) -> Held {
        let turn = self.turn(run);
        match Arc::clone(&turn).try_lock_owned() {
            Ok(turn) => Held { _turn: turn, joined: false },
            Err(_) => Held { _turn: turn.lock_owned().await, joined: true },
        }
    }

    fn turn(&self, run: &str) -> Arc<AsyncMutex<()>> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = runs.get(run).and_then(Weak::upgrade) {
            return turn;
        }
        // Never many more than there are jobs in flight.
        runs.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        runs.insert(run.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_copy_waits_for_the_one_before_it() {
        let runs = Runs::default();
        let first = runs.hold("run").await;
        assert!(!first.joined);
        assert!(timeout(Duration::from_mins(1), runs.hold("run")).await.is_err());
        let (second, ()) = tokio::join!(runs.hold("run"), async { drop(first) });
        assert!(second.joined);
    }

    #[tokio::test(start_paused = true)]
    async fn other_runs_do_not_wait_and_what_is_over_is_forgotten() {
        let runs = Runs::default();
        let _one = runs.hold("one").await;
        for run in ["another", "a third", "a fourth"] {
            assert!(!runs.hold(run).await.joined);
        }
        assert_eq!(runs.0.lock().unwrap().len(), 2);
    }
}
