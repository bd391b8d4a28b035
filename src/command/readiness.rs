//! What every job needs is seen at work before the worker is ready. The store is asked beside the
//! jobs, and one that refuses this worker pauses it before it takes a job. The providers are paid,
//! so that jobs alone ask them.

use crate::attempts::Attempts;
use crate::domain::account::AccountName;
use crate::domain::failure::Failure;
use crate::pipeline::Pipeline;
use std::time::Duration;
use tokio::time::timeout;

/// No image has this name.
const ABSENT: &str = "invoice-worker-check";
const DENIED: &str = "AccessDenied";
/// A worker that had no reason to call a provider by then is ready without: there may be no jobs
/// tonight.
const FIRST_CALLS_WITHIN: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Returns once nothing is left to doubt. An account that is paused before it has ever worked keeps
/// the worker unready after that.
pub(super) async fn prove(pipeline: &Pipeline) {
    let breaker = &pipeline.retrier.breaker;
    prove_store(pipeline).await;
    breaker.doubt("no provider has answered a call of this worker yet; it is ready in a few seconds if there is nothing to ask");
    let accounts = [AccountName::RECOGNITION, AccountName::VERIFICATION];
    let _ = timeout(FIRST_CALLS_WITHIN, breaker.works(&accounts)).await;
    breaker.trust();
}

/// Asks until both buckets have answered as they have to.
async fn prove_store(pipeline: &Pipeline) {
    let (breaker, randomness) = (&pipeline.retrier.breaker, &pipeline.retrier.randomness);
    let report = |failure: &Failure, _| {
        breaker.store_fails(failure);
        true
    };
    // Without an end to its attempts it ends only where the store works.
    let mut attempts = Attempts::every(FIRST_WAIT, randomness).growing_to(LONGEST_WAIT);
    let proven = attempts.run(|| try_store(pipeline), report);
    if proven.await.is_ok() {
        breaker.store_works();
    }
}

async fn try_store(pipeline: &Pipeline) -> Result<(), Failure> {
    let (loader, breaker) = (&pipeline.loader, &pipeline.retrier.breaker);
    if !loader.bucket.is_empty() {
        match loader.store.get(&loader.bucket, ABSENT, 0).await {
            Ok(_) => {}
            // Without the right to list, a store denies what is not there. That an image was read
            // shows more.
            Err(failure) if failure.code == DENIED && breaker.has_worked(AccountName::STORAGE) => {}
            Err(failure) => return Err(failure),
        }
    }
    pipeline.answers.checkpoints.probe().await.map(drop)
}
