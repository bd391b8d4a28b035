//! The second paid step: what the registry says about the bill, today.

use super::paid_step::{PaidQuestion, PaidStep};
use crate::checkpoint::{DatedAnswer, VerificationAnswer};
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::Verified;
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, VerificationPart};
use crate::image::LoadedImage;
use crate::policy::Decision;
use crate::provider::{Account, Accounts, Reply, Request, View};
use crate::retry::{SingleFlight, StageStopped};
use jiff::civil::Date;

pub struct VerificationStep {
    pub accounts: Accounts<Verified>,
    calls: SingleFlight<DatedAnswer>,
    /// `verification.auto_rotate`: already the first call lets the provider turn the image.
    auto_rotate: bool,
}

impl VerificationStep {
    pub fn new(accounts: Accounts<Verified>, auto_rotate: bool) -> Self {
        Self {
            accounts,
            calls: SingleFlight::default(),
            auto_rotate,
        }
    }
}

impl PaidStep for VerificationStep {
    type Reply = Verified;
    type Answer = DatedAnswer;

    const STAGE: Stage = Stage::Verification;

    fn account(&self) -> &Account<Verified> {
        self.accounts.chosen()
    }

    fn calls(&self) -> &SingleFlight<DatedAnswer> {
        &self.calls
    }

    fn view<'a>(&self, image: &'a LoadedImage) -> Result<&'a View, Box<StageStopped>> {
        // Never missing: it is asked only where the job wants it.
        match &image.verification {
            Some(Ok(view)) => Ok(view),
            // What recognition read stands: the bill is undetermined, not refused.
            Some(Err(failure)) => Err(StageStopped::boxed(
                failure.clone(),
                Decision::Fail { invalid_job: None },
            )),
            None => {
                let problem = "no verification was asked for";
                let failure = Failure::new(Stage::Job, "job.malformed", problem);
                Err(StageStopped::at_fault(failure))
            }
        }
    }

    /// Once an image had to be turned, every further call about it says so.
    fn request(&self, view: View, progress: &mut Progress) -> Request {
        if self.auto_rotate && progress.steps.rotated_for.is_none() {
            // For no code: the one rotated call is had, and no answer before it to be confirmed.
            progress.steps.rotated_for = Some(String::new());
        }
        Request::new(view, progress.steps.rotated_for.is_some())
    }

    fn answer(&self, reply: Reply<Verified>, today: Date) -> DatedAnswer {
        let part = VerificationPart {
            invoice: reply.answer.invoice,
            registry: reply.answer.registry,
            qr_code_found: reply.answer.qr_code_found,
            request_id: reply.request_id,
        };
        // The registry answered now, whenever the question was asked.
        (today, VerificationAnswer::Found(Box::new(part)))
    }

    async fn after(
        &self,
        stopped: Box<StageStopped>,
        question: &PaidQuestion<'_, Self>,
        progress: &mut Progress,
    ) -> Result<Option<DatedAnswer>, Box<StageStopped>> {
        let today = question.retrier.today();
        match *stopped.decision() {
            Decision::Rotate => {
                let (image, code) = (&question.image.identity, stopped.failure.code);
                progress.steps.rotated_for = Some(code.clone());
                let paid = progress.paid_by();
                let keep = || {
                    let checkpoints = &question.answers.checkpoints;
                    checkpoints.keep_unread(image, today, &code, Some(&paid))
                };
                // With the job it travels anyway.
                question
                    .answers
                    .persist(question.job, progress, image, keep, |_| {})
                    .await?;
                Ok(None)
            }
            Decision::Verdict(Some(verdict)) => {
                let attempts = progress.attempts(Stage::Verification);
                let error = JobError::new(&stopped.failure, attempts);
                Ok(Some((
                    today,
                    VerificationAnswer::Negative { verdict, error },
                )))
            }
            // It could not be made fit, and recognition was paid.
            Decision::Fail {
                invalid_job: Some(_),
            } if stopped.failure.stage == Stage::Image => Err(StageStopped::boxed(
                stopped.failure,
                Decision::Fail { invalid_job: None },
            )),
            _ => Err(stopped),
        }
    }
}
