//! Checkpoints, read and written with patience. Their store's failures are never the job's fault.

use super::Pipeline;
use crate::checkpoint::StoredResult;
use crate::domain::failure::{Failure, Stage};
use crate::domain::policy::Decision;
use crate::domain::result::Status;
use crate::retry::{Case, Stopped, wait};
use jiff::SignedDuration;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A job whose checkpoints cannot be read waits so long, uncharged: going on without them might buy an answer twice.
const UNREADABLE: SignedDuration = SignedDuration::from_mins(5);

impl Pipeline {
    /// # Errors
    /// [`Stopped`], to be parked: the store does not answer. Past the deadline, final.
    pub(super) async fn recall<T, A>(&self, case: &Case<'_>, read: impl Fn() -> A) -> Result<Option<T>, Box<Stopped>>
    where
        A: Future<Output = Result<Option<T>, Failure>>,
    {
        self.patiently(&case.halt, read).await.map_err(|failure| {
            let now = self.judge.clock.now();
            let decision = if now > case.deadline {
                Decision::Fail { invalid_job: None }
            } else {
                Decision::Park { until: now.saturating_add(UNREADABLE).unwrap_or(jiff::Timestamp::MAX) }
            };
            Stopped::boxed(failure, decision)
        })
    }

    /// A paid answer is not given up because the store is down: it is tried for as long as the delivery may be held, so that nobody who
    /// does not know of it asks again. After that this process alone remembers it.
    pub(super) async fn keep<A>(&self, case: &Case<'_>, stage: Stage, write: impl Fn() -> A)
    where
        A: Future<Output = Result<(), Failure>>,
    {
        let mut tries = 1;
        while let Err(failure) = write().await {
            if case.halt.is_cancelled() || case.began.elapsed() >= case.patience {
                return unkept(stage, &failure);
            }
            if tries == 1 {
                tracing::warn!(%stage, code = failure.code, "a paid answer cannot be stored; its job is held, and it is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(wait(FIRST_WAIT, tries, self.judge.chance.unit())) => tries += 1,
                // Once more, and then somebody else goes on.
                () = case.halt.cancelled() => {}
            }
        }
    }

    /// Keeps a final result, so that the same run is answered with the same bytes; it is published whether or not this succeeds.
    /// Answers the result that stands in its place, if there is one: of this run's twin, or of another run that was completed meanwhile.
    pub async fn keep_result(
        &self,
        question: &str,
        result: &StoredResult,
        is_again: bool,
        halt: &CancellationToken,
    ) -> Option<StoredResult> {
        let replaces = |kept: &StoredResult| if kept.run == result.run { is_again } else { kept.status != Status::Completed };
        match self.patiently(halt, || self.checkpoints.keep_result(question, result, replaces)).await {
            Ok(first) => first,
            Err(failure) => {
                self.checkpoints.remember_result(question, result).await;
                unkept(Stage::Worker, &failure);
                None
            }
        }
    }

    pub(super) async fn patiently<T, A>(&self, halt: &CancellationToken, attempt: impl Fn() -> A) -> Result<T, Failure>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let mut tries = 1;
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) if tries == TRIES || halt.is_cancelled() => return Err(failure),
                Err(_) => tokio::time::sleep(wait(FIRST_WAIT, tries, self.judge.chance.unit())).await,
            }
            tries += 1;
        }
    }
}

fn unkept(stage: Stage, failure: &Failure) {
    tracing::warn!(
        %stage,
        code = failure.code,
        "an answer could not be checkpointed; this process remembers it, another would pay again"
    );
}
