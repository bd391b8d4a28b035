//! One job, one straight line: load the image, recognise, verify, retrier.
//!
//! What leaves the line early leaves it through `?` with a [`StageStopped`]: a failure and what the
//! policy makes of it. Publishing and settling are the worker's; nothing here knows a broker.

mod findings;
mod flight;
mod once;
mod outcome;
mod proof;
mod steps;

pub use findings::{Answer, answer_of_another_run, answer_to_failure, answer_to_rejected};
pub use flight::SingleFlight;
pub use outcome::{Outcome, ParkRequest};

use crate::breaker::Blocked;
use crate::checkpoint::{
    AnswerStore, CarriedAnswers, StoredResult, Verification, VerificationAnswer,
};
use crate::cluster::share::Share;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::{Invoice, Verified};
use crate::domain::job::{ImageRef, Job};
use crate::domain::progress::Progress;
use crate::domain::result::{RecognitionPart, Status, Verdict};
use crate::image::{LoadedImage, Loader};
use crate::policy::{Decision, PolicyDecision, Transfer};
use crate::provider::client::Client;
use crate::retry::{Brought, Case, RecallTime, Retrier, StageStopped};
use findings::ResultBuilder;
use outcome::Exit;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub struct Pipeline {
    pub loader: Loader,
    pub recognition: Client<Invoice>,
    pub verification: Client<Verified>,
    /// Calls that are being made, for whoever asks the same.
    pub recognitions: SingleFlight<RecognitionPart>,
    pub verifications: SingleFlight<VerificationAnswer>,
    pub answers: AnswerStore,
    pub retrier: Retrier,
    pub job_deadline: Duration,
    pub redelivery_wait: Duration,
    /// `verification.auto_rotate`: already the first call lets the provider turn the picture.
    pub auto_rotate: bool,
}

/// How a job came to this worker.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The broker has handed this message out before.
    pub redelivered: bool,
    /// So another worker may still be at work on it.
    pub maybe_elsewhere: bool,
    /// It comes back from being parked: another copy of its run may have been answered meanwhile.
    pub returned: bool,
    /// Cancelled when nothing more may be started for it here.
    pub halt: CancellationToken,
    /// Since when its delivery is held.
    pub began: Instant,
}

impl Pipeline {
    /// Runs the job as far as it goes.
    pub async fn process(&self, job: &Job, progress: &mut Progress, arrival: &Arrival) -> Outcome {
        let mut findings = ResultBuilder::default();
        if let Some(stored) = self.unsent(progress, arrival).await {
            let question = progress
                .unsent
                .as_ref()
                .map(|unsent| unsent.question.clone());
            return Outcome::Replay {
                stored: Box::new(stored),
                question,
            };
        }
        if let Some(barrier) = self.barred_at_the_door(job, progress, arrival) {
            let deadline = progress.deadline(job, self.job_deadline);
            let StageStopped {
                failure,
                ruling,
                barrier,
            } = *self.retrier.barred(barrier, deadline);
            if let Decision::Park { until } = ruling.decision {
                return Outcome::Park(self.parking(
                    until,
                    deadline,
                    failure,
                    &ruling,
                    barrier.as_ref(),
                ));
            }
        }
        // Boxed: it holds whatever a job may hold.
        match Box::pin(self.whole_line(job, progress, arrival, &mut findings)).await {
            Ok(()) => Outcome::Publish(Box::new(self.answered(job, progress, findings))),
            Err(Exit::Early(outcome)) => outcome,
            Err(Exit::Stopped(stopped)) => {
                match self.stopped(*stopped, job, progress, &mut findings) {
                    Ok(answer) => Outcome::Publish(Box::new(answer)),
                    Err(parking) => Outcome::Park(parking),
                }
            }
        }
    }

    /// A job whose call may still be under way at another worker waits until it must be over.
    fn redelivered(&self, job: &Job, progress: &Progress) -> Outcome {
        let failure = Failure::new(
            Stage::Worker,
            "redelivered",
            "delivered again: its earlier call may still be running elsewhere",
        );
        let until = self.later(self.redelivery_wait);
        let ruling = PolicyDecision::without_rule(Decision::Park { until });
        let deadline = progress.deadline(job, self.job_deadline);
        let parking = self.parking(until, deadline, failure, &ruling, None);
        Outcome::Park(Box::new(ParkRequest {
            survived: false,
            ..*parking
        }))
    }

    /// In the metrics: what this worker may use of both accounts now.
    pub fn tell_rates(&self) {
        self.recognition.quota().report_rate();
        self.verification.quota().report_rate();
    }

    /// How many jobs to take at once: what follows from this worker's share of the slower rate,
    /// `most` at the most.
    pub fn prefetch(&self, most: u16) -> u16 {
        let rate = self
            .recognition
            .quota()
            .rate_per_second()
            .min(self.verification.quota().rate_per_second());
        Share::prefetch(
            rate,
            self.recognition.quota().max_in_flight() + self.verification.quota().max_in_flight(),
            most,
        )
    }

    /// The answer that only has to be published. Where it cannot be read the job takes the whole
    /// line again, to the same end.
    async fn unsent(&self, progress: &mut Progress, arrival: &Arrival) -> Option<StoredResult> {
        let question = progress.unsent.as_ref()?.question.clone();
        let stored = self.answers.result(&question, &arrival.halt).await;
        stored.filter(|stored| stored.run == progress.run)
    }

    /// A job that will find its stage closed is parked before anything is fetched for it. A
    /// redelivered one may have been answered.
    fn barred_at_the_door(
        &self,
        job: &Job,
        progress: &Progress,
        arrival: &Arrival,
    ) -> Option<Blocked> {
        if arrival.redelivered
            || self.retrier.clock.now() > progress.deadline(job, self.job_deadline)
        {
            return None;
        }
        let next = if progress.bill.is_some() {
            Stage::Verification
        } else {
            Stage::Recognition
        };
        let mut scopes = progress.scopes(next);
        if matches!(job.image, ImageRef::Object { .. }) {
            scopes.extend(progress.scopes(Stage::Storage));
        }
        self.retrier.breaker.blocked(&scopes, &progress.run)
    }

    async fn whole_line(
        &self,
        job: &Job,
        progress: &mut Progress,
        arrival: &Arrival,
        findings: &mut ResultBuilder,
    ) -> Result<(), Exit> {
        let mut case = self.case(job, progress, arrival.halt.clone(), arrival.began);
        findings.image = Some(self.loader.named(&job.image));
        let loaded = match self.loader.load(job, &self.retrier, &mut case).await {
            Ok(loaded) => loaded,
            Err(stopped) => {
                self.recall_for_the_end(&stopped, &case, findings).await;
                return Err(stopped.into());
            }
        };
        findings.image = Some(loaded.part.clone());
        case.progress.is_about(&loaded.identity);
        let question = loaded.question(job);
        findings.question = Some(question.clone());
        if let Some(stored) = self
            .answers
            .recall(&case.halt, case.deadline, || {
                self.answers.checkpoints.result(&question)
            })
            .await?
        {
            let is_this_run = stored.run == case.progress.run;
            answered_before(job, stored, question, case.progress, arrival)?;
            case.progress.asked_again |= is_this_run;
        }
        if arrival.maybe_elsewhere && !self.is_paid(job, &loaded, &case).await? {
            return Err(Exit::Early(self.redelivered(job, case.progress)));
        }
        self.questions(job, &loaded, &mut case, findings).await?;
        Ok(())
    }

    /// An image that went away while its job was parked was read before, perhaps: what was paid for
    /// is in the result.
    async fn recall_for_the_end(
        &self,
        stopped: &StageStopped,
        case: &Case<'_>,
        findings: &mut ResultBuilder,
    ) {
        let is_the_end = matches!(stopped.ruling.decision, Decision::Fail { .. });
        let Some(image) = case.progress.image.as_deref().filter(|_| is_the_end) else {
            return;
        };
        findings.recognition = match CarriedAnswers::about(image, case.progress).recognition {
            Some(part) => Some(part),
            // A store that does not answer is no reason to keep the job waiting.
            None => self
                .answers
                .recall(&case.halt, case.deadline, || {
                    self.answers.checkpoints.recognition(image)
                })
                .await
                .ok()
                .flatten(),
        };
    }

    /// Is the last answer that this job pays for at hand?
    async fn is_paid(
        &self,
        job: &Job,
        loaded: &LoadedImage,
        case: &Case<'_>,
    ) -> Result<bool, Exit> {
        let identity = &loaded.identity;
        if job.verify {
            let today = self.today();
            let known = self
                .answers
                .recall(&case.halt, case.deadline, || {
                    self.answers.checkpoints.verification(identity, today)
                })
                .await?;
            Ok(matches!(known, Some(Verification::Answered(_))))
        } else {
            Ok(self
                .answers
                .recall(&case.halt, case.deadline, || {
                    self.answers.checkpoints.recognition(identity)
                })
                .await?
                .is_some())
        }
    }

    /// The two questions we pay for.
    async fn questions(
        &self,
        job: &Job,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
        findings: &mut ResultBuilder,
    ) -> Result<(), Box<StageStopped>> {
        self.recognise(job, loaded, case, findings).await?;
        match &loaded.verification {
            Some(view) => self.verify(loaded, view, case, findings).await?,
            None => findings.verdict = Some(Verdict::Recognized),
        }
        Ok(())
    }

    fn case<'a>(
        &self,
        job: &Job,
        progress: &'a mut Progress,
        halt: CancellationToken,
        began: Instant,
    ) -> Case<'a> {
        let deadline = progress.deadline(job, self.job_deadline);
        Case {
            progress,
            halt,
            deadline,
            began,
            is_queued: true,
            subject: String::new(),
            billing_date: None,
            transfer: Transfer::Inline,
            brought: Brought::Nothing,
            has_bytes: false,
            recalled: RecallTime::now(self.retrier.clock),
            redelivery_wait: self.redelivery_wait,
            failing_since: None,
        }
    }

    fn answered(&self, job: &Job, progress: &Progress, findings: ResultBuilder) -> Answer {
        let status = if findings.verdict.is_some() {
            Status::Completed
        } else {
            Status::Undetermined
        };
        findings.into_answer(job, progress, status, self.retrier.clock.now())
    }
}

/// What a stored result of the same job means for this copy of it. `Ok`: nothing, it is asked
/// again.
fn answered_before(
    job: &Job,
    stored: StoredResult,
    question: String,
    progress: &Progress,
    arrival: &Arrival,
) -> Result<(), Exit> {
    let completed = stored.status == Status::Completed;
    if stored.run != progress.run {
        let answer = if completed {
            findings::answer_of_another_run(job, &stored)
        } else {
            None
        };
        return answer.map_or(Ok(()), |answer| {
            Err(Exit::Early(Outcome::Publish(Box::new(answer))))
        });
    }
    let replay = |stored| {
        Err(Exit::Early(Outcome::Replay {
            stored: Box::new(stored),
            question: Some(question),
        }))
    };
    let never_published =
        (progress.redelivered || progress.unsent.is_some()) && !progress.asked_again;
    if arrival.redelivered || never_published {
        // Whoever stored it may have died, or lost its connection, before it was published.
        return replay(stored);
    }
    if arrival.returned && !progress.asked_again {
        // A crash forked the run; the copy that stored the result publishes it before it is
        // settled.
        return Err(Exit::Early(Outcome::Drop));
    }
    if completed { replay(stored) } else { Ok(()) }
}
