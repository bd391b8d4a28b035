//! One run as the ledger tells it: its calls and waits in their order, and how it ended.

use crate::domain::failure::{Billed, Stage};
use crate::domain::result::{Status, Verdict};
use crate::ledger::event::CallPrice;
use jiff::{SignedDuration, Timestamp};
use std::rc::Rc;

/// A run whose turns are all known, from its first one on.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    pub first_seen: Timestamp,
    pub entries: Vec<RunEntry>,
    /// Calls that a worker may have made before it died.
    pub lost: Vec<RunCall>,
    /// `None`: the job still waits.
    pub answer: Option<RunAnswer>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RunEntry {
    Call(RunCall),
    Wait(Box<RunWait>),
}

/// A call, and what was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCall {
    pub stage: Stage,
    pub code: Rc<str>,
    pub at: Timestamp,
    pub duration_ms: u64,
    pub billed: Billed,
    pub price: Option<Rc<CallPrice>>,
}

/// A turn that ended with a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunWait {
    pub stage: Stage,
    pub code: Rc<str>,
    pub reason: Rc<str>,
    pub at: Timestamp,
    pub until: Timestamp,
    pub deadline: Option<Timestamp>,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAnswer {
    pub at: Timestamp,
    pub status: Status,
    pub verdict: Option<Verdict>,
    pub error: Option<(Stage, Rc<str>)>,
}

impl RunRecord {
    pub fn calls(&self) -> impl Iterator<Item = &RunCall> {
        self.entries.iter().filter_map(RunEntry::as_call)
    }
}

impl RunEntry {
    pub(super) fn into_call(self) -> Option<RunCall> {
        match self {
            Self::Call(call) => Some(call),
            Self::Wait(_) => None,
        }
    }

    pub(super) fn as_call(&self) -> Option<&RunCall> {
        match self {
            Self::Call(call) => Some(call),
            Self::Wait(_) => None,
        }
    }

    pub(super) fn as_wait(&self) -> Option<&RunWait> {
        match self {
            Self::Wait(wait) => Some(wait),
            Self::Call(_) => None,
        }
    }
}

impl RunCall {
    /// When its answer came.
    pub(super) fn ended(&self) -> Timestamp {
        let took = i64::try_from(self.duration_ms).unwrap_or(i64::MAX);
        let ended = self.at.checked_add(SignedDuration::from_millis(took));
        ended.unwrap_or(Timestamp::MAX)
    }
}

impl RunAnswer {
    /// It has a verdict that verification gave.
    pub(super) fn is_verified(&self) -> bool {
        let verdict = self
            .verdict
            .filter(|verdict| *verdict != Verdict::Recognized);
        self.status == Status::Completed && verdict.is_some()
    }

    /// `completed genuine`, `undetermined verification 317`, `invalid_job image.not_found`.
    pub fn label(&self) -> String {
        let status = self.status.as_str();
        match (self.status, self.verdict, &self.error) {
            (Status::Completed, Some(verdict), _) => format!("{status} {}", verdict.as_str()),
            (Status::InvalidJob, _, Some((_, code))) => format!("{status} {code}"),
            (Status::Undetermined, _, Some((stage, code))) => format!("{status} {stage} {code}"),
            (Status::Completed | Status::InvalidJob | Status::Undetermined, _, _) => {
                status.to_owned()
            }
        }
    }
}
