//! What the log and the metrics say about the end of a turn.

use super::event::Wait;
use crate::broker::InHand;
use crate::checkpoint::StoredResult;
use crate::domain::failure::Stage;
use crate::domain::progress::Progress;
use crate::retry::ParkRequest;
use crate::telemetry::job_event::{JobAnswered, JobEvent, JobParked, call_codes};
use jiff::Timestamp;
use std::time::Duration;

/// The turn ended with this answer, which is a replay where its bytes were published before.
pub fn answered(
    held: &InHand<'_>,
    stored: &StoredResult,
    replayed: bool,
    now: Timestamp,
) -> JobEvent {
    let progress = &held.past.progress;
    let age = now.duration_since(progress.first_seen);
    JobEvent::Answered(JobAnswered {
        job_id: held.job_id.clone(),
        run: progress.run.clone(),
        status: stored.status,
        verdict: stored.verdict,
        error: stored.error.clone(),
        totals: progress.costs.totals,
        codes: call_codes(progress),
        turn: held.began.elapsed(),
        age: Duration::try_from(age).unwrap_or_default(),
        replayed,
    })
}

/// The turn ended with a wait.
pub fn parked(held: &InHand<'_>, request: ParkRequest) -> JobEvent {
    let progress = &held.past.progress;
    JobEvent::Parked(JobParked {
        job_id: held.job_id.clone().unwrap_or_default(),
        run: progress.run.clone(),
        stage: request.failure.stage,
        cause: request.failure.connection_cause().map(str::to_owned),
        code: request.failure.code,
        reason: request.reason,
        until: request.until,
        brief: request.is_brief,
        by_pause: request.by_pause,
        totals: progress.costs.totals,
        turn: held.began.elapsed(),
    })
}

impl Wait {
    /// An answered job whose reply queue does not take the result.
    pub fn for_reply_queue(until: Timestamp) -> Self {
        Self {
            stage: Stage::Worker,
            code: "reply_queue.refuses".to_owned(),
            reason: "its reply queue does not take the result; the job waits with it".to_owned(),
            until,
            deadline: None,
        }
    }

    /// A job that waits on as it was parked before, or because the worker failed in its turn.
    pub fn again(progress: &Progress, until: Timestamp) -> Self {
        let parked = progress.delivered.parked.as_ref();
        let (stage, code) = parked.map_or((Stage::Worker, "worker.panic"), |parked| {
            (parked.stage, &*parked.code)
        });
        Self {
            stage,
            code: code.to_owned(),
            reason: "the worker could not keep the job; it waits on".to_owned(),
            until,
            deadline: None,
        }
    }

    /// A job that came back from several crashes.
    pub fn for_suspect(until: Timestamp) -> Self {
        Self {
            stage: Stage::Worker,
            code: "job.suspect".to_owned(),
            reason: "workers died while they had it; it will run alone".to_owned(),
            until,
            deadline: None,
        }
    }
}

impl From<&ParkRequest> for Wait {
    fn from(request: &ParkRequest) -> Self {
        Self {
            stage: request.failure.stage,
            code: request.failure.code.clone(),
            reason: request.reason.clone(),
            until: request.until,
            deadline: request.deadline,
        }
    }
}
