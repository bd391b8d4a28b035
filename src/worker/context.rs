//! One delivery while it is handled: what its message says about the job's past, and what has been
//! done since.

use crate::broker::{Delivery, Generation, JobPast, Message, RunGuard};
use crate::retry::LONGEST_HOLD;
use crate::seal::Sealer;
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
    pub(super) past: JobPast,
    /// The calls that the message knew of.
    pub(super) calls_before: u32,
    /// Just submitted: neither parked nor handed out before.
    pub(super) is_new: bool,
    /// Held until the outcome is published: no other copy of the run is handled meanwhile.
    pub(super) run_guard: Option<RunGuard>,
}

impl<'a> DeliveryContext<'a> {
    /// A delivery whose message begins a run.
    pub(super) fn new(delivery: &'a Delivery, generation: &'a Generation, now: Timestamp) -> Self {
        Self {
            message: &delivery.message,
            generation,
            is_redelivered: delivery.redelivered,
            delivery_count: delivery.delivery_count,
            began: Instant::now(),
            job_id: None,
            past: JobPast::none(&delivery.message, now),
            calls_before: 0,
            is_new: false,
            run_guard: None,
        }
    }

    /// Takes over what a parked job brings back.
    pub(super) fn read_headers(&mut self, sealer: &Sealer, now: Timestamp) {
        self.past.read_headers(self.message, sealer, now);
        let progress = &mut self.past.progress;
        progress.redelivered |= self.is_redelivered;
        progress.returns = progress.returns.saturating_add(self.delivery_count);
        self.is_new = !self.past.is_returned && !progress.redelivered;
        self.calls_before = progress.totals.calls;
    }

    /// Our own queues are tried until then: as long as a delivery may be held, and from now on for a
    /// minute at the least.
    pub(super) fn patience(&self) -> Instant {
        (self.began + LONGEST_HOLD).max(Instant::now() + LEAST_PATIENCE)
    }

    /// The job had its turn and the worker lives: what it came back from is not counted any more.
    pub(super) fn record_survival(&mut self) {
        self.past.progress.returns = 0;
        self.past.deaths = self.past.deaths.map(|_| 0);
    }
}
