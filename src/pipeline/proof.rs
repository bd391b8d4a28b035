//! The store is asked beside the jobs whether it works: before it has, the worker is not ready, and a store that refuses this worker
//! pauses it before it takes a job.

use super::Pipeline;
use crate::domain::failure::{Failure, Stage};
use crate::domain::policy::Streak;
use std::time::Duration;
use tokio::time::sleep;

/// No image has this name.
const ABSENT: &str = "invoice-worker-check";
const DENIED: &str = "AccessDenied";
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl Pipeline {
    /// Asks until both buckets have answered as they have to.
    pub async fn prove_store(&self) {
        let gate = &self.judge.gate;
        let mut wait = FIRST_WAIT;
        while let Err(failure) = self.try_store().await {
            gate.store_fails(&failure);
            sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
        gate.store_works();
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
                // Without the right to list, a store denies what is not there. That an image was read shows more.
                Err(failure) if failure.code == DENIED && self.judge.gate.has_worked(Stage::Storage) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.checkpoints.probe().await.map(drop)
    }
}
