//! Whose fault is it that a checkpoint cannot be read or written: that object's, or this worker's?

use super::AnswerStore;
use crate::domain::account::AccountName;
use crate::domain::failure::Failure;

impl AnswerStore {
    /// What the store says about one checkpoint may be said about all of them: of the bucket, the
    /// account or this worker's rights. Then the storage stage is paused, because nothing that is
    /// bought could be kept. A request beside the jobs decides. Answers whether it is so.
    pub(super) async fn pause_if_ours(&self, failure: &Failure) -> bool {
        let breaker = &self.retrier.breaker;
        if !breaker.is_about_setting(failure) {
            return false;
        }
        match self.checkpoints.can_be_kept().await {
            Err(problem) if breaker.is_about_setting(&problem) => {
                breaker.checkpoints_fail(&problem);
                true
            }
            // Of that one alone: another program may write to the bucket.
            _ => false,
        }
    }

    /// The storage stage is paused because of the checkpoints, and it is time to try them again.
    pub async fn probe_again(&self) {
        let breaker = &self.retrier.breaker;
        match self.checkpoints.can_be_kept().await {
            Ok(()) => breaker.control_call_answered(AccountName::STORAGE),
            Err(problem) => breaker.control_call_refused(AccountName::STORAGE, &problem),
        }
    }
}
