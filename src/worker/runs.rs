//! The runs that this process has in hand: a copy of one of them waits a moment for it, and goes on
//! from what it left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

/// A copy waits for a run that was begun less than this ago. Where a run takes longer, its copies
/// would fill the worker for nothing: they are parked. A run that was answered before takes
/// milliseconds, so that many copies of it follow each other without being parked.
const COPY_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Runs(Mutex<HashMap<String, Weak<RunLock>>>);

#[derive(Debug)]
struct RunLock {
    turn: Arc<AsyncMutex<()>>,
    /// When the copy that has its turn now, or had the last one, began.
    begun: Mutex<Instant>,
}

/// One copy of a run at a time.
#[derive(Debug)]
pub(super) struct Held {
    _turn: OwnedMutexGuard<()>,
    /// As long as it lives the run is known to be in hand.
    _run: Arc<RunLock>,
    /// Another copy had it before, in this process: nobody else is at work on it.
    pub(super) joined: bool,
}

impl Runs {
    /// Waits until no other copy of the run is in hand. `None`: one has been for longer than a copy
    /// should wait in the worker.
    pub(super) async fn hold(&self, run: &str) -> Option<Held> {
        let lock = self.lock(run);
        if let Ok(turn) = Arc::clone(&lock.turn).try_lock_owned() {
            return Some(Held::begin(lock, turn, false));
        }
        loop {
            match timeout_at(
                lock.begun() + COPY_PATIENCE,
                Arc::clone(&lock.turn).lock_owned(),
            )
            .await
            {
                Ok(turn) => return Some(Held::begin(lock, turn, true)),
                // Another copy has had its turn meanwhile, and a new one began.
                Err(_) if lock.begun() + COPY_PATIENCE > Instant::now() => {}
                Err(_) => return None,
            }
        }
    }

    fn lock(&self, run: &str) -> Arc<RunLock> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = runs.get(run).and_then(Weak::upgrade) {
            return lock;
        }
        // Never many more than there are jobs in flight.
        runs.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(RunLock {
            turn: Arc::default(),
            begun: Mutex::new(Instant::now()),
        });
        runs.insert(run.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

impl RunLock {
    fn begun(&self) -> Instant {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn begin(run: Arc<RunLock>, turn: OwnedMutexGuard<()>, joined: bool) -> Self {
        *run.begun.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Self {
            _turn: turn,
            _run: run,
            joined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn a_copy_waits_for_the_one_before_it() {
        let runs = Runs::default();
        let first = runs.hold("run").await.unwrap();
        assert!(!first.joined);
        let (second, ()) = tokio::join!(runs.hold("run"), async {
            sleep(COPY_PATIENCE / 2).await;
            drop(first);
        });
        assert!(second.unwrap().joined);
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_does_not_wait_for_a_run_that_takes_long() {
        let runs = Runs::default();
        let _first = runs.hold("run").await;
        let (began, copies) = (
            Instant::now(),
            join_all((0..70).map(|_| runs.hold("run"))).await,
        );
        assert!(copies.iter().all(Option::is_none));
        assert_eq!(began.elapsed(), COPY_PATIENCE);
        assert!(runs.hold("run").await.is_none());
        assert_eq!(
            began.elapsed(),
            COPY_PATIENCE,
            "who comes later does not wait at all"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn many_copies_of_a_run_that_is_quick_follow_each_other() {
        let runs = Runs::default();
        let turn = async || {
            let held = runs.hold("run").await;
            sleep(COPY_PATIENCE / 10).await;
            held.is_some()
        };
        let began = Instant::now();
        assert_eq!(join_all((0..70).map(|_| turn())).await, [true; 70]);
        assert_eq!(began.elapsed(), 70 * (COPY_PATIENCE / 10));
    }

    #[tokio::test(start_paused = true)]
    async fn other_runs_do_not_wait_and_what_is_over_is_forgotten() {
        let runs = Runs::default();
        let _one = runs.hold("one").await;
        for run in ["another", "a third", "a fourth"] {
            assert!(!runs.hold(run).await.unwrap().joined);
        }
        assert_eq!(runs.0.lock().unwrap().len(), 2);
    }
}
