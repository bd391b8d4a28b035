//! What this worker reports to the others, and what it takes over from their reports.

use super::closure::{Closure, ScopeRecord, ScopeState};
use super::report::{record_of, report_of};
use super::{ClosureChange, Closures};
use crate::cluster::closure_report::ClosureReport;
use crate::domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};

const MAX_RECORDS: usize = 1_000;
/// A thousand bills may be closed at once; other jobs for the same bill are rare.
const MAX_BILLS_REPORTED: usize = 200;
/// An opening is reported for so long. By then each worker has received it, or is out of reach.
const OPENING_REPORTED: SignedDuration = SignedDuration::from_secs(60);
/// A scope that no call has tried for so long since its time came counts as open: its failures are
/// history.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);

impl Closures {
    /// All that the other workers should know: what is closed, without this worker's own pauses, and
    /// without the stages that it alone may not reach.
    pub fn report(&self, now: Timestamp) -> Vec<ClosureReport> {
        let shared = self
            .records
            .iter()
            .filter(|(scope, record)| !scope.is_pause() && !record.is_own);
        let (mut bills, mut reported): (Vec<_>, Vec<_>) =
            shared.partition(|(scope, _)| matches!(scope, Scope::Bill(_)));
        bills.sort_unstable_by_key(|(_, record)| std::cmp::Reverse(record.since()));
        reported.extend(bills.into_iter().take(MAX_BILLS_REPORTED));
        reported
            .into_iter()
            .map(|(scope, record)| report_of(scope, record, now))
            .collect()
    }

    /// Takes over what is newer than what this worker knows. Nothing is closed for longer than the
    /// policy's `longest_wait`.
    pub fn merge(
        &mut self,
        reports: Vec<ClosureReport>,
        longest_wait: SignedDuration,
        now: Timestamp,
    ) -> Vec<ClosureChange> {
        let mut changes = Vec::new();
        for report in reports.into_iter().take(MAX_RECORDS) {
            let Some(record) = record_of(&report, now, longest_wait) else {
                continue;
            };
            let is_history = now.duration_since(record.until(now)) >= FORGOTTEN;
            if !is_history && record.replaces(self.records.get(&report.scope)) {
                changes.extend(self.replace(report.scope, record));
            }
        }
        self.forget_the_least(now);
        changes
    }

    fn replace(&mut self, scope: Scope, record: ScopeRecord) -> Option<ClosureChange> {
        let before = self.closure(&scope).cloned();
        let after = record.closure().cloned();
        self.records.insert(scope.clone(), record);
        let is_another = |before: &Closure, after: &Closure| {
            after.failures > before.failures || after.code != before.code
        };
        match (before, after) {
            (None, Some(after)) => Some(ClosureChange::Closed(scope, after)),
            (Some(before), Some(after)) if is_another(&before, &after) => {
                Some(ClosureChange::Prolonged(scope, before, after))
            }
            (Some(before), None) => Some(ClosureChange::Opened(scope, before)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    /// Forgets openings that were reported for long enough, and closures that no call has tried.
    pub fn forget(&mut self, now: Timestamp) -> Vec<ClosureChange> {
        let mut changes = Vec::new();
        self.records.retain(|scope, record| match &record.state {
            // The end of a pause is evidence: the stage worked since.
            ScopeState::Open { since } => {
                scope.is_pause() || now.duration_since(*since) < OPENING_REPORTED
            }
            ScopeState::Closed(closure)
                if scope.is_pause() || now.duration_since(closure.until) < FORGOTTEN =>
            {
                true
            }
            ScopeState::Closed(closure) => {
                changes.push(ClosureChange::Opened(scope.clone(), closure.clone()));
                false
            }
        });
        changes
    }

    /// Keeps the memory bounded: the bills that open first are forgotten first.
    pub(super) fn forget_the_least(&mut self, now: Timestamp) {
        while self.records.len() > MAX_RECORDS {
            let bills = self
                .records
                .iter()
                .filter(|(scope, _)| matches!(scope, Scope::Bill(_)));
            let Some(first) = bills
                .min_by_key(|(_, record)| record.until(now))
                .map(|(scope, _)| scope.clone())
            else {
                return;
            };
            self.records.remove(&first);
        }
    }
}
