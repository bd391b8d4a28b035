//! Every call that came in: what it was answered, whether that is paid for, and when.

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

use super::codes;
use super::samples;
use crate::domain::failure::{Billed, Stage};

/// Older calls are forgotten; the counters still know them.
const REMEMBERED: usize = 100_000;

/// The recorded calls, shared with the sandbox: a clone is the same log.
#[derive(Clone, Debug)]
pub struct CallLog(Arc<Mutex<CallLogState>>);

/// One call, in the order in which they came.
#[derive(Clone, Debug, Serialize)]
pub struct SandboxCall {
    pub stage: Stage,
    /// The sample's name, the number of another bill, the SHA-256 of another picture (of any, where
    /// the scenario counts them apart), or the key of an object (`get samples/a.jpg`). `None`:
    /// refused before the picture was looked at.
    pub subject: Option<String>,
    /// The call's number among those of this subject; 0 where it was refused before.
    pub nth: u32,
    /// The answer's name in the error-code policy; storage by S3's code where a fault
    /// answered, else by its HTTP status; a broken answer by the scenario's name. `abandoned`: the
    /// caller went away first.
    pub answer: String,
    pub billed: Billed,
    /// The id that the answer has, or would have had if it had not been broken on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Storage only: of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Since the sandbox was started or reset.
    #[serde(rename = "at_ms", serialize_with = "millis")]
    pub at: Duration,
    /// Until the answer was ready to be sent, its delay included.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
}

/// The number of a stage's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallCount {
    pub calls: u64,
    pub billed: u64,
    pub billed_unknown: u64,
    pub in_flight: u32,
    pub most_in_flight: u32,
}

impl CallLog {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(CallLogState::new())))
    }

    /// Answered calls, in the order in which they came.
    pub fn all(&self) -> Vec<SandboxCall> {
        self.lock()
            .entries
            .iter()
            .filter_map(CallLogEntry::answered)
            .collect()
    }

    pub fn of(&self, stage: Stage) -> Vec<SandboxCall> {
        self.all()
            .into_iter()
            .filter(|call| call.stage == stage)
            .collect()
    }

    /// The calls of one subject at one stage.
    pub fn about(&self, stage: Stage, subject: &str) -> Vec<SandboxCall> {
        self.of(stage)
            .into_iter()
            .filter(|call| call.subject.as_deref() == Some(subject))
            .collect()
    }

    pub fn count(&self, stage: Stage) -> CallCount {
        *self.lock().count(stage)
    }

    /// Forgets everything; what is in flight is no longer counted.
    pub(super) fn reset(&self) {
        let mut log = self.lock();
        let generation = log.generation + 1;
        *log = CallLogState {
            generation,
            ..CallLogState::new()
        };
    }

    pub(super) fn begin(&self, stage: Stage) -> OpenCall {
        let mut log = self.lock();
        let count = log.count(stage);
        count.calls += 1;
        count.in_flight += 1;
        count.most_in_flight = count.most_in_flight.max(count.in_flight);
        if log.entries.len() == REMEMBERED {
            log.entries.pop_front();
            log.forgotten += 1;
        }
        let at = log.started.elapsed();
        log.entries.push_back(CallLogEntry {
            stage,
            at,
            outcome: None,
        });
        let number = log.forgotten + log.entries.len() - 1;
        OpenCall {
            calls: self.clone(),
            generation: log.generation,
            stage,
            number,
            subject: None,
            nth: 0,
            request_id: None,
            bytes: None,
            begun: Instant::now(),
            is_answered: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, CallLogState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is being answered. Dropped without an answer, it was abandoned by its caller.
#[derive(Debug)]
pub(super) struct OpenCall {
    calls: CallLog,
    generation: u32,
    stage: Stage,
    number: usize,
    subject: Option<String>,
    nth: u32,
    request_id: Option<String>,
    bytes: Option<u64>,
    begun: Instant,
    is_answered: bool,
}

impl OpenCall {
    pub(super) fn about(&mut self, subject: &str, nth: u32) {
        self.subject = Some(subject.to_owned());
        self.nth = nth;
    }

    pub(super) fn identified(&mut self, request_id: String) {
        self.request_id = Some(request_id);
    }

    pub(super) fn sends(&mut self, bytes: u64) {
        self.bytes = Some(bytes);
    }

    /// The first answer counts. The call stays in flight until this is dropped.
    pub(super) fn answer(&mut self, answer: &str, http_status: u16) {
        if std::mem::replace(&mut self.is_answered, true) {
            return;
        }
        let billed = codes::billed(self.stage, answer, http_status);
        let outcome = CallOutcome {
            subject: self.subject.clone(),
            nth: self.nth,
            answer: answer.to_owned(),
            billed,
            request_id: self.request_id.clone(),
            bytes: self.bytes,
            took: self.begun.elapsed(),
        };
        // Numbers of other bills and keys of objects are personal; the names of samples are not.
        let sample = self
            .subject
            .as_deref()
            .and_then(samples::named)
            .map(|sample| sample.name);
        tracing::info!(stage = %self.stage, sample, nth = self.nth, answer, http.status = http_status, billed = billed.as_str(), "answered");
        let mut log = self.calls.lock();
        if log.generation != self.generation {
            return;
        }
        let count = log.count(self.stage);
        count.billed += u64::from(billed == Billed::Yes);
        count.billed_unknown += u64::from(billed == Billed::Unknown);
        let index = self.number.checked_sub(log.forgotten);
        if let Some(entry) = index.and_then(|index| log.entries.get_mut(index)) {
            entry.outcome = Some(outcome);
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.answer("abandoned", 0);
        let mut log = self.calls.lock();
        if log.generation == self.generation {
            let count = log.count(self.stage);
            count.in_flight = count.in_flight.saturating_sub(1);
        }
    }
}

#[derive(Debug)]
struct CallLogState {
    /// Raised by a reset, so that a call from before is not counted in the new log.
    generation: u32,
    started: Instant,
    entries: VecDeque<CallLogEntry>,
    forgotten: usize,
    recognition: CallCount,
    verification: CallCount,
    other: CallCount,
}

#[derive(Debug)]
struct CallLogEntry {
    stage: Stage,
    at: Duration,
    outcome: Option<CallOutcome>,
}

#[derive(Debug)]
struct CallOutcome {
    subject: Option<String>,
    nth: u32,
    answer: String,
    billed: Billed,
    request_id: Option<String>,
    bytes: Option<u64>,
    took: Duration,
}

impl CallLogState {
    fn new() -> Self {
        Self {
            generation: 0,
            started: Instant::now(),
            entries: VecDeque::new(),
            forgotten: 0,
            recognition: CallCount::default(),
            verification: CallCount::default(),
            other: CallCount::default(),
        }
    }

    fn count(&mut self, stage: Stage) -> &mut CallCount {
        match stage {
            Stage::Recognition => &mut self.recognition,
            Stage::Verification => &mut self.verification,
            Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => &mut self.other,
        }
    }
}

impl CallLogEntry {
    fn answered(&self) -> Option<SandboxCall> {
        let CallOutcome {
            subject,
            nth,
            answer,
            billed,
            request_id,
            bytes,
            took,
        } = self.outcome.as_ref()?;
        Some(SandboxCall {
            stage: self.stage,
            subject: subject.clone(),
            nth: *nth,
            answer: answer.clone(),
            billed: *billed,
            request_id: request_id.clone(),
            bytes: *bytes,
            at: self.at,
            took: *took,
        })
    }
}

fn millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answered_call_is_kept_with_what_it_cost() {
        let calls = CallLog::new();
        let mut call = calls.begin(Stage::Verification);
        call.about("01-beijing-outpatient", 2);
        call.answer("316", 200);
        assert_eq!(
            calls.count(Stage::Verification),
            CallCount {
                calls: 1,
                billed: 1,
                in_flight: 1,
                most_in_flight: 1,
                ..CallCount::default()
            }
        );
        drop(call);
        let kept = &calls.about(Stage::Verification, "01-beijing-outpatient")[0];
        assert_eq!(
            (kept.nth, kept.answer.as_str(), kept.billed),
            (2, "316", Billed::Yes)
        );
        assert_eq!(calls.count(Stage::Verification).in_flight, 0);
    }

    #[test]
    fn a_caller_that_goes_away_leaves_the_bill_unknown() {
        let calls = CallLog::new();
        drop(calls.begin(Stage::Recognition));
        let kept = &calls.of(Stage::Recognition)[0];
        assert_eq!(
            (kept.answer.as_str(), kept.billed),
            ("abandoned", Billed::Unknown)
        );
    }

    #[test]
    fn a_call_from_before_a_reset_is_not_in_the_new_log() {
        let calls = CallLog::new();
        let mut before = calls.begin(Stage::Recognition);
        calls.reset();
        let during = calls.begin(Stage::Recognition);
        before.answer("200", 200);
        drop(before);
        assert_eq!(
            calls.count(Stage::Recognition),
            CallCount {
                calls: 1,
                in_flight: 1,
                most_in_flight: 1,
                ..CallCount::default()
            }
        );
        drop(during);
        assert_eq!(calls.all().len(), 1);
    }
}
