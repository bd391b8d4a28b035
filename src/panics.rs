//! Places of this program where jobs made it panic: is the job at fault, or the program?
//!
//! A panic is taken for the job's fault. A second one at the same place, of another job, is not: a
//! library or the configuration is at fault, and every job would meet with it. Then this process is
//! unfit: it takes no more jobs, and says so until an operator restarts it, because after a restart
//! it would fail on the next two.

use crate::telemetry::health::{Health, HealthState};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, Once, PoisonError};
use tokio_util::sync::CancellationToken;

thread_local! {
    /// The place at which this thread panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The places where jobs panicked, each with the one job that did; none where several did.
#[derive(Debug, Default)]
struct PanicPlaces(Mutex<BTreeMap<String, Option<String>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicCause {
    Job,
    /// Other jobs panicked there as well.
    Program,
}

impl PanicPlaces {
    /// Records that this job panicked at this place.
    fn cause(&self, place: &str, job: &str) -> PanicCause {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Whether this process may be trusted with jobs.
#[derive(Debug)]
pub struct Fitness {
    places: PanicPlaces,
    health: Health,
    /// Cancelled when the worker may take no more jobs.
    unfit: CancellationToken,
}

impl Fitness {
    pub fn new(health: Health) -> Self {
        Self {
            places: PanicPlaces::default(),
            health,
            unfit: CancellationToken::new(),
        }
    }

    /// Returns once the worker may take no more jobs.
    pub async fn lost(&self) {
        self.unfit.cancelled().await;
    }

    pub fn is_lost(&self) -> bool {
        self.unfit.is_cancelled()
    }

    /// Records a panic. Is the program at fault, because other jobs panicked there as well? Then
    /// the worker is unfit from now on.
    pub fn record_panic(&self, place: &str, job: &str, run: &str) -> PanicCause {
        let cause = self.places.cause(place, job);
        if cause == PanicCause::Program && !self.is_lost() {
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
            self.health.set(HealthState::Unfit { problem });
            self.unfit.cancel();
        }
        cause
    }
}

/// From now on the place of a panic is remembered, beside what was done about it before.
pub fn remember_places() {
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

/// The place of the panic that was caught just now, on this thread.
pub fn take_place() -> String {
    PLACE.with(RefCell::take)
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
    fn the_place_of_a_panic_is_that_of_the_caller_of_what_panics() {
        remember_places();
        let none = std::hint::black_box(None::<u8>);
        let (caught, line) = (std::panic::catch_unwind(|| none.unwrap()), line!());
        assert!(caught.is_err());
        assert_eq!(take_place(), format!("{}:{line}", file!()));
        assert_eq!(take_place(), "", "taken once");
    }
}
