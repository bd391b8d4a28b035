//! Adds up replayed runs beside what really happened. Bounded in memory.

use crate::command::call_sums::{BookedCall, CallKind, CallSum, CostSums};
use crate::domain::failure::Billed;
use crate::ledger::replay::{
    LeftOutReason, ReplayEnd, RunCall, RunRecord, RunReplay, UnknownReason,
};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Ends are few, unless someone else writes to the stream.
const MOST_ENDS: usize = 1_000;
const ALL_OTHERS: &str = "(all others)";

/// The jobs of a period, as they were and as they would have been.
#[derive(Debug, Default)]
pub(super) struct ReplaySums {
    pub(super) jobs: u64,
    pub(super) recorded: ReplaySide,
    pub(super) replayed: ReplaySide,
    pub(super) left_out: BTreeMap<LeftOutReason, u64>,
    /// The calls of these jobs, with those that were made after a job's answer.
    pub(super) left_out_calls: CostSums,
    /// Answers that the policy in force does not explain.
    pub(super) unexplained: u64,
    /// Waits that are kept as they were.
    pub(super) held_up: u64,
}

/// One of the two sides.
#[derive(Debug, Default)]
pub(super) struct ReplaySide {
    pub(super) costs: CostSums,
    /// How jobs ended.
    pub(super) ends: BTreeMap<String, u64>,
    pub(super) waiting: u64,
    /// Jobs that are not known any more, by the reason.
    pub(super) unknown: BTreeMap<UnknownReason, u64>,
    /// The next calls of these jobs, each once.
    pub(super) never_made: CallSum,
    /// The times of jobs that are answered on both sides.
    pub(super) times: AnswerTimes,
}

/// Times to an answer, to three figures.
#[derive(Debug, Default)]
pub(super) struct AnswerTimes {
    /// How many took so many milliseconds.
    counts: BTreeMap<u64, u64>,
    all: u64,
    /// In milliseconds.
    pub(super) longest: Option<u64>,
}

impl ReplaySums {
    pub(super) fn add(&mut self, run: &RunRecord, replayed: &RunReplay<'_>) {
        self.jobs += 1;
        self.unexplained += u64::from(replayed.unexplained);
        self.held_up += replayed.held_up as u64;
        run.calls()
            .chain(&run.lost)
            .for_each(|call| self.recorded.add_call(call));
        replayed
            .calls
            .iter()
            .for_each(|call| self.replayed.add_call(call));
        match &run.answer {
            Some(answer) => self.recorded.add_end(&answer.label()),
            None => self.recorded.waiting += 1,
        }
        match &replayed.end {
            ReplayEnd::Answered { label, took } => {
                self.replayed.add_end(label);
                if let Some(answer) = &run.answer {
                    let recorded = answer.at.duration_since(run.first_seen);
                    self.recorded.times.add(recorded);
                    self.replayed.times.add(*took);
                }
            }
            ReplayEnd::Waiting => self.replayed.waiting += 1,
            ReplayEnd::Unknown { reason, price } => {
                *self.replayed.unknown.entry(*reason).or_default() += 1;
                self.replayed.never_made.add(price.as_deref());
            }
        }
    }

    pub(super) fn leave_out(&mut self, reason: LeftOutReason) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    pub(super) fn leave_out_calls(&mut self, calls: &[RunCall]) {
        for call in calls {
            self.left_out_calls.add(&booked(call));
        }
    }

    /// There was no job at all.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs == 0 && self.left_out.is_empty()
    }
}

impl ReplaySide {
    pub(super) fn calls(&self) -> u64 {
        self.costs.paid.calls + self.costs.free.calls + self.costs.unknown.calls
    }

    pub(super) fn all_unknown(&self) -> u64 {
        self.unknown.values().sum()
    }

    fn add_call(&mut self, call: &RunCall) {
        self.costs.add(&booked(call));
    }

    fn add_end(&mut self, label: &str) {
        self.costs.answered += 1;
        let is_full = self.ends.len() >= MOST_ENDS && !self.ends.contains_key(label);
        let label = if is_full { ALL_OTHERS } else { label };
        *self.ends.entry(label.to_owned()).or_default() += 1;
    }
}

fn booked(call: &RunCall) -> BookedCall {
    BookedCall {
        kind: match call.billed {
            Billed::Yes => CallKind::Paid,
            Billed::No => CallKind::Free,
            Billed::Unknown => CallKind::Unknown,
        },
        price: call.price.clone(),
    }
}

impl AnswerTimes {
    fn add(&mut self, took: SignedDuration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(0);
        *self.counts.entry(rounded(millis)).or_default() += 1;
        self.all += 1;
        self.longest = self.longest.max(Some(millis));
    }

    /// The time within which so many of a hundred were answered.
    pub(super) fn within(&self, percent: u64) -> Option<u64> {
        let wanted = (self.all * percent).div_ceil(100).max(1);
        let mut counted = 0;
        let mut times = self.counts.iter();
        let found = times.find(|(_, count)| {
            counted += *count;
            counted >= wanted
        });
        found.map(|(millis, _)| *millis)
    }

    pub(super) fn jobs(&self) -> u64 {
        self.all
    }
}

/// To three figures, so that there are few different ones.
fn rounded(millis: u64) -> u64 {
    let digits = millis.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.pow(digits.saturating_sub(2));
    millis / unit * unit
}
