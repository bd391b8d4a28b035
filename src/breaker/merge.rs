//! What is told to other workers, and what is taken over from them.

use super::closure::{Closure, Entry, State};
use super::report::{entry, report};
use super::{Change, Closures};
use crate::cluster::closure_report::ClosureReport;
use crate::domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};

const MAX_ENTRIES: usize = 1_000;
/// A thousand bills may be closed at once; other jobs for the same bill are rare.
const MAX_BILLS_TOLD: usize = 200;
/// An opening is told for so long; everybody has heard it then, or has heard nothing at all.
const OPENING_TOLD: SignedDuration = SignedDuration::from_secs(60);
/// A place that nobody has tried for so long since its time came counts as open: its failures are
/// history.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);

impl Closures {
    /// Everything others should know: what is closed, and never this worker's own pauses.
    pub fn tell(&self, now: Timestamp) -> Vec<ClosureReport> {
        let shared = self.entries.iter().filter(|(place, _)| !place.is_pause());
        let (mut bills, mut told): (Vec<_>, Vec<_>) =
            shared.partition(|(place, _)| matches!(place, Scope::Bill(_)));
        bills.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.since()));
        told.extend(bills.into_iter().take(MAX_BILLS_TOLD));
        told.into_iter()
            .map(|(place, entry)| report(place, entry, now))
            .collect()
    }

    /// Takes over what is newer than what this worker knows, for no longer than the policy's
    /// `longest_wait`.
    pub fn hear(
        &mut self,
        told: Vec<ClosureReport>,
        longest_wait: SignedDuration,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for told in told.into_iter().take(MAX_ENTRIES) {
            let Some(entry) = entry(&told, now, longest_wait) else {
                continue;
            };
            let place = told.place;
            let is_history = now.duration_since(entry.until(now)) >= FORGOTTEN;
            if is_history || !entry.replaces(self.entries.get(&place)) {
                continue;
            }
            let before = self.closure(&place).cloned();
            let after = entry.state.clone();
            self.entries.insert(place.clone(), entry);
            match (before, after) {
                (None, State::Closed(closure)) => changes.push(Change::Closed(place, closure)),
                (Some(before), State::Closed(closure))
                    if closure.failures > before.failures || closure.code != before.code =>
                {
                    changes.push(Change::Prolonged(place, before, closure));
                }
                (Some(before), State::Open { .. }) => changes.push(Change::Opened(place, before)),
                (None, State::Open { .. }) | (Some(_), State::Closed(_)) => {}
            }
        }
        self.forget_the_least(now);
        changes
    }

    /// Forgets what nobody needs any more.
    pub fn forget(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        self.entries.retain(|place, entry| match &entry.state {
            // That of a pause is evidence: the stage worked since.
            State::Open { since } => place.is_pause() || now.duration_since(*since) < OPENING_TOLD,
            State::Closed(closure)
                if place.is_pause() || now.duration_since(closure.until) < FORGOTTEN =>
            {
                true
            }
            State::Closed(closure) => {
                changes.push(Change::Opened(place.clone(), closure.clone()));
                false
            }
        });
        changes
    }

    /// Bounded: the bills that open first give way.
    pub(super) fn forget_the_least(&mut self, now: Timestamp) {
        while self.entries.len() > MAX_ENTRIES {
            let bills = self
                .entries
                .iter()
                .filter(|(place, _)| matches!(place, Scope::Bill(_)));
            let Some(first) = bills
                .min_by_key(|(_, entry)| entry.until(now))
                .map(|(place, _)| place.clone())
            else {
                return;
            };
            self.entries.remove(&first);
        }
    }
}

impl Entry {
    fn replaces(&self, known: Option<&Self>) -> bool {
        known.is_none_or(|known| {
            self.version > known.version || (self.version == known.version && self.by < known.by)
        })
    }

    fn since(&self) -> Timestamp {
        match &self.state {
            State::Open { since } | State::Closed(Closure { since, .. }) => *since,
        }
    }

    fn until(&self, now: Timestamp) -> Timestamp {
        match &self.state {
            State::Open { .. } => now,
            State::Closed(closure) => closure.until,
        }
    }
}
