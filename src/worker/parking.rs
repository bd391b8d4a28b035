//! A delivery that ends in a wait: its parked copy is published; the acknowledgement follows.

use super::delivery::DeliveryHandler;
use crate::broker::{InHand, Unpublished};
use crate::checkpoint::UnparkedRun;
use crate::domain::failure::Failure;
use crate::domain::job::Job;
use crate::domain::progress::Parked;
use crate::domain::result::{PROGRESS_SCHEMA, ProgressMessage};
use crate::ledger::{self, TurnEnd, Wait};
use crate::retry::ParkRequest;
use crate::telemetry::trace;
use jiff::Timestamp;

impl DeliveryHandler {
    pub(super) async fn park(
        &self,
        job: Option<&Job>,
        held: &mut InHand<'_>,
        request: ParkRequest,
    ) -> Result<(), Unpublished> {
        let (until, Failure { stage, code, .. }) = (request.until, &request.failure);
        if request.survived {
            held.past.record_survival();
        }
        held.past.progress.park(Parked {
            stage: *stage,
            code: code.clone(),
            at: self.now(),
            by_pause: request.by_pause,
        });
        let end = TurnEnd::Parked(Wait::from(&request));
        if let Err(unpublished) = self.park_and_tell(held, until, &end).await {
            // The delivery comes back as it was handed out; what was paid for is not bought again.
            if held.has_called() {
                let progress = held.past.progress.clone();
                let (unparked, halt) = (UnparkedRun { progress, until }, &held.generation.halt);
                let answers = &self.parts.pipeline.answers;
                answers.keep_unparked(&unparked, halt).await;
            }
            return Err(unpublished);
        }
        if let Some(job) = job.filter(|job| job.progress && !request.is_brief) {
            let message = ProgressMessage {
                schema: PROGRESS_SCHEMA,
                job_id: job.id.as_str(),
                stage: *stage,
                code,
                attempt: held.past.progress.attempts(*stage),
                next_attempt_at: request.next_attempt_at,
            };
            self.outbox.publish_progress(held, &message).await;
        }
        self.record(ledger::parked(held, request));
        Ok(())
    }

    /// Publishes the parked copy, and side by side what the turn was.
    pub(super) async fn park_and_tell(
        &self,
        held: &mut InHand<'_>,
        until: Timestamp,
        end: &TurnEnd<'_>,
    ) -> Result<(), Unpublished> {
        let ledger = &self.parts.ledger;
        let event = ledger.event(held, end, self.now());
        let parking = self.outbox.park(held, until);
        let (parked, told) = tokio::join!(parking, ledger.write(held.generation, event));
        parked.and(told)
    }

    /// Parks a job that came to no decision. The ledger has an event of it if there are calls to tell.
    pub(super) async fn hand_back(
        &self,
        held: &mut InHand<'_>,
        until: Timestamp,
    ) -> Result<(), Unpublished> {
        if !held.has_untold_calls() {
            return self.outbox.park(held, until).await;
        }
        let end = TurnEnd::Parked(Wait::again(&held.past.progress, until));
        self.park_and_tell(held, until, &end).await
    }

    /// The job runs alone when it comes back.
    pub(super) async fn park_suspect(
        &self,
        held: &mut InHand<'_>,
        deaths: u32,
    ) -> Result<(), Unpublished> {
        let job_deadline = self.parts.pipeline.job_deadline;
        let until = held.past.suspect(deaths, job_deadline, self.now());
        held.past.progress.delivered.trace = trace::current();
        let end = TurnEnd::Parked(Wait::for_suspect(until));
        self.park_and_tell(held, until, &end).await?;
        tracing::warn!(
            job.run = held.past.progress.run,
            deaths,
            "a job that came back from several crashes is suspected; it will run alone"
        );
        Ok(())
    }
}
