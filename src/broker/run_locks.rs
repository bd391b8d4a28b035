//! The runs that this process is working on: a copy of one of them waits a moment for it, and goes
//! on from what it left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

/// A copy waits for a run that was begun less than this ago. Where a run takes longer, its copies
/// would fill the worker for nothing: they are parked. A run that was answered before takes
/// milliseconds, so that many copies of it follow each other without being parked.
const COPY_PATIENCE: Duration = Duration::from_secs(1);

/// One lock for each run that is in hand.
#[derive(Debug, Default)]
pub struct RunLocks(Mutex<HashMap<String, Weak<RunLock>>>);

#[derive(Debug)]
struct RunLock {
    copy: Arc<AsyncMutex<()>>,
    /// When the copy that has the lock now, or had it last, began.
    begun: Mutex<Instant>,
}

/// Held by the one copy of a run that is worked on.
#[derive(Debug)]
pub struct RunGuard {
    _copy: OwnedMutexGuard<()>,
    /// The map of runs knows the lock for as long as this lives.
    _run: Arc<RunLock>,
    /// Another copy had it before in this process, so no other worker is working on the run.
    pub joined: bool,
}

impl RunLocks {
    /// Waits until no other copy of the run is in hand. `None`: one has been for longer than a copy
    /// should wait in the worker.
    pub async fn acquire(&self, run: &str) -> Option<RunGuard> {
        let lock = self.lock(run);
        if let Ok(copy) = Arc::clone(&lock.copy).try_lock_owned() {
            return Some(RunGuard::begin(lock, copy, false));
        }
        loop {
            match timeout_at(
                lock.begun() + COPY_PATIENCE,
                Arc::clone(&lock.copy).lock_owned(),
            )
            .await
            {
                Ok(copy) => return Some(RunGuard::begin(lock, copy, true)),
                // Another copy has had the lock meanwhile, and a new one began.
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
            copy: Arc::default(),
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

impl RunGuard {
    fn begin(run: Arc<RunLock>, copy: OwnedMutexGuard<()>, joined: bool) -> Self {
        *run.begun.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Self {
            _copy: copy,
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
        let runs = RunLocks::default();
        let first = runs.acquire("run").await.unwrap();
        assert!(!first.joined);
        let (second, ()) = tokio::join!(runs.acquire("run"), async {
            sleep(COPY_PATIENCE / 2).await;
            drop(first);
        });
        assert!(second.unwrap().joined);
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_does_not_wait_for_a_run_that_takes_long() {
        let runs = RunLocks::default();
        let _first = runs.acquire("run").await;
        let (began, copies) = (
            Instant::now(),
            join_all((0..70).map(|_| runs.acquire("run"))).await,
        );
        assert!(copies.iter().all(Option::is_none));
        assert_eq!(began.elapsed(), COPY_PATIENCE);
        assert!(runs.acquire("run").await.is_none());
        assert_eq!(
            began.elapsed(),
            COPY_PATIENCE,
            "a later copy does not wait at all"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn many_copies_of_a_run_that_is_quick_follow_each_other() {
        let runs = RunLocks::default();
        let turn = async || {
            let held = runs.acquire("run").await;
            sleep(COPY_PATIENCE / 10).await;
            held.is_some()
        };
        let began = Instant::now();
        assert_eq!(join_all((0..70).map(|_| turn())).await, [true; 70]);
        assert_eq!(began.elapsed(), 70 * (COPY_PATIENCE / 10));
    }

    #[tokio::test(start_paused = true)]
    async fn other_runs_do_not_wait_and_those_that_ended_are_forgotten() {
        let runs = RunLocks::default();
        let _one = runs.acquire("one").await;
        for run in ["another", "a third", "a fourth"] {
            assert!(!runs.acquire(run).await.unwrap().joined);
        }
        assert_eq!(runs.0.lock().unwrap().len(), 2);
    }
}
