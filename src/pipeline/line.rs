//! The steps of the line, in their order: each takes the job one step further, or out of the line.

use super::outcome::{self, Exit, Outcome};
use super::paid_step::{PaidQuestion, PaidStep};
use super::recognition::{self, RecognitionStep};
use super::verification::VerificationStep;
use crate::checkpoint::BillLook;
use crate::checkpoint::{
    AnswerStore, CarriedAnswers, DatedAnswer, FirstLook, Kept, Known, PaidAnswer, Patience,
    Recalled,
};
use crate::domain::account::AccountId;
use crate::domain::failure::Stage;
use crate::domain::job::ImageRef;
use crate::domain::progress::{Bill, Progress};
use crate::domain::qr::QrClaim;
use crate::domain::result::{JobError, RecognitionPart, Status};
use crate::domain::seen_bill::BillTraits;
use crate::image::{LoadedImage, Loader, NotLoaded, read_qr};
use crate::policy::Decision;
use crate::result_builder::{Answer, ResultBuilder};
use crate::retry::{
    Arrival, FOLLOWED_BY_MANY, JobContext, RecallTime, Retrier, StageStopped, beside,
};
use std::pin::pin;

/// One job on its way, and what its steps work with.
pub(super) struct Line<'a> {
    pub(super) loader: &'a Loader,
    pub(super) recognition: &'a RecognitionStep,
    pub(super) verification: &'a VerificationStep,
    pub(super) answers: &'a AnswerStore,
    pub(super) retrier: &'a Retrier,
    pub(super) job: JobContext<'a>,
    pub(super) progress: &'a mut Progress,
    pub(super) result: ResultBuilder,
    /// What was found to be kept of the two paid answers, where that was looked at.
    pub(super) recognised: Option<Recalled<RecognitionPart>>,
    pub(super) verified: Option<Recalled<DatedAnswer>>,
}

impl<'a> Line<'a> {
    /// Decides what the worker does with a job at the end of its line.
    pub(super) fn outcome(self, end: Result<(), Exit>) -> Outcome {
        Outcome::of(end, &self.job, self.progress, self.result, self.retrier)
    }

    /// The answer to a job that is not queued, at the end of its line.
    pub(super) fn answer(self, end: Result<(), Box<StageStopped>>) -> Answer {
        outcome::answer_at_once(end, &self.job, self.progress, self.result, self.retrier)
    }

    pub(super) fn is_about(&mut self, image: &LoadedImage) {
        self.result.image = Some(image.part.clone());
    }

    /// An answer that only has to be published. Where it cannot be read the job takes the whole
    /// line again, to the same end.
    pub(super) async fn replay_unsent(&mut self, arrival: &Arrival) -> Result<(), Exit> {
        let Some(unsent) = &self.progress.delivered.unsent else {
            return Ok(());
        };
        match self.answers.result(&unsent.question, &arrival.halt).await {
            Some(stored) if stored.run == self.progress.run => {
                Err(Exit::replay(stored, unsent.question.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A job that will find its stage closed, its budget used up, or enough jobs about its image waiting for one call,
    /// is parked before anything is fetched for it, unless it is a redelivered one: that may have
    /// been answered.
    pub(super) fn look_ahead(&mut self, arrival: &Arrival) -> Result<(), Box<StageStopped>> {
        if arrival.redelivered || self.retrier.clock.now() > self.job.deadline {
            return Ok(());
        }
        if let Some(image) = &self.progress.about.image
            && (self.recognition.calls().is_full(image) || self.verification.calls().is_full(image))
        {
            return Err(self.retrier.turned_away(FOLLOWED_BY_MANY));
        }
        let next = if self.progress.about.bill.is_some() {
            self.verification.accounts.chosen().id()
        } else {
            self.recognition.accounts.chosen().id()
        };
        let mut scopes = self.progress.scopes(next);
        if matches!(self.job.job.image, ImageRef::Object { .. }) {
            scopes.extend(self.progress.scopes(AccountId::STORAGE));
        }
        self.retrier
            .look_ahead(next, &scopes, &self.job, self.progress)
    }

    pub(super) async fn load(&mut self) -> Result<LoadedImage, Box<StageStopped>> {
        match self
            .loader
            .load(&self.job, self.progress, self.retrier)
            .await
        {
            Ok(image) => {
                self.result.image = Some(image.part.clone());
                self.result.question = Some(image.question(self.job.job));
                self.result.beside.unread_image = Some(image.identity.clone());
                self.progress.is_about(&image.identity);
                Ok(image)
            }
            Err(NotLoaded { stopped, part }) => {
                if let Some(part) = part {
                    self.result.image = Some(*part);
                }
                if let (Decision::Fail { .. }, Some(image)) =
                    (stopped.decision(), &self.progress.about.image)
                {
                    // The image went away while its job was parked, perhaps after it was read: what
                    // was paid for is in the result. A store that does not answer is no reason to
                    // keep the job waiting.
                    let carried = CarriedAnswers::about(image, self.progress).recognition;
                    let read = || self.answers.checkpoints.recognition(image);
                    self.result.recognition = match carried {
                        Some(part) => Some(part),
                        None => self.answers.recall(&self.job, read).await.ok().flatten(),
                    };
                }
                Err(stopped)
            }
        }
    }

    /// Finds out what is kept of an earlier job about this image. A job that is new looks in one
    /// place first: where that is empty, nothing else is kept, and nothing else is asked.
    pub(super) async fn recall(
        &mut self,
        image: &LoadedImage,
        arrival: &Arrival,
        look: &mut BillLook<'_>,
    ) -> Result<(), Exit> {
        if arrival.returned || self.progress.delivered.redelivered {
            return self.recall_result(image, arrival).await;
        }
        let (at, today) = (RecallTime::now(self.retrier.clock), self.retrier.today());
        let identity = &image.identity;
        let recognition = match self.answers.first_look(&self.job, identity).await? {
            FirstLook::Nothing => None,
            FirstLook::Seen(recognition) => {
                self.result.beside.unread_image = None;
                look.was_unread = recognition.is_none();
                let bill = BillTraits::of(identity, recognition.as_ref().map(|part| &part.invoice));
                let looking = async {
                    if bill.have_number() {
                        look.ask(&bill, true).await;
                    }
                };
                if self.job.job.verify {
                    let (answers, job) = (self.answers, self.job.clone());
                    let read = || DatedAnswer::recall(&answers.checkpoints, identity, today);
                    let recall = answers.recall(&job, read);
                    let recalling = self.recall_result(image, arrival);
                    let (ended, known, ()) = tokio::join!(recalling, recall, looking);
                    ended?;
                    let known = known?;
                    self.verified = Some(Recalled { at, known });
                } else {
                    let (ended, ()) = tokio::join!(self.recall_result(image, arrival), looking);
                    ended?;
                }
                recognition
            }
        };
        let known = recognition.map(Known::Answer);
        self.recognised = Some(Recalled { at, known });
        Ok(())
    }

    /// A result of the same question that is kept may end the job here.
    async fn recall_result(&mut self, image: &LoadedImage, arrival: &Arrival) -> Result<(), Exit> {
        let question = image.question(self.job.job);
        let read = || self.answers.checkpoints.result(&question);
        if let Some(stored) = self.answers.recall(&self.job, read).await? {
            let is_this_run = stored.run == self.progress.run;
            if !is_this_run && stored.status == Status::Completed {
                self.progress.answered_elsewhere(self.job.job.verify);
            }
            outcome::answered_before(self.job.job, stored, &question, self.progress, arrival)?;
            self.progress.delivered.asked_again |= is_this_run;
        }
        Ok(())
    }

    /// A call of another worker may still be under way: the job waits until it must be over, unless
    /// the last answer that it pays for is at hand.
    pub(super) async fn wait_for_another_worker(
        &mut self,
        image: &LoadedImage,
        arrival: &Arrival,
    ) -> Result<(), Exit> {
        if !arrival.maybe_elsewhere {
            return Ok(());
        }
        let (kept, today) = (&self.answers.checkpoints, self.retrier.today());
        let is_paid = if self.job.job.verify {
            let read = || DatedAnswer::recall(kept, &image.identity, today);
            let known = self.answers.recall(&self.job, read).await?;
            matches!(known, Some(Known::Answer(_)))
        } else {
            let read = || kept.recognition(&image.identity);
            self.answers.recall(&self.job, read).await?.is_some()
        };
        if is_paid {
            Ok(())
        } else {
            Err(Exit::redelivered(&self.job, self.retrier))
        }
    }

    /// Both answers that the job wants are kept: no call is made for it.
    fn is_answered(&self) -> bool {
        fn is_kept<A>(recalled: Option<&Recalled<A>>) -> bool {
            recalled.is_some_and(|recalled| matches!(recalled.known, Some(Known::Answer(_))))
        }
        is_kept(self.recognised.as_ref())
            && (!self.job.job.verify || is_kept(self.verified.as_ref()))
    }

    /// Reads the bill's QR code here, where the accounts that the job needs leave time for it.
    pub(super) fn qr_reading<'b>(
        &self,
        image: &'b LoadedImage,
    ) -> impl Future<Output = Option<QrClaim>> + use<'a, 'b> {
        let mut rate = self.recognition.accounts.rate_per_second();
        if self.job.job.verify {
            rate = rate.min(self.verification.accounts.rate_per_second());
        }
        let loader = (!self.is_answered()).then_some(self.loader);
        async move { read_qr(loader?, image, rate).await }
    }

    /// Reads the image. A recognition that fails does not end a job that wants verification, which
    /// reads the image itself.
    pub(super) async fn recognise(
        &mut self,
        image: &LoadedImage,
        look: Option<&BillLook<'_>>,
    ) -> Result<(), Box<StageStopped>> {
        if let Some(error) = &self.progress.steps.recognition_error {
            self.result.error = Some(error.clone());
            return Ok(());
        }
        let recalled = self.recognised.take();
        match Box::pin(self.ask(self.recognition, image, recalled, look)).await {
            Ok((part, kept)) => {
                if let Kept::First(at) = kept {
                    // No other answer about the image can be kept.
                    self.verified = Some(Recalled { at, known: None });
                }
                self.result.beside.unread_image = None;
                self.progress.about.bill = Some(Bill::of(Some(&part.invoice), &image.identity));
                self.result.recognition = Some(part);
            }
            Err(stopped)
                if self.job.job.verify
                    && (stopped.ends_recognition_alone()
                        || recognition::is_unfit_for_recognition(&stopped, image)) =>
            {
                let attempts = self.progress.attempts(Stage::Recognition);
                let error = JobError::new(&stopped.failure, attempts);
                if let Some(image) = self.result.beside.unread_image.take() {
                    let patience = Patience::of(&self.job);
                    self.answers.keep_unread_image(&image, patience).await;
                }
                self.progress.steps.recognition_error = Some(error.clone());
                self.progress.about.bill = Some(Bill::of(None, &image.identity));
                self.result.error = Some(error);
            }
            Err(stopped) => return Err(stopped),
        }
        Ok(())
    }

    /// Asks the registry, where the job wants it. What it says about the bill is the verdict.
    pub(super) async fn verify(&mut self, image: &LoadedImage) -> Result<(), Box<StageStopped>> {
        if !self.job.job.verify {
            self.result.recognized_only();
            return Ok(());
        }
        let today = self.retrier.today();
        let recalled = self.verified.take().filter(
            |recalled| !matches!(&recalled.known, Some(Known::Answer((day, _))) if *day != today),
        );
        let ((_, answer), kept) = self.ask(self.verification, image, recalled, None).await?;
        if let Kept::Beside(unkept) = kept {
            self.result.beside.verification = Some(unkept);
        }
        self.result.verified(answer, self.progress);
        Ok(())
    }

    /// As [`Line::verify`], and asks meanwhile for earlier jobs about the bill. Where no number was
    /// read in the picture, the registry may know it.
    pub(super) async fn verify_and_look(
        &mut self,
        image: &LoadedImage,
        is_known: bool,
        look: &BillLook<'_>,
    ) -> Result<(), Box<StageStopped>> {
        let bill = BillTraits::of(&image.identity, self.result.recognised());
        if bill.have_number() {
            let mut looking = pin!(look.ask(&bill, is_known));
            let verifying = Box::pin(self.verify(image));
            let (verified, looked) = beside(verifying, looking.as_mut()).await;
            if looked.is_none() {
                self.keep_meanwhile(looking).await;
            }
            return verified;
        }
        self.verify(image).await?;
        let registered = self.result.registered();
        let bill = BillTraits::of(&image.identity, &registered);
        self.keep_meanwhile(look.ask(&bill, is_known)).await;
        Ok(())
    }

    /// Waits for what is left to be found out, and keeps meanwhile what was paid for.
    pub(super) async fn keep_meanwhile<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let unkept = &mut self.result.beside.verification;
        let (found, ()) = tokio::join!(waiting, self.answers.keep_early(unkept));
        found
    }

    async fn ask<S: PaidStep>(
        &mut self,
        step: &S,
        image: &LoadedImage,
        recalled: Option<Recalled<S::Answer>>,
        look: Option<&BillLook<'_>>,
    ) -> Result<(S::Answer, Kept), Box<StageStopped>> {
        let question = PaidQuestion {
            step,
            retrier: self.retrier,
            loader: self.loader,
            answers: self.answers,
            job: &self.job,
            image,
            billing_date: self.result.billing_date(),
            look,
        };
        question.ask(recalled, self.progress).await
    }
}
