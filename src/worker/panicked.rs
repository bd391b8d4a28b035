//! Panics while a job is handled: whose fault are they?
//!
//! One is taken for the job's: it is answered `worker.panic`. A second one at the same place of the
//! program, of another job, is not. So the worker takes no more jobs, hands back those that it has
//! as they came, and says so until an operator restarts it: after a restart it would fail on the
//! next two.

use super::Worker;
use super::brought::Brought;
use super::outbox::Unpublished;
use super::turn::{Turn, settle};
use crate::broker::{Delivery, Generation};
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::Job;
use crate::domain::result::Status;
use crate::panics::{PanicCause, take_place};
use crate::pipeline::{answer_to_failure, answer_to_rejected};
use crate::telemetry::health::State;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;

impl Worker {
    /// After a panic at this place.
    pub(super) async fn panicked(
        &self,
        job: &Job,
        turn: &Turn<'_>,
        place: String,
    ) -> Result<(), Unpublished> {
        if self.is_unfit(&place, job.id.as_str(), &turn.progress.run) {
            return self
                .outbox(turn)
                .park(
                    turn.message,
                    &turn.progress,
                    self.pipeline.retrier.clock.now(),
                    turn.suspect,
                )
                .await;
        }
        let failure = Failure::new(
            Stage::Worker,
            "worker.panic",
            "the worker failed on this job; a person has to look at it",
        );
        let now = self.pipeline.retrier.clock.now();
        self.answer(
            Some(job),
            turn,
            answer_to_failure(job, Status::Undetermined, &failure, &turn.progress, now),
        )
        .await
    }

    /// After a panic outside the pipeline: that job alone is answered, or parked.
    pub(super) async fn hand_back_after_a_panic(
        &self,
        delivery: Delivery,
        generation: &Generation,
    ) {
        let place = take_place();
        let handing_back = AssertUnwindSafe(self.answer_or_park(&delivery, generation, place))
            .catch_unwind()
            .await;
        if let Ok(Ok(())) = handing_back {
            return settle(delivery).await;
        }
        tracing::error!(
            "a job on which the worker failed can be neither answered nor parked; connecting anew, it will be delivered again"
        );
        // Unsettled, the delivery would stay with this generation for ever.
        generation.end();
    }

    async fn answer_or_park(
        &self,
        delivery: &Delivery,
        generation: &Generation,
        place: String,
    ) -> Result<(), Unpublished> {
        let message = &delivery.message;
        let Brought {
            mut progress,
            returned: _,
            not_before,
            deaths: suspect,
        } = self.brought(message);
        progress.redelivered |= delivery.redelivered;
        let (calls_brought, began) = (progress.totals.calls, Instant::now());
        let mut turn = Turn {
            message,
            generation,
            job_id: None,
            progress,
            calls_brought,
            is_new: false,
            suspect,
            not_before,
            began,
        };
        match self.read(message) {
            Ok(job) => {
                turn.job_id = Some(job.id.to_string());
                self.panicked(&job, &turn, place).await
            }
            Err(rejected) => {
                let now = self.pipeline.retrier.clock.now();
                self.answer(
                    None,
                    &turn,
                    answer_to_rejected(&rejected, turn.progress.first_seen, now),
                )
                .await
            }
        }
    }

    /// Have other jobs failed at this place? Then the worker stops taking jobs.
    fn is_unfit(&self, place: &str, job: &str, run: &str) -> bool {
        if self.panics.cause(place, job) == PanicCause::Job {
            return false;
        }
        if !self.unfit.is_cancelled() {
            let problem = format!(
                "two jobs failed at the same place of the program, {place}: it is not the jobs. No more are taken, those in hand go to other \
                 workers. Look at the configuration and report the place, then restart this worker"
            );
            tracing::error!(
                place,
                job.id = job,
                job.run = run,
                problem,
                "this worker is unfit and takes no more jobs"
            );
            self.health.set(State::Unfit { problem });
            self.unfit.cancel();
        }
        true
    }
}
