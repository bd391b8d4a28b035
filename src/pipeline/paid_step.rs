//! A question that is paid for, written once for both providers. It is bought at most once: what
//! travels with the job, what is kept, and another job's call under way come first, and an answer
//! is checkpointed before anything else happens.

use crate::checkpoint::BillLook;
use crate::checkpoint::{AnswerStore, CarriedAnswers, Kept, Known, PaidAnswer, Recalled};
use crate::domain::failure::Stage;
use crate::domain::progress::Progress;
use crate::image::{LoadedImage, Loader, ProviderImage};
use crate::policy::Decision;
use crate::provider::{Account, Called, Reply, Request, View};
use crate::retry::{
    CallContext, FOLLOWED_BY_MANY, JobContext, RecallTime, Retrier, Role, SingleFlight,
    StageStopped,
};
use crate::store::WriteOutcome;
use crate::telemetry::trace;
use jiff::civil::Date;
use tracing::Instrument;

/// The differences between the two paid steps.
pub(super) trait PaidStep: Sized {
    /// A good answer of the provider.
    type Reply;
    /// The answer that is kept, and shared with other jobs.
    type Answer: PaidAnswer;

    const STAGE: Stage;

    /// The account that the next call is made with.
    fn account(&self) -> &Account<Self::Reply>;

    /// The calls that are being made.
    fn calls(&self) -> &SingleFlight<Self::Answer>;

    /// The view of the image that the provider is shown.
    ///
    /// # Errors
    /// [`StageStopped`]: the image cannot be sent to it.
    fn view<'a>(&self, image: &'a LoadedImage) -> Result<&'a View, Box<StageStopped>>;

    fn request(&self, view: View, progress: &mut Progress) -> Request;

    /// The answer that is kept of a reply that came today.
    fn answer(&self, reply: Reply<Self::Reply>, today: Date) -> Self::Answer;

    /// Done while the answer is being kept.
    async fn beside_keeping(&self, _answer: &Self::Answer, _question: &PaidQuestion<'_, Self>) {}

    /// Another answer, or `None` for another call, where a call was stopped.
    ///
    /// # Errors
    /// `stopped`, where neither follows; or that the store did not take what it has to keep.
    async fn after(
        &self,
        stopped: Box<StageStopped>,
        question: &PaidQuestion<'_, Self>,
        progress: &mut Progress,
    ) -> Result<Option<Self::Answer>, Box<StageStopped>>;
}

/// One job's question about its image.
pub(super) struct PaidQuestion<'a, S> {
    pub(super) step: &'a S,
    pub(super) retrier: &'a Retrier,
    pub(super) loader: &'a Loader,
    pub(super) answers: &'a AnswerStore,
    pub(super) job: &'a JobContext<'a>,
    pub(super) image: &'a LoadedImage,
    pub(super) billing_date: Option<Date>,
    /// Where the job asks for earlier jobs about its bill.
    pub(super) look: Option<&'a BillLook<'a>>,
}

impl<S: PaidStep> PaidQuestion<'_, S> {
    /// # Errors
    /// [`StageStopped`]: there is no answer, and what the policy wants instead.
    pub(super) async fn ask(
        &self,
        recalled: Option<Recalled<S::Answer>>,
        progress: &mut Progress,
    ) -> Result<(S::Answer, Kept), Box<StageStopped>> {
        if let Some(answer) = self.carried(progress).await {
            return Ok((answer, Kept::Already));
        }
        let Recalled { at, known } = match recalled {
            Some(recalled) => recalled,
            None => Recalled {
                at: RecallTime::now(self.retrier.clock),
                known: self.recall().await?,
            },
        };
        if let Some(answer) = self.heed(known, progress).await {
            return Ok((answer, Kept::Already));
        }
        loop {
            match self
                .step
                .calls()
                .join(&self.image.identity, self.job.is_queued)
            {
                Role::TurnedAway => return Err(self.retrier.turned_away(FOLLOWED_BY_MANY)),
                Role::Leader(leader) => {
                    // The leader before may have had an answer since the checkpoint was read.
                    let (kept, today) = (&self.answers.checkpoints, self.retrier.today());
                    let here = S::Answer::recall_here(kept, &self.image.identity, today).await;
                    let bought = match self.heed(here, progress).await {
                        Some(answer) => Ok((answer, Kept::Already)),
                        None => self.buy(at, progress).await,
                    };
                    let (outcome, kept) = match bought {
                        Ok((answer, kept)) => (Ok(answer), kept),
                        Err(stopped) => (Err(stopped), Kept::Already),
                    };
                    return leader
                        .complete(outcome, progress)
                        .map(|answer| (answer, kept));
                }
                Role::Follower(follower) => {
                    if let Some(outcome) = follower.wait(self.retrier, self.job, progress).await? {
                        if outcome.is_ok() {
                            progress.found(S::STAGE, None);
                        }
                        return outcome.map(|answer| (answer, Kept::Already));
                    }
                }
            }
        }
    }

    /// An answer that came with the job is safe with it; it is stored, if that is possible by now,
    /// for other jobs about the same image, and need not travel any more.
    async fn carried(&self, progress: &mut Progress) -> Option<S::Answer> {
        let mut carried = CarriedAnswers::about(&self.image.identity, progress);
        let answer = S::Answer::carried(&mut carried).clone()?;
        let kept = answer.keep(&self.answers.checkpoints, &self.image.identity, None);
        match kept.await {
            Ok(_) => {
                *S::Answer::carried(&mut carried) = None;
                carried.travel_with(progress);
            }
            Err(failure) => {
                tracing::debug!(stage = %S::STAGE, code = failure.code, "an answer that came with its job can still not be stored");
            }
        }
        Some(answer)
    }

    /// Reads the answer that is kept.
    pub(super) async fn recall(&self) -> Result<Option<Known<S::Answer>>, Box<StageStopped>> {
        let (kept, image) = (&self.answers.checkpoints, &self.image.identity);
        let read = || S::Answer::recall(kept, image, self.retrier.today());
        self.answers.recall(self.job, read).await
    }

    /// The answer that is known, if it is one.
    async fn heed(
        &self,
        known: Option<Known<S::Answer>>,
        progress: &mut Progress,
    ) -> Option<S::Answer> {
        let (kept, image) = (&self.answers.checkpoints, &self.image.identity);
        let about = (image.as_str(), self.retrier.today());
        Known::heed(known, S::STAGE, kept, about, progress).await
    }

    /// Calls the provider until there is an answer. `recalled` is when its checkpoint was read.
    async fn buy(
        &self,
        recalled: RecallTime,
        progress: &mut Progress,
    ) -> Result<(S::Answer, Kept), Box<StageStopped>> {
        let (identity, view) = (&self.image.identity, self.step.view(self.image)?);
        // A job that is too late does not wait for memory.
        self.retrier.may_call(self.job)?;
        let mut shown = self.shown(view, progress).await?;
        let answer = loop {
            let request = self.step.request(shown.view.clone(), progress);
            let is_turned = request.auto_rotate;
            let look_again = async || {
                let known = self.recall().await?;
                // That the image has to be turned is news only where it is not turned yet.
                Ok(known.filter(|known| matches!(known, Known::Answer(_)) || !is_turned))
            };
            let account = self.step.account();
            let mut call = CallContext {
                billing_date: self.billing_date,
                transfer: shown.view.transfer(),
                can_send_bytes: matches!(shown.view, View::Object(_)),
                recalled: Some(recalled),
                ..CallContext::new(self.job, progress, account.id(), identity)
            };
            let called = account.call(&request, &mut call, look_again).await;
            if let Some(prepared) = shown.prepared() {
                progress.about.prepared.insert(S::STAGE, prepared);
            }
            match called {
                Ok(Called::Answered(reply)) => {
                    break self.step.answer(reply, self.retrier.today());
                }
                Ok(Called::Known(known)) => {
                    if let Some(answer) = self.heed(Some(known), progress).await {
                        return Ok((answer, Kept::Already));
                    }
                }
                Err(stopped) if *stopped.decision() == Decision::Inline => {
                    progress.steps.inline.insert(S::STAGE);
                    shown = self.shown(view, progress).await?;
                }
                Err(stopped) => {
                    if let Some(answer) = self.step.after(stopped, self, progress).await? {
                        break answer;
                    }
                }
            }
        };
        let checkpoints = &self.answers.checkpoints;
        if let Some(unkept) = answer
            .beside_result(identity, progress.paid_by())
            .filter(|_| self.job.is_queued)
        {
            checkpoints.remember_verification(&unkept).await;
            return Ok((answer, Kept::Beside(unkept)));
        }
        let at = RecallTime::now(self.retrier.clock);
        let paid = progress.paid_by();
        let keep = || answer.keep(checkpoints, identity, Some(&paid));
        let carry = |carried: &mut CarriedAnswers| {
            *S::Answer::carried(carried) = Some(answer.clone());
        };
        let persisting = self
            .answers
            .persist(self.job, progress, identity, keep, carry)
            .instrument(trace::checkpoint("keep"));
        let beside = self.step.beside_keeping(&answer, self);
        let (persisted, ()) = tokio::join!(persisting, beside);
        let kept = match persisted? {
            Some(WriteOutcome::New) => Kept::First(at),
            Some(WriteOutcome::Exists) | None => Kept::Already,
        };
        Ok((answer, kept))
    }

    async fn shown(
        &self,
        view: &View,
        progress: &mut Progress,
    ) -> Result<ProviderImage, Box<StageStopped>> {
        self.loader
            .provider_image(S::STAGE, self.image, view, self.job, progress, self.retrier)
            .await
    }
}
