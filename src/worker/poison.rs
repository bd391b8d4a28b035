//! Jobs that kill the worker: found, taken alone, and after some deaths given up, so that they take
//! no other job with them. And jobs on which it panics, where the program may be at fault.
//!
//! A crash returns everything that was handed out, innocents included. So a job that was returned a
//! few times is only suspected: it is parked at once, the worker makes room, and when the job comes
//! back it runs with nothing else in flight. Then its deaths are its own.
//!
//! A panic is taken for the job's fault: it is answered `worker.panic`. A second one at the same
//! place of the program, of another job, is not. Then the worker takes no more jobs, hands back
//! those that it has as they came, and says so until an operator restarts it: after a restart it
//! would fail on the next two.

use super::context::not_before;
use crate::broker::{Message, ParkedHeaders, SUSPECT, read_parked_headers};
use crate::panics::{PanicCause, PanicPlaces};
use crate::seal::Sealer;
use crate::telemetry::health::{Health, State};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// A job that was returned so often by crashes, its own or others', is suspected (contract, delivery
/// counts).
const SUSPECTED_FROM: u32 = 3;
/// So many deaths while it was alone make a job poison.
const POISON_FROM: u32 = 5;

/// What a delivery's past means for the way it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    None,
    /// To be parked, and taken alone when it comes back; the worker has died of it so often.
    Park(u32),
    /// It is handled with nothing else in flight.
    Alone,
    Poison,
}

impl Suspicion {
    /// `deaths` is the count of a job that has to run alone, when it was last parked; `returns` says
    /// how often it came back since it was last handled to an end.
    pub(super) fn of(deaths: Option<u32>, returns: u32, is_alone: bool) -> Self {
        match deaths.map(|deaths| deaths.saturating_add(returns)) {
            None if returns >= SUSPECTED_FROM => Self::Park(0),
            None => Self::None,
            Some(deaths) if deaths >= POISON_FROM => Self::Poison,
            Some(_) if is_alone => Self::Alone,
            Some(deaths) => Self::Park(deaths),
        }
    }
}

/// Does this job have to run alone, and is its wait over? While it hops over the delay queues no
/// worker makes room for it.
pub(super) fn is_due_suspect(message: &Message, sealer: &Sealer, now: Timestamp) -> bool {
    if !message.properties.headers.contains(SUSPECT) {
        return false;
    }
    match read_parked_headers(message, sealer) {
        ParkedHeaders::Valid(state) if state.deaths.is_some() => {
            not_before(&state).is_none_or(|until| until <= now)
        }
        ParkedHeaders::Valid(_) | ParkedHeaders::Refused | ParkedHeaders::None => false,
    }
}

/// Whether this process may be trusted with jobs.
pub(super) struct Fitness {
    panics: PanicPlaces,
    health: Health,
    /// Cancelled when the worker may take no more jobs.
    unfit: CancellationToken,
}

impl Fitness {
    pub(super) fn new(health: Health) -> Self {
        Self {
            panics: PanicPlaces::default(),
            health,
            unfit: CancellationToken::new(),
        }
    }

    /// Returns once the worker may take no more jobs.
    pub(super) async fn lost(&self) {
        self.unfit.cancelled().await;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.unfit.is_cancelled()
    }

    /// Records a panic. Is the program at fault, because other jobs panicked there as well? Then
    /// the worker is unfit from now on.
    pub(super) fn record_panic(&self, place: &str, job: &str, run: &str) -> PanicCause {
        let cause = self.panics.cause(place, job);
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
            self.health.set(State::Unfit { problem });
            self.unfit.cancel();
        }
        cause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_suspected_taken_alone_and_given_up() {
        for (deaths, returns, is_alone, expected) in [
            (None, 0, false, Suspicion::None),
            (None, 2, false, Suspicion::None),
            (None, 3, false, Suspicion::Park(0)),
            (None, 19, false, Suspicion::Park(0)),
            (Some(0), 0, false, Suspicion::Park(0)),
            (Some(0), 0, true, Suspicion::Alone),
            (Some(0), 4, true, Suspicion::Alone),
            (Some(0), 5, true, Suspicion::Poison),
            (Some(3), 1, false, Suspicion::Park(4)),
            (Some(3), 2, false, Suspicion::Poison),
            (Some(u32::MAX), u32::MAX, true, Suspicion::Poison),
        ] {
            assert_eq!(
                Suspicion::of(deaths, returns, is_alone),
                expected,
                "{deaths:?} {returns} {is_alone}"
            );
        }
    }
}
