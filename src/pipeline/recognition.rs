//! The first paid step: what the image says.

use super::paid_step::{PaidQuestion, PaidStep};
use crate::domain::failure::Stage;
use crate::domain::invoice::Invoice;
use crate::domain::progress::{Bill, Progress};
use crate::domain::result::RecognitionPart;
use crate::domain::scope::{BillId, Province};
use crate::image::LoadedImage;
use crate::policy::Decision;
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

    async fn after(
        &self,
        stopped: Box<StageStopped>,
        _question: &PaidQuestion<'_, Self>,
        _progress: &mut Progress,
    ) -> Result<Option<RecognitionPart>, Box<StageStopped>> {
        Err(stopped)
    }
}

/// Recognition's own failure, or that it is too late for one: today's verdict may be known all the
/// same. A verdict is decided by the policy, and what the store did concerns the whole job.
pub(super) fn ends_recognition_alone(stopped: &StageStopped) -> bool {
    matches!(stopped.failure.stage, Stage::Recognition | Stage::Job)
        && matches!(stopped.decision(), Decision::Fail { invalid_job: None })
}

/// Recognition alone cannot be shown the image: too large or too small for it.
pub(super) fn is_unfit_for_recognition(stopped: &StageStopped, image: &LoadedImage) -> bool {
    let code = stopped.failure.code.as_str();
    matches!(code, "image.too_large" | "image.too_small")
        && matches!(image.verification, Some(Ok(_)))
}

/// The bill, by which a failure of verification may concern other jobs. Without an invoice that is
/// the image alone.
pub(super) fn bill_of(invoice: Option<&Invoice>, image: &str) -> Bill {
    let province = invoice.and_then(|invoice| invoice.province.as_deref().and_then(Province::of));
    let number = invoice.and_then(|invoice| invoice.note_no.as_deref());
    Bill {
        id: BillId::of(province.as_ref(), number, image),
        province,
    }
}
