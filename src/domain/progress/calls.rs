//! The calls that were made for a job: the latest ones, and how many there were in all.

use super::{Costs, MAX_CALLS_LISTED, Progress};
use crate::domain::failure::{Billed, Stage};
use crate::domain::result::CallRecord;
use jiff::Timestamp;

impl Progress {
    pub fn record(&mut self, call: CallRecord) {
        self.attempted(call.stage);
        self.costs.totals.calls = self.costs.totals.calls.saturating_add(1);
        if call.billed != Billed::No {
            self.costs.totals.billed = self.costs.totals.billed.saturating_add(1);
        }
        self.costs.calls.push(call);
        self.notes.made += 1;
        if self.costs.calls.len() > MAX_CALLS_LISTED {
            let forgotten = self.costs.forget_one();
            let is_new = forgotten >= self.costs.calls.len() + 1 - self.notes.made;
            self.notes.made -= usize::from(is_new);
        }
    }

    /// The calls of this turn, as far as they are listed.
    pub fn calls_of_this_turn(&self) -> &[CallRecord] {
        let before = self.costs.calls.len().saturating_sub(self.notes.made);
        &self.costs.calls[before..]
    }

    /// The latest calls, oldest first.
    pub fn calls(&self) -> &[CallRecord] {
        &self.costs.calls
    }

    /// When a provider last gave this job this code, as far as its calls are listed.
    pub fn last_told(&self, stage: Stage, code: &str) -> Option<Timestamp> {
        self.costs
            .calls
            .iter()
            .rev()
            .find(|call| call.stage == stage && call.code == code)
            .map(|call| call.at)
    }

    /// One more attempt at this stage; a paid call counts by being recorded.
    pub fn attempted(&mut self, stage: Stage) {
        let attempts = self.costs.attempts.entry(stage).or_default();
        *attempts = attempts.saturating_add(1);
    }

    /// At least one: no caller asks about a stage that was not tried.
    pub fn attempts(&self, stage: Stage) -> u32 {
        self.costs.attempts.get(&stage).copied().unwrap_or(1)
    }
}

impl Costs {
    /// Forgets the oldest call that was free, or else the oldest of all, and returns its place.
    pub(super) fn forget_one(&mut self) -> usize {
        let free = self.calls.iter().position(|call| call.billed == Billed::No);
        let place = free.unwrap_or(0);
        self.calls.remove(place);
        place
    }
}
