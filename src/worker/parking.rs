//! A delivery that ends in a wait: its parked copy is published; the acknowledgement follows.

use super::delivery::DeliveryHandler;
use crate::broker::{InHand, Unpublished};
use crate::checkpoint::UnparkedRun;
use crate::domain::failure::Failure;
use crate::domain::job::Job;
use crate::domain::progress::Parked;
use crate::domain::result::{PROGRESS_SCHEMA, ProgressMessage};
use crate::retry::ParkRequest;
use crate::telemetry::job_event::{JobEvent, JobParked};
use jiff::Timestamp;

impl DeliveryHandler {
    pub(super) async fn park(
        &self,
        job: Option<&Job>,
        held: &mut InHand<'_>,
        request: ParkRequest,
    ) -> Result<(), Unpublished> {
        let ParkRequest {
            until,
            failure: Failure { stage, code, .. },
            reason,
            next_attempt_at,
            is_brief,
            by_pause,
            survived,
        } = request;
        if survived {
            held.past.record_survival();
        }
        held.past.progress.park(Parked {
            stage,
            code: code.clone(),
            at: self.now(),
            by_pause,
        });
        if let Err(unpublished) = self.outbox.park(held, until).await {
            self.keep_unparked(held, until).await;
            return Err(unpublished);
        }
        let progress = &held.past.progress;
        if let Some(job) = job.filter(|job| job.progress && !is_brief) {
            let message = ProgressMessage {
                schema: PROGRESS_SCHEMA,
                job_id: job.id.as_str(),
                stage,
                code: &code,
                attempt: progress.attempts(stage),
                next_attempt_at,
            };
            self.outbox.publish_progress(held, &message).await;
        }
        self.record(JobEvent::Parked(JobParked {
            job_id: held.job_id.clone().unwrap_or_default(),
            run: progress.run.clone(),
            stage,
            code,
            reason,
            until,
            brief: is_brief,
            by_pause,
            totals: progress.costs.totals,
            turn: held.began.elapsed(),
        }));
        Ok(())
    }

    /// The job runs alone when it comes back.
    pub(super) async fn park_suspect(
        &self,
        held: &mut InHand<'_>,
        deaths: u32,
    ) -> Result<(), Unpublished> {
        let job_deadline = self.parts.pipeline.job_deadline;
        let until = held.past.suspect(deaths, job_deadline, self.now());
        self.outbox.park(held, until).await?;
        tracing::warn!(
            job.run = held.past.progress.run,
            deaths,
            "a job that came back from several crashes is suspected; it will run alone"
        );
        Ok(())
    }

    /// The delivery comes back as it was handed out. What was paid for meanwhile is kept, so that
    /// it is not bought again.
    async fn keep_unparked(&self, held: &InHand<'_>, until: Timestamp) {
        if held.past.progress.costs.totals.calls > held.calls_before {
            let progress = held.past.progress.clone();
            let (unparked, halt) = (UnparkedRun { progress, until }, &held.generation.halt);
            let answers = &self.parts.pipeline.answers;
            answers.keep_unparked(&unparked, halt).await;
        }
    }
}
