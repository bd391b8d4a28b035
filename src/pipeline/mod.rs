//! One job, one straight line: load the image, recognise, verify, build the result.
//!
//! What leaves the line early leaves it through `?`: a stage that stopped, with what the policy
//! makes of it, or an outcome that is known without asking any further. Publishing and settling are
//! the worker's; nothing here knows a broker.

mod line;
mod outcome;
mod paid_step;
mod recognition;
mod verification;

pub use crate::result_builder::{Answer, answer_to_failure, answer_to_refused, answer_to_rejected};
pub use crate::retry::Arrival;
pub use outcome::Outcome;
pub use recognition::RecognitionStep;
pub use verification::VerificationStep;

use crate::checkpoint::{AnswerStore, BillLook};
use crate::clock::server_clock::ServerClock;
use crate::clock::watch::clock_problem;
use crate::cluster::share::Share;
use crate::domain::account::AccountName;
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::stage::Stage;
use crate::image::{LoadedImage, Loader};
use crate::policy::Streak;
use crate::provider::Account;
use crate::quota::AccountQuota;
use crate::result_builder::ResultBuilder;
use crate::retry::{JobContext, PATIENCE, Retrier, StageStopped, beside};
use crate::telemetry::trace;
use line::Line;
use outcome::Exit;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub struct Pipeline {
    pub loader: Loader,
    pub recognition: RecognitionStep,
    pub verification: VerificationStep,
    pub answers: AnswerStore,
    pub retrier: Retrier,
    /// The times that the broker gives.
    pub broker_clock: Arc<ServerClock>,
    pub job_deadline: Duration,
    pub redelivery_wait: Duration,
}

impl Pipeline {
    /// Runs a queued job as far as it goes.
    pub async fn process(&self, job: &Job, progress: &mut Progress, arrival: &Arrival) -> Outcome {
        let context = JobContext {
            halt: arrival.halt.clone(),
            began: arrival.began,
            ..self.context(job, progress)
        };
        let mut line = self.line(context, progress);
        // Boxed: it holds whatever a job may hold.
        let end = Box::pin(line.run(arrival)).await;
        line.outcome(end)
    }

    /// Answers about an image without a queue: one that was read already, or the one that the job
    /// names. A job that would be parked ends `undetermined`, and its error names when it would be
    /// tried again.
    pub async fn examine(
        &self,
        job: &Job,
        image: Option<&LoadedImage>,
        progress: &mut Progress,
    ) -> Answer {
        let context = JobContext {
            is_queued: false,
            ..self.context(job, progress)
        };
        let mut line = self.line(context, progress);
        let end = Box::pin(line.run_at_once(image)).await;
        line.answer(end)
    }

    /// Publishes in the metrics what this worker may use of its accounts now.
    pub fn tell_rates(&self) {
        for quota in self.quotas() {
            quota.report_rate();
        }
    }

    /// How many jobs to take at once: what follows from this worker's share of the slower stage's rate,
    /// `most` at the most.
    pub fn prefetch(&self, most: u16) -> u16 {
        let rate = self.recognition.accounts.rate_per_second();
        let rate = rate.min(self.verification.accounts.rate_per_second());
        let in_flight = self.quotas().map(AccountQuota::max_in_flight).sum();
        Share::prefetch(rate, in_flight, most)
    }

    /// Says what is wrong with this machine's clock, as far as the servers have said what time it
    /// is.
    pub fn clock_problem(&self) -> Option<String> {
        let broker = self.broker_clock.reading();
        let broker = broker.map(|reading| ("broker".to_owned(), reading));
        let store = self.loader.store.clock_reading();
        let store = store.map(|reading| ("store".to_owned(), reading));
        let recognition = self.recognition.accounts.clock_readings();
        let accounts = recognition.chain(self.verification.accounts.clock_readings());
        let accounts = accounts.map(|(account, reading)| (account.to_string(), reading));
        let readings: Vec<_> = broker.into_iter().chain(store).chain(accounts).collect();
        clock_problem(&readings, self.retrier.clock.now())
    }

    /// Looks like [`Pipeline::clock_problem`]. The store is asked what time it is where it said
    /// nothing yet, or something bad.
    pub async fn asked_clock_problem(&self) -> Option<String> {
        let store = &self.loader.store;
        if !store.tells_time() {
            return None;
        }
        if store.clock_reading().is_none() || self.clock_problem().is_some() {
            store.ask_the_time(&self.loader.bucket).await;
        }
        self.clock_problem()
    }

    /// Makes a control call with an account that is probed by these.
    pub async fn probe(&self, account: AccountName, streak: Streak) {
        if account == AccountName::STORAGE {
            self.answers.probe_again().await;
        }
        if let Some(account) = self.recognition.accounts.named(account) {
            account.probe(streak).await;
        }
        if let Some(account) = self.verification.accounts.named(account) {
            account.probe(streak).await;
        }
    }

    fn quotas(&self) -> impl Iterator<Item = &AccountQuota> {
        let recognition = self.recognition.accounts.iter().map(Account::quota);
        let verification = self.verification.accounts.iter().map(Account::quota);
        recognition.chain(verification)
    }

    fn line<'a>(&'a self, job: JobContext<'a>, progress: &'a mut Progress) -> Line<'a> {
        Line {
            loader: &self.loader,
            recognition: &self.recognition,
            verification: &self.verification,
            answers: &self.answers,
            retrier: &self.retrier,
            result: ResultBuilder::about(self.loader.named(&job.job.image)),
            recognised: None,
            verified: None,
            job,
            progress,
        }
    }

    fn context<'a>(&self, job: &'a Job, progress: &Progress) -> JobContext<'a> {
        JobContext {
            job,
            halt: CancellationToken::new(),
            deadline: progress.deadline(job, self.job_deadline),
            began: Instant::now(),
            is_queued: true,
            redelivery_wait: self.redelivery_wait,
            origin: self.loader.origin(&job.image),
        }
    }
}

impl Line<'_> {
    /// The line of a queued job.
    async fn run(&mut self, arrival: &Arrival) -> Result<(), Exit> {
        self.replay_unsent(arrival).await?;
        self.look_ahead(arrival)?;
        let image = self.load().instrument(trace::image()).await?;
        let job_id = self.job.job.id.as_str();
        let mut look = BillLook::new(self.answers, job_id, self.job.halt.clone());
        let end = Box::pin(self.run_about(&image, arrival, &mut look)).await;
        self.result.claimed(&image.identity, look.into_claim());
        end
    }

    async fn run_about(
        &mut self,
        image: &LoadedImage,
        arrival: &Arrival,
        look: &mut BillLook<'_>,
    ) -> Result<(), Exit> {
        let recalling = self.recall(image, arrival, look);
        recalling.instrument(trace::checkpoint("find")).await?;
        self.wait_for_another_worker(image, arrival).await?;
        // In an earlier turn it left a mark.
        let is_known = arrival.returned || self.progress.delivered.redelivered;
        let mut reading = pin!(self.qr_reading(image));
        // Boxed: it holds whatever a job may hold.
        let calls = Box::pin(async {
            let recognising = self.recognise(image, Some(look));
            recognising
                .instrument(trace::stage(Stage::Recognition))
                .await?;
            let verifying = self.verify_and_look(image, is_known, look);
            verifying
                .instrument(trace::stage(Stage::Verification))
                .await
        });
        let (ended, read) = beside(calls, reading.as_mut()).await;
        let qr = if let Some(qr) = read {
            qr
        } else {
            let reading = timeout(PATIENCE, reading);
            self.keep_meanwhile(reading).await.ok().flatten()
        };
        self.result.qr = qr.or_else(|| image.made_qr());
        Ok(ended?)
    }

    /// The line of a job that is not queued.
    async fn run_at_once(&mut self, image: Option<&LoadedImage>) -> Result<(), Box<StageStopped>> {
        let stored;
        let image = if let Some(image) = image {
            image
        } else {
            stored = self.load().await?;
            &stored
        };
        self.is_about(image);
        self.recognise(image, None).await?;
        self.verify(image).await
    }
}
