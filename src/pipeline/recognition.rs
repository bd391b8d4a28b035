//! The first paid step: what the image says.

use super::paid_step::{PaidQuestion, PaidStep};
use crate::domain::failure::Stage;
use crate::domain::invoice::Invoice;
use crate::domain::progress::Progress;
use crate::domain::result::RecognitionPart;
use crate::domain::seen_bill::BillTraits;
use crate::image::LoadedImage;
use crate::provider::{Account, Accounts, Reply, Request, View};
use crate::retry::{SingleFlight, StageStopped};
use jiff::civil::Date;

pub struct RecognitionStep {
    pub accounts: Accounts<Invoice>,
    calls: SingleFlight<RecognitionPart>,
}

impl RecognitionStep {
    pub fn new(accounts: Accounts<Invoice>) -> Self {
        Self {
            accounts,
            calls: SingleFlight::default(),
        }
    }
}

impl PaidStep for RecognitionStep {
    type Reply = Invoice;
    type Answer = RecognitionPart;

    const STAGE: Stage = Stage::Recognition;

    fn account(&self) -> &Account<Invoice> {
        self.accounts.chosen()
    }

    fn calls(&self) -> &SingleFlight<RecognitionPart> {
        &self.calls
    }

    fn view<'a>(&self, image: &'a LoadedImage) -> Result<&'a View, Box<StageStopped>> {
        let view = image.recognition.as_ref();
        view.map_err(|failure| StageStopped::at_fault(failure.clone()))
    }

    fn request(&self, view: View, _progress: &mut Progress) -> Request {
        Request::new(view, false)
    }

    fn answer(&self, reply: Reply<Invoice>, _today: Date) -> RecognitionPart {
        RecognitionPart {
            invoice: reply.answer,
            request_id: reply.request_id,
        }
    }

    /// From now on it is known which bill it is.
    async fn beside_keeping(&self, answer: &RecognitionPart, question: &PaidQuestion<'_, Self>) {
        let bill = BillTraits::of(&question.image.identity, [&answer.invoice]);
        if let Some(look) = question.look
            && bill.have_number()
        {
            look.ask(&bill, false).await;
        }
    }

    async fn after(
        &self,
        stopped: Box<StageStopped>,
        _question: &PaidQuestion<'_, Self>,
        _progress: &mut Progress,
    ) -> Result<Option<RecognitionPart>, Box<StageStopped>> {
        Err(stopped)
    }
}

/// Recognition alone cannot be shown the image: too large or too small for it.
pub(super) fn is_unfit_for_recognition(stopped: &StageStopped, image: &LoadedImage) -> bool {
    let code = stopped.failure.code.as_str();
    matches!(code, "image.too_large" | "image.too_small")
        && matches!(image.verification, Some(Ok(_)))
}
