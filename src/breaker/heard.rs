//! What another worker's heartbeat says about closed scopes, as far as this worker believes it. Pure.

use super::ClosureChange;
use super::state::{BreakerContext, BreakerState};
use crate::cluster::closure_report::{ClosureReport, ReportedState};
use crate::domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};

impl BreakerState {
    /// Takes over what is newer than what this worker knows, and not refuted by what it has seen
    /// itself.
    pub(super) fn merge(
        &mut self,
        mut reports: Vec<ClosureReport>,
        context: &BreakerContext<'_>,
    ) -> Vec<ClosureChange> {
        reports.retain(|report| !self.is_refuted(report, context.now));
        self.closures
            .merge(reports, context.policy.longest_wait(), context.now)
    }

    /// The stage answered this worker since another one closed it: that one's reason is its own, or
    /// is over. A stage that is closed here as well stays so until a probe opens it.
    fn is_refuted(&self, report: &ClosureReport, now: Timestamp) -> bool {
        let (Scope::Account(account), ReportedState::Closed(closure)) =
            (&report.scope, &report.state)
        else {
            return false;
        };
        let closed = now.saturating_sub(SignedDuration::from_millis(closure.since_ms.max(0)));
        let answered = self.readiness.last_answer(*account);
        self.closures.closure(&report.scope).is_none()
            && answered.is_some_and(|answered| closed.is_ok_and(|closed| answered > closed))
    }
}
