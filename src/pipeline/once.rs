//! One image, once, without a queue: for the command that waits for no later attempt.

use super::{Answer, ParkRequest, Pipeline, ResultBuilder};
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::{JobError, Status};
use crate::image::LoadedImage;
use crate::retry::{Case, StageStopped};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

impl Pipeline {
    /// Answers about an image that is at hand, once, without a queue: a job that would be parked
    /// ends `undetermined`, and its error names when it would be tried again.
    pub async fn examine(
        &self,
        job: &Job,
        loaded: &LoadedImage,
        progress: &mut Progress,
    ) -> Answer {
        let mut findings = ResultBuilder {
            image: Some(loaded.part.clone()),
            ..ResultBuilder::default()
        };
        let mut case = Case {
            is_queued: false,
            ..self.case(job, progress, CancellationToken::new(), Instant::now())
        };
        let outcome = self.questions(job, loaded, &mut case, &mut findings).await;
        self.answer_at_once(outcome, job, progress, findings)
    }

    /// As [`Pipeline::examine`], for an image in the store.
    pub async fn examine_stored(&self, job: &Job, progress: &mut Progress) -> Answer {
        let mut findings = ResultBuilder {
            image: Some(self.loader.named(&job.image)),
            ..ResultBuilder::default()
        };
        let mut case = Case {
            is_queued: false,
            ..self.case(job, progress, CancellationToken::new(), Instant::now())
        };
        let outcome = match self.loader.load(job, &self.retrier, &mut case).await {
            Ok(loaded) => {
                findings.image = Some(loaded.part.clone());
                self.questions(job, &loaded, &mut case, &mut findings).await
            }
            Err(stopped) => Err(stopped),
        };
        self.answer_at_once(outcome, job, progress, findings)
    }

    fn answer_at_once(
        &self,
        outcome: Result<(), Box<StageStopped>>,
        job: &Job,
        progress: &Progress,
        mut findings: ResultBuilder,
    ) -> Answer {
        let Err(stopped) = outcome else {
            return self.answered(job, progress, findings);
        };
        self.stopped(*stopped, job, progress, &mut findings)
            .unwrap_or_else(|parking| {
                let ParkRequest { until, failure, .. } = *parking;
                let message = format!(
                    "{}; a queued job would be tried again at {until}",
                    failure.message
                );
                findings.error = Some(JobError {
                    message,
                    ..JobError::new(&failure, progress.attempts(failure.stage))
                });
                findings.into_answer(
                    job,
                    progress,
                    Status::Undetermined,
                    self.retrier.clock.now(),
                )
            })
    }
}
