//! Has an earlier job been about this bill? Asked once in a turn of the job, beside whatever else
//! the job waits for.

use super::{AnswerStore, BillClaim, Claimant};
use crate::domain::seen_bill::BillTraits;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub(crate) struct BillLook<'a> {
    answers: &'a AnswerStore,
    job_id: &'a str,
    halt: CancellationToken,
    /// An earlier job about the image could not read it, and left its mark by the image.
    pub(crate) was_unread: bool,
    claim: OnceCell<BillClaim>,
}

impl<'a> BillLook<'a> {
    pub(crate) fn new(answers: &'a AnswerStore, job_id: &'a str, halt: CancellationToken) -> Self {
        Self {
            answers,
            job_id,
            halt,
            was_unread: false,
            claim: OnceCell::new(),
        }
    }

    /// Asks, unless that was done before. A bill that `is_known` has probably left a mark.
    pub(crate) async fn ask(&self, bill: &BillTraits, is_known: bool) {
        let claimant = Claimant {
            job_id: self.job_id,
            bill,
            is_known: is_known || self.was_unread,
            was_unread: self.was_unread,
        };
        let claim = || self.answers.claim_bill(&claimant, &self.halt);
        self.claim.get_or_init(claim).await;
    }

    pub(crate) fn into_claim(self) -> BillClaim {
        self.claim.into_inner().unwrap_or_default()
    }
}
