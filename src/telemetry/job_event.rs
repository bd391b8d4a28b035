//! One event for each job that was answered or parked: the log line and the counters together.

use crate::domain::failure::Stage;
use crate::domain::progress::{Progress, Totals};
use crate::domain::result::{JobError, Status, Verdict};
use crate::policy::Policy;
use crate::telemetry::{metric, trace};
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Receives the event of every job.
pub trait EventSink: Send + Sync {
    fn record(&self, event: JobEvent, policy: &Policy);
}

/// Writes to the log and the metrics.
#[derive(Debug)]
pub struct LogAndMetrics;

/// Writes to the log and the metrics, and to a channel for a program that follows its jobs.
#[derive(Debug)]
pub struct Watched(pub UnboundedSender<JobEvent>);

#[derive(Clone, Debug)]
pub enum JobEvent {
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
    /// Time since this delivery was received.
    pub turn: Duration,
    /// Time since the job was first seen.
    pub age: Duration,
    pub replayed: bool,
}

#[derive(Clone, Debug)]
pub struct JobParked {
    pub job_id: String,
    pub run: String,
    pub stage: Stage,
    pub code: String,
    /// The reason in the words of the policy. Those of the provider may name people.
    pub reason: String,
    /// Why a connection could not be made.
    pub cause: Option<String>,
    pub until: Timestamp,
    /// The job waits, with many others, for another job's call. Logged at the level `debug`.
    pub brief: bool,
    /// This worker is paused, and another one may take the job at once.
    pub by_pause: bool,
    pub totals: Totals,
    pub turn: Duration,
}

impl EventSink for LogAndMetrics {
    fn record(&self, event: JobEvent, policy: &Policy) {
        event.emit(policy);
    }
}

impl EventSink for Watched {
    fn record(&self, event: JobEvent, policy: &Policy) {
        event.emit(policy);
        // An error means that the receiver was dropped and needs no more events.
        let _ = self.0.send(event);
    }
}

impl JobEvent {
    /// Writes the log line and counts. `policy` names the codes that are labels of their own.
    fn emit(&self, policy: &Policy) {
        match self {
            Self::Answered(answered) => answered.emit(),
            Self::Parked(parked) => parked.emit(policy),
        }
    }
}

impl JobAnswered {
    fn emit(&self) {
        metric::job_finished(self.status, self.verdict, self.age);
        let code = self.error.as_ref().map(|error| error.code.as_str());
        trace::job_ended(self.status, self.verdict, code);
        tracing::info!(
            job.id = self.job_id.as_deref(),
            job.run = self.run,
            status = self.status.as_str(),
            verdict = self.verdict.map(Verdict::as_str),
            error.stage = self.error.as_ref().map(|error| error.stage.as_str()),
            error.code = code,
            error.cause = self.error.as_ref().and_then(JobError::connection_cause),
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
    fn emit(&self, policy: &Policy) {
        let label = policy.label(self.stage, &self.code);
        metric::parked(self.stage, label);
        trace::job_parked(self.stage, label);
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
            cause = self.cause,
            until = %self.until,
            calls.made = self.totals.calls,
            calls.billed = self.totals.billed,
            job.parked = self.totals.parked,
            turn_ms = millis(self.turn),
            "job parked"
        );
    }
}

/// Lists the codes of the calls: `recognition 200, verification 316`. Codes are not personal data.
pub fn call_codes(progress: &Progress) -> String {
    let codes: Vec<String> = progress
        .calls()
        .iter()
        .map(|call| format!("{} {}", call.stage, call.code))
        .collect();
    codes.join(", ")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
