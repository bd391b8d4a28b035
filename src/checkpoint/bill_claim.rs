//! Has an earlier job been about this bill? Asked beside a job's other requests: the answer is a
//! flag, for which no job waits long or fails.

use super::answer_store::{AT_ONCE, FIRST_WAIT, TRIES};
use super::{AnswerStore, BillClaim, Claimant};
use crate::attempts::Attempts;
use crate::domain::failure::{Failure, Stage};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

impl AnswerStore {
    /// Looks for earlier jobs about the bill, and leaves a mark for later ones. Nothing is found
    /// where the store refuses that, or does not answer in some tries within five seconds.
    pub async fn claim_bill(&self, claimant: &Claimant<'_>, halt: &CancellationToken) -> BillClaim {
        if self.lookback.is_zero() {
            return BillClaim::default();
        }
        let now = self.retrier.clock.now();
        let claim = || self.checkpoints.claim_bill(claimant, now, self.lookback);
        self.in_some_tries(claim, halt).await.unwrap_or_else(|failure| {
            tracing::warn!(
                code = failure.code,
                "the store does not say whether a bill was seen before: its result does not, either"
            );
            BillClaim::default()
        })
    }

    /// Writes the marks of a job's bill anew, as far as the store takes them.
    pub(super) async fn keep_bill_marks(
        &self,
        claim: Option<&BillClaim>,
        halt: &CancellationToken,
    ) {
        let Some(claim) = claim else {
            return;
        };
        let keep = || self.checkpoints.keep_bill_marks(claim);
        if let Err(failure) = self.in_some_tries(keep, halt).await {
            tracing::warn!(
                code = failure.code,
                "the mark of a bill does not say what the registry knows: it may be missed the next time"
            );
        }
    }

    async fn in_some_tries<T, A>(
        &self,
        attempt: impl Fn() -> A,
        halt: &CancellationToken,
    ) -> Result<T, Failure>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let mut attempts = Attempts::every(FIRST_WAIT, &self.retrier.randomness)
            .at_most(TRIES)
            .halted_by(halt, 1);
        let tries = attempts.run(attempt, |failure, _| is_worth_another_try(failure));
        // One try may be many requests, each of which may take as long as `storage.timeout`.
        timeout(AT_ONCE, tries).await.unwrap_or_else(|_| {
            let message = format!("the marks of bills took longer than {AT_ONCE:?}");
            Err(Failure::new(Stage::Storage, "timeout", message))
        })
    }
}

/// A refusal is the same a second later, but for those that say otherwise: another worker writes
/// the same object, or there are too many requests.
fn is_worth_another_try(failure: &Failure) -> bool {
    !matches!(failure.http_status, Some(400..=499))
        || matches!(failure.http_status, Some(409 | 429))
}
