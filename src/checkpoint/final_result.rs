//! Keeps the final result of a run, before it is published.

use super::answer_store::log_not_kept;
use super::{
    AnswerStore, Beside, CarriedAnswers, PaidAnswer, Patience, StoredResult, UnkeptVerification,
};
use crate::domain::progress::Progress;
use crate::domain::result::Status;
use crate::retry::ParkRequest;

/// The final result of a run that is to be published.
pub enum FinalResult {
    /// The one at hand; kept under this name where every worker finds it, or in this process alone.
    New { kept_as: Option<String> },
    /// Another copy of the run was answered before: its result, and the name it is kept under.
    Replay(StoredResult, String),
    /// Another run of the job was completed meanwhile.
    OfAnotherRun(StoredResult),
    /// Neither the result nor the paid answer beside it could be kept: the job carries the answer
    /// now, and waits.
    Unkept(Box<ParkRequest>),
}

/// The fate of a final result.
enum KeptResult {
    /// Every worker that gets the job next finds it.
    Durably,
    /// Only this process knows of it.
    Here,
    /// This one stands in its place: the result of the run's other copy, or of another run of the
    /// job that was completed meanwhile.
    Stands(StoredResult),
}

impl AnswerStore {
    /// Keeps the final result of a run, and beside it the verification that led to it. Where the
    /// store takes neither, and the job can wait, it waits with the answer that it has paid for.
    pub async fn keep_final(
        &self,
        question: Option<String>,
        result: &StoredResult,
        beside: Beside,
        copies: (bool, bool),
        patience: Patience<'_>,
        progress: &mut Progress,
    ) -> FinalResult {
        if let Some(image) = &beside.unread_image {
            self.keep_unread_image(image, patience).await;
        }
        let verification = async {
            let Some(unkept) = &beside.verification else {
                return Ok(());
            };
            let UnkeptVerification {
                image,
                answer,
                paid,
            } = unkept;
            let keep = || answer.keep(&self.checkpoints, image, Some(paid));
            self.write_with_retry(patience, keep).await.map(drop)
        };
        let name = question.clone().unwrap_or_else(|| result.run.clone());
        let keeping = self.keep_by_name(question, result, copies, patience);
        let marking = self.keep_bill_marks(beside.bill_marks.as_ref(), patience.halt);
        let (verification, kept, ()) = tokio::join!(verification, keeping, marking);
        let failure = match verification {
            Ok(()) => {
                self.remember(&name, result, &kept).await;
                return kept;
            }
            Err(failure) => failure,
        };
        match (beside.verification, kept) {
            (Some(unkept), FinalResult::New { kept_as: None }) if patience.may_wait => {
                let UnkeptVerification { image, answer, .. } = unkept;
                let add = |carried: &mut CarriedAnswers| carried.verification = Some(answer);
                self.carry(progress, &image, add).await;
                // A write that failed for us may have reached the store, or the one by the run's own
                // name was taken: the parked copy must publish such a result, not take it for that
                // of another copy.
                progress.delivered.redelivered = true;
                let (failure, until) = self.carried_on(&failure, patience.halt);
                FinalResult::Unkept(Box::new(ParkRequest::in_store_trouble(until, failure)))
            }
            (_, kept) => {
                log_not_kept(&failure);
                self.remember(&name, result, &kept).await;
                kept
            }
        }
    }

    /// Keeps a verification before its result is known, if the store takes it at once. Otherwise it
    /// is kept with the result.
    pub async fn keep_early(&self, unkept: &mut Option<UnkeptVerification>) {
        let Some(paid) = unkept else {
            return;
        };
        let keeping = paid
            .answer
            .keep(&self.checkpoints, &paid.image, Some(&paid.paid));
        if keeping.await.is_ok() {
            *unkept = None;
        }
    }

    /// Remembers a result that the store did not take, for this process alone. Only one that is
    /// published now: a job that waits instead would find it and take itself for answered.
    async fn remember(&self, name: &str, result: &StoredResult, kept: &FinalResult) {
        if matches!(kept, FinalResult::New { kept_as: None }) {
            self.checkpoints.remember_result(name, result).await;
            self.checkpoints.remember_result(&result.run, result).await;
        }
    }

    /// Keeps the final result of a run by its question, or by the run where it never came as far as
    /// one. Where a result stands already it is the answer: a crash may have left two copies of a
    /// run, and two runs of a job may end at the same time. `is_new` is a run of which there can be
    /// no other copy; one that was `asked_again` replaces its own result.
    async fn keep_by_name(
        &self,
        question: Option<String>,
        result: &StoredResult,
        (is_new, asked_again): (bool, bool),
        patience: Patience<'_>,
    ) -> FinalResult {
        let run = &result.run;
        let again = if question.is_some() {
            asked_again
        } else {
            is_new
        };
        // By its question first: that is where the same message looks when it is submitted once
        // more.
        let name = question.unwrap_or_else(|| run.clone());
        let kept = self.keep_result(&name, result, again, patience).await;
        // A run that may have another copy is kept by its own name, too: whatever became of the
        // picture meanwhile, both copies say the same.
        if !is_new
            && name != *run
            && !matches!(kept, KeptResult::Stands(_))
            && let KeptResult::Stands(first) =
                self.keep_result(run, result, asked_again, patience).await
        {
            return FinalResult::Replay(first, run.clone());
        }
        match kept {
            KeptResult::Stands(first) if first.run == *run => FinalResult::Replay(first, name),
            KeptResult::Stands(first) => FinalResult::OfAnotherRun(first),
            KeptResult::Durably => FinalResult::New {
                kept_as: Some(name),
            },
            KeptResult::Here => FinalResult::New { kept_as: None },
        }
    }

    /// Keeps a final result, so that the same run is answered with the same bytes: it tries as long
    /// as for a paid answer, and the result is published whether or not this succeeds. A result of
    /// the same run is replaced only by one that was asked for `again`, one of another run unless
    /// it is completed.
    async fn keep_result(
        &self,
        question: &str,
        result: &StoredResult,
        again: bool,
        patience: Patience<'_>,
    ) -> KeptResult {
        let replaces = |kept: &StoredResult| {
            if kept.run == result.run {
                again
            } else {
                kept.status != Status::Completed
            }
        };
        let keep = || self.checkpoints.keep_result(question, result, replaces);
        match self.write_with_retry(patience, keep).await {
            Ok(Some(first)) => KeptResult::Stands(first),
            Ok(None) if self.checkpoints.is_durable() => KeptResult::Durably,
            Ok(None) => KeptResult::Here,
            Err(failure) => {
                self.pause_if_ours(&failure).await;
                tracing::warn!(
                    code = failure.code,
                    "a result could not be checkpointed; this process alone would repeat its bytes"
                );
                KeptResult::Here
            }
        }
    }
}
