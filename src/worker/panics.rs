//! Panics in a job's turn: whose fault are they?
//!
//! One is taken for the job's: it is answered `worker.panic`. A second one at the same place of the
//! program, of another job, is not: a library or the configuration is at fault, every job would
//! meet with it, and after a restart the next two. So the worker takes no more jobs, hands back
//! those that it has as they came, and says so until an operator restarts it.

use super::Worker;
use super::brought::Brought;
use super::outbox::Unpublished;
use super::session::Generation;
use super::turn::{Turn, settle};
use crate::broker::Delivery;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::Job;
use crate::domain::result::Status;
use crate::pipeline::{answer_to_failure, answer_to_rejected};
use crate::telemetry::health::State;
use futures_util::FutureExt;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, Once, PoisonError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The places where jobs made the worker panic.
#[derive(Debug, Default)]
pub struct PanicPlaces {
    /// With the one job that failed there; none where several did.
    jobs: Mutex<BTreeMap<String, Option<String>>>,
    /// Cancelled when the worker may take no more jobs.
    pub(super) unfit: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PanicCause {
    Job,
    /// Other jobs fail there as well.
    Program,
}

impl PanicPlaces {
    fn cause(&self, place: &str, job: &str) -> PanicCause {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let only = jobs
            .entry(place.to_owned())
            .or_insert_with(|| Some(job.to_owned()));
        if only.as_deref() == Some(job) {
            return PanicCause::Job;
        }
        *only = None;
        PanicCause::Program
    }
}

/// From now on the place of a panic is remembered, beside what was done about it before.
pub(super) fn remember_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic
                .location()
                .map(|place| format!("{}:{}", place.file(), place.line()))
                .unwrap_or_default();
            PLACE.with(|last| last.replace(place));
            before(panic);
        }));
    });
}

/// Of the panic that was caught just now, on this thread.
pub(super) fn panic_place() -> String {
    PLACE.with(RefCell::take)
}

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
        let place = panic_place();
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
        if !self.panics.unfit.is_cancelled() {
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
            self.panics.unfit.cancel();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_job_at_the_same_place_shows_that_it_is_the_program() {
        let panics = PanicPlaces::default();
        for (place, job, expected) in [
            ("lib.rs:1", "one", PanicCause::Job),
            ("lib.rs:1", "one", PanicCause::Job),
            ("lib.rs:2", "two", PanicCause::Job),
            ("lib.rs:1", "two", PanicCause::Program),
            ("lib.rs:1", "three", PanicCause::Program),
            ("lib.rs:1", "one", PanicCause::Program),
        ] {
            assert_eq!(panics.cause(place, job), expected, "{place} {job}");
        }
    }

    #[test]
    fn the_place_of_a_panic_is_that_of_whoever_called_what_panics() {
        remember_places();
        let none = std::hint::black_box(None::<u8>);
        let (caught, line) = (std::panic::catch_unwind(|| none.unwrap()), line!());
        assert!(caught.is_err());
        assert_eq!(panic_place(), format!("{}:{line}", file!()));
        assert_eq!(panic_place(), "", "told once");
    }
}
