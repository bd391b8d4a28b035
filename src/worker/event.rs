//! What becomes of a job, told once: the log line and the counters together.

use crate::domain::failure::Stage;
use crate::domain::progress::{Progress, Totals};
use crate::domain::result::{JobError, Status, Verdict};
use crate::policy::Policy;
use crate::telemetry::metric;
use jiff::Timestamp;
use std::time::Duration;

#[derive(Clone, Debug)]
pub enum Event {
    Answered(JobAnswered),
    Parked(JobParked),
}

#[derive(Clone, Debug)]
pub struct JobAnswered {
    pub job_id: Option<String>,
    pub run: String,
    pub status: Status,
    pub verdict: Option<Verdict>,
    pub error: Option<JobError>,
    pub totals: Totals,
    /// The codes of the calls made, in their order.
    pub codes: String,
    /// Since this turn began.
    pub turn: Duration,
    /// Since the job was first seen.
    pub age: Duration,
    pub replayed: bool,
}

#[derive(Clone, Debug)]
pub struct JobParked {
    pub job_id: String,
    pub run: String,
    pub stage: Stage,
    pub code: String,
    /// The policy's words, not the provider's: those may name people.
    pub reason: String,
    pub until: Timestamp,
    /// It waits for somebody else's call, with many others: told at a lower level.
    pub brief: bool,
    /// This worker is paused; another one may take the job at once.
    pub by_pause: bool,
    pub totals: Totals,
    pub turn: Duration,
}

impl JobAnswered {
    pub fn emit(&self) {
        metric::job_finished(self.status, self.verdict, self.age);
        tracing::info!(
            job.id = self.job_id.as_deref(),
            job.run = self.run,
            status = self.status.as_str(),
            verdict = self.verdict.map(Verdict::as_str),
            error.stage = self.error.as_ref().map(|error| error.stage.as_str()),
            error.code = self.error.as_ref().map(|error| error.code.as_str()),
            calls.codes = self.codes,
            calls.made = self.totals.calls,
            calls.billed = self.totals.billed,
            job.retries = self.totals.retries,
            job.parked = self.totals.parked,
            turn_ms = millis(self.turn),
            age_ms = millis(self.age),
            replayed = self.replayed,
            "job answered"
        );
    }
}

impl JobParked {
    pub fn emit(&self, policy: &Policy) {
        metric::parked(self.stage, policy.label(self.stage, &self.code));
        if self.brief {
            tracing::debug!(job.id = self.job_id, job.run = self.run, stage = %self.stage, code = self.code, "job parked for a moment");
            return;
        }
        tracing::info!(
            job.id = self.job_id,
            job.run = self.run,
            stage = %self.stage,
            code = self.code,
            reason = self.reason,
            until = %self.until,
            calls.made = self.totals.calls,
            calls.billed = self.totals.billed,
            job.parked = self.totals.parked,
            turn_ms = millis(self.turn),
            "job parked"
        );
    }
}

/// `recognition 200, verification 316`: codes are the providers', nothing personal.
pub(super) fn codes(progress: &Progress) -> String {
    let told: Vec<String> = progress
        .calls()
        .iter()
        .map(|call| format!("{} {}", call.stage, call.code))
        .collect();
    told.join(", ")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
