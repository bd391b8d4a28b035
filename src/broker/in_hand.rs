//! One delivery while it is in hand: what its message says about the job's past, and what has been
//! done since.

use super::config::Config;
use super::delivery::Delivery;
use super::generation::Generation;
use super::job_past::JobPast;
use super::message::Message;
use super::run_locks::RunGuard;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::{Job, JobEnvelope, Rejected};
use crate::domain::progress::LostTurn;
use crate::seal::Sealer;
use crate::waits::LONGEST_HOLD;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const LEAST_PATIENCE: Duration = Duration::from_mins(1);
/// The sender of such a job is mistaken about where results may go, or means harm.
const FORBIDDEN_REPLY_TO: &str = "reply_to is one of the worker's own queues, or does not match broker.reply_to; this result went to broker.results_queue";

/// A delivery that is being handled.
pub struct InHand<'a> {
    pub message: &'a Message,
    pub generation: &'a Generation,
    /// The broker has handed this message out before.
    pub is_redelivered: bool,
    delivery_count: u32,
    /// The job queue that the delivery came from; `None` where it came from the due queue.
    jobs_queue: Option<Arc<str>>,
    pub began: Instant,
    /// Once the message was parsed, and if it names one.
    pub job_id: Option<String>,
    /// Once the message was parsed, and if it is a job.
    pub submitted: Option<Submitted>,
    pub past: JobPast,
    /// The calls that the message knew of.
    pub calls_before: u32,
    /// Just submitted: neither parked nor handed out before.
    pub is_new: bool,
    /// Held until the outcome is published: no other copy of the run is handled meanwhile.
    pub run_guard: Option<RunGuard>,
}

/// The facts about a job that the ledger needs.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub verify: bool,
    /// The submitter that it names, or else its queue's, or else its bucket.
    pub submitter: Option<String>,
    /// The part of its metadata that goes into the ledger.
    pub metadata: BTreeMap<String, String>,
}

impl Submitted {
    fn of(job: &Job) -> Self {
        Self {
            verify: job.verify,
            submitter: job.named_submitter().map(str::to_owned),
            metadata: BTreeMap::new(),
        }
    }
}

impl<'a> InHand<'a> {
    /// A delivery whose message begins a run.
    pub fn new(delivery: &'a Delivery, generation: &'a Generation, now: Timestamp) -> Self {
        Self {
            message: &delivery.message,
            generation,
            is_redelivered: delivery.redelivered,
            delivery_count: delivery.delivery_count,
            jobs_queue: delivery.jobs_queue.clone(),
            began: Instant::now(),
            job_id: None,
            submitted: None,
            past: JobPast::none(&delivery.message, now),
            calls_before: 0,
            is_new: false,
            run_guard: None,
        }
    }

    /// Takes over what a parked job brings back.
    pub fn read_headers(&mut self, sealer: &Sealer, now: Timestamp) {
        self.past.read_headers(self.message, sealer, now);
        let is_returned = self.past.is_returned;
        let progress = &mut self.past.progress;
        // What a sealed header says counts first: a parked job belongs to the queue that it was
        // submitted to.
        let queue = &mut progress.delivered.queue;
        *queue = queue
            .take()
            .or_else(|| self.jobs_queue.as_deref().map(str::to_owned));
        progress.delivered.turn = progress.delivered.turn.saturating_add(is_returned.into());
        if self.is_redelivered {
            let times = self.delivery_count.max(1);
            let before = progress.delivered.lost;
            // Losses of an earlier turn may not have been told yet.
            progress.delivered.lost = Some(LostTurn {
                turn: before.map_or(progress.delivered.turn, |before| before.turn),
                times: before.map_or(times, |before| before.times.saturating_add(times)),
            });
        }
        progress.delivered.redelivered |= self.is_redelivered;
        progress.delivered.returns = progress
            .delivered
            .returns
            .saturating_add(self.delivery_count);
        self.is_new = !self.past.is_returned && !progress.delivered.redelivered;
        self.calls_before = progress.costs.totals.calls;
    }

    /// Whether calls were made in this turn.
    pub fn has_called(&self) -> bool {
        self.past.progress.costs.totals.calls > self.calls_before
    }

    /// Whether there are calls that the ledger may not have: of this turn, or of one that was lost.
    pub fn has_untold_calls(&self) -> bool {
        self.has_called() || !self.past.progress.notes.recovered.is_empty()
    }

    /// Our own queues are tried until then: as long as a delivery may be held, and from now on for a
    /// minute at the least.
    pub fn patience(&self) -> Instant {
        (self.began + LONGEST_HOLD).max(Instant::now() + LEAST_PATIENCE)
    }

    /// Reads the job, which is for its queue's submitter if it names none. One whose result may not
    /// go where it says is none.
    ///
    /// # Errors
    /// [`Rejected`], as [`Job::read`] says it.
    pub fn parse(&mut self, queues: &Config, max_bytes: usize) -> Result<Job, Box<Rejected>> {
        let properties = &self.message.properties;
        let envelope = JobEnvelope {
            body: &self.message.body,
            content_encoding: properties.content_encoding.as_deref(),
            message_id: properties.message_id.as_deref(),
        };
        let reply_to = properties
            .reply_to
            .as_deref()
            .filter(|queue| !queue.is_empty());
        let is_forbidden = reply_to.is_some_and(|queue| !queues.allows_reply_to(queue));
        let queue = self.past.progress.delivered.queue.as_deref();
        let submitter = queue.and_then(|queue| queues.submitter_of(queue));
        let parsed = Job::read(&envelope, max_bytes).and_then(|mut job| {
            job.submitter = job.submitter.or_else(|| submitter.map(str::to_owned));
            if !is_forbidden {
                return Ok(job);
            }
            let failure = Failure::new(Stage::Job, "job.malformed", FORBIDDEN_REPLY_TO);
            Err(Box::new(Rejected {
                job_id: Some(job.id),
                metadata: job.metadata,
                failure,
            }))
        });
        self.job_id = match &parsed {
            Ok(job) => Some(job.id.to_string()),
            Err(rejected) => rejected.job_id.as_ref().map(ToString::to_string),
        };
        self.submitted = parsed.as_ref().ok().map(Submitted::of);
        parsed
    }
}
