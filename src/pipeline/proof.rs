//! What every job needs is seen at work before the worker is ready. The store is asked beside the
//! jobs, and one that refuses this worker pauses it before it takes a job. The providers are paid,
//! so they are asked by jobs alone.

use super::Pipeline;
use crate::domain::failure::{Failure, Stage};
use crate::policy::Streak;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// No image has this name.
const ABSENT: &str = "invoice-worker-check";
const DENIED: &str = "AccessDenied";
/// A worker that had no reason to call a provider by then is ready without: there may be no jobs
/// tonight.
const FIRST_CALLS_WITHIN: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl Pipeline {
    /// Returns once nothing is left to doubt. A stage that is paused before it has ever worked
    /// keeps the worker unready after that.
    pub async fn prove(&self) {
        let breaker = &self.retrier.breaker;
        self.prove_store().await;
        breaker.doubt("no provider has answered a call of this worker yet; it is ready in a few seconds if there is nothing to ask");
        let _ = timeout(
            FIRST_CALLS_WITHIN,
            breaker.works(&[Stage::Recognition, Stage::Verification]),
        )
        .await;
        breaker.trust();
    }

    /// Asks until both buckets have answered as they have to.
    async fn prove_store(&self) {
        let breaker = &self.retrier.breaker;
        let mut wait = FIRST_WAIT;
        while let Err(failure) = self.try_store().await {
            breaker.store_fails(&failure);
            sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
        breaker.store_works();
    }

    /// A control call, for a stage that is probed by these.
    pub async fn probe(&self, stage: Stage, streak: Streak) {
        match stage {
            Stage::Recognition => self.recognition.probe(streak).await,
            Stage::Verification => self.verification.probe(streak).await,
            Stage::Job | Stage::Image | Stage::Storage | Stage::Worker => {}
        }
    }

    async fn try_store(&self) -> Result<(), Failure> {
        let loader = &self.loader;
        if !loader.bucket.is_empty() {
            match loader.store.get(&loader.bucket, ABSENT, 0).await {
                Ok(_) => {}
                // Without the right to list, a store denies what is not there. That an image was
                // read shows more.
                Err(failure)
                    if failure.code == DENIED
                        && self.retrier.breaker.has_worked(Stage::Storage) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.answers.checkpoints.probe().await.map(drop)
    }
}
