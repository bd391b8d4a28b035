//! What a message says about its job's past: a parked job brings it back, any other message begins
//! a run.

use super::copies::SUSPECT;
use super::message::Message;
use super::parked::{ParkedHeaders, ParkedState, read_parked_headers};
use super::poison::Suspicion;
use super::run_id::run_id;
use crate::domain::progress::Progress;
use crate::seal::{SealKind, Sealer};
use crate::telemetry::metric;
use jiff::Timestamp;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct JobPast {
    pub progress: Progress,
    /// The job comes back from being parked.
    pub is_returned: bool,
    /// The job was parked until then.
    pub not_before: Option<Timestamp>,
    /// How often the worker died of this job, which has to run alone; none where it is not
    /// suspected.
    pub deaths: Option<u32>,
}

impl JobPast {
    /// The past of a job that was just submitted.
    pub fn none(message: &Message, now: Timestamp) -> Self {
        let mut progress = Progress::new(run_id(message), now);
        progress.expires = message
            .properties
            .expiration
            .and_then(|life| now.saturating_add(life).ok());
        Self {
            progress,
            is_returned: false,
            not_before: None,
            deaths: None,
        }
    }

    /// Takes over what the headers say. A message without a valid seal begins a run, whatever they
    /// say.
    pub fn read_headers(&mut self, message: &Message, sealer: &Sealer, now: Timestamp) {
        let run = &self.progress.run;
        let state = match read_parked_headers(message, sealer) {
            ParkedHeaders::Valid(state) => state,
            ParkedHeaders::None => return,
            ParkedHeaders::Refused => {
                metric::seal_refused(SealKind::Progress);
                tracing::warn!(
                    job.run = run,
                    mend = "compare seal.key and seal.previous_key of all workers; if they are equal, a submitter sends headers of ours",
                    "a message says that it was parked and has no valid seal of ours: it begins a new run"
                );
                return;
            }
        };
        let Some(mut progress) = Progress::from_header(&state.progress, run) else {
            return;
        };
        // Another worker's clock may be ahead of ours.
        progress.first_seen = progress.first_seen.min(now);
        *self = Self {
            is_returned: !progress.delivered.untried,
            not_before: not_before(&state),
            deaths: state.deaths,
            progress,
        };
    }

    /// How the job is handled because of its past. With `is_alone` nothing else is in flight.
    pub fn suspicion(&self, is_alone: bool) -> Suspicion {
        Suspicion::of(self.deaths, self.progress.delivered.returns, is_alone)
    }

    /// From now on the job has to run alone. Returns until when it waits: it may have had to wait
    /// for longer; no job waits beyond its longest life.
    pub fn suspect(&mut self, deaths: u32, job_deadline: Duration, now: Timestamp) -> Timestamp {
        self.progress.delivered.returns = 0;
        self.deaths = Some(deaths);
        let first_seen = self.progress.first_seen;
        let latest = first_seen
            .saturating_add(job_deadline)
            .unwrap_or(Timestamp::MAX);
        self.not_before
            .map_or(now, |until| until.min(latest).max(now))
    }

    /// Until when the job still waits. A hop over a delay queue ends before the wait does; beyond
    /// the deadline there is nothing to wait for.
    pub fn waits_until(&self, deadline: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.not_before
            .filter(|until| now < *until && *until <= deadline)
    }

    /// The job had its turn and the worker lives: what it came back from is not counted any more.
    pub fn record_survival(&mut self) {
        self.progress.delivered.returns = 0;
        self.deaths = self.deaths.map(|_| 0);
    }
}

/// Does this job have to run alone, and is its wait over? While it hops over the delay queues no
/// worker makes room for it.
pub fn is_due_suspect(message: &Message, sealer: &Sealer, now: Timestamp) -> bool {
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

fn not_before(state: &ParkedState) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(state.not_before_ms).ok()?).ok()
}
