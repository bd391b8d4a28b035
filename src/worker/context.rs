//! One delivery while it is handled: what its message says about the job's past, and what has been
//! done since.

use crate::broker::{
    Delivery, Generation, Message, ParkedHeaders, ParkedState, RunGuard, read_parked_headers,
    run_id,
};
use crate::domain::progress::Progress;
use crate::retry::LONGEST_HOLD;
use crate::seal::{SealKind, Sealer};
use crate::telemetry::metric;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

const LEAST_PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct DeliveryContext<'a> {
    pub(super) message: &'a Message,
    pub(super) generation: &'a Generation,
    /// The broker has handed this message out before.
    pub(super) is_redelivered: bool,
    delivery_count: u32,
    pub(super) began: Instant,
    /// Once the message was parsed, and if it names one.
    pub(super) job_id: Option<String>,
    pub(super) progress: Progress,
    /// The calls that the message knew of.
    pub(super) calls_before: u32,
    /// The job comes back from being parked.
    pub(super) is_returned: bool,
    /// Just submitted: neither parked nor handed out before.
    pub(super) is_new: bool,
    /// The job was parked until then.
    pub(super) not_before: Option<Timestamp>,
    /// The job is suspected of killing its worker, and has to run alone: how often the worker died
    /// of it so far.
    pub(super) deaths: Option<u32>,
    /// Held until the outcome is published: no other copy of the run is handled meanwhile.
    pub(super) run_guard: Option<RunGuard>,
}

impl<'a> DeliveryContext<'a> {
    /// A delivery whose message begins a run.
    pub(super) fn new(delivery: &'a Delivery, generation: &'a Generation, now: Timestamp) -> Self {
        let message = &delivery.message;
        let mut progress = Progress::new(run_id(message), now);
        progress.expires = message
            .properties
            .expiration
            .and_then(|life| now.saturating_add(life).ok());
        Self {
            message,
            generation,
            is_redelivered: delivery.redelivered,
            delivery_count: delivery.delivery_count,
            began: Instant::now(),
            job_id: None,
            progress,
            calls_before: 0,
            is_returned: false,
            is_new: false,
            not_before: None,
            deaths: None,
            run_guard: None,
        }
    }

    /// Takes over what a parked job brings back. A message without a valid seal begins a run,
    /// whatever its headers say.
    pub(super) fn read_headers(&mut self, sealer: &Sealer, now: Timestamp) {
        match read_parked_headers(self.message, sealer) {
            ParkedHeaders::Valid(state) => self.resume(&state, now),
            ParkedHeaders::None => {}
            ParkedHeaders::Refused => {
                metric::seal_refused(SealKind::Progress);
                tracing::warn!(
                    job.run = self.progress.run,
                    mend = "compare seal.key and seal.previous_key of all workers; if they are equal, a submitter sends headers of ours",
                    "a message says that it was parked and has no valid seal of ours: it begins a new run"
                );
            }
        }
        let progress = &mut self.progress;
        progress.redelivered |= self.is_redelivered;
        progress.returns = progress.returns.saturating_add(self.delivery_count);
        self.is_new = !self.is_returned && !progress.redelivered;
        self.calls_before = progress.totals.calls;
    }

    fn resume(&mut self, state: &ParkedState, now: Timestamp) {
        let Some(mut progress) = Progress::from_header(&state.progress, &self.progress.run) else {
            return;
        };
        // Another worker's clock may be ahead of ours.
        progress.first_seen = progress.first_seen.min(now);
        self.is_returned = !progress.untried;
        self.not_before = not_before(state);
        self.deaths = state.deaths;
        self.progress = progress;
    }

    /// Our own queues are tried until then: as long as a delivery may be held, and from now on for a
    /// minute at the least.
    pub(super) fn patience(&self) -> Instant {
        (self.began + LONGEST_HOLD).max(Instant::now() + LEAST_PATIENCE)
    }

    /// The job had its turn and the worker lives: what it came back from is not counted any more.
    pub(super) fn record_survival(&mut self) {
        self.progress.returns = 0;
        self.deaths = self.deaths.map(|_| 0);
    }
}

/// When a parked job may be tried again.
pub(super) fn not_before(state: &ParkedState) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(state.not_before_ms).ok()?).ok()
}
