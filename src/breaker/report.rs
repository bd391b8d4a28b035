//! Records as heartbeats carry them. Times are written as durations, because the clocks of two
//! workers may differ.

use super::closure::{Closure, ProbeTurns, Probing, ScopeRecord, ScopeState};
use crate::cluster::closure_report::{
    ClosureReport, ReportedClosure, ReportedProbing, ReportedState,
};
use crate::domain::account::VendorName;
use crate::domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};

/// The report of this record in a heartbeat that is written now.
pub(super) fn report_of(scope: &Scope, record: &ScopeRecord, now: Timestamp) -> ClosureReport {
    let state = match &record.state {
        ScopeState::Open { since } => ReportedState::Open {
            since_ms: millis(now.duration_since(*since)),
        },
        ScopeState::Closed(closure) => ReportedState::Closed(ReportedClosure {
            stage: closure.stage,
            code: closure.code.clone(),
            reason: closure.reason.clone(),
            since_ms: millis(now.duration_since(closure.since)),
            until_ms: millis(closure.until.duration_since(now)),
            failures: closure.failures,
            probing: closure.probing.as_ref().map(|probing| ReportedProbing {
                by: probing.by.clone(),
                since_ms: millis(now.duration_since(probing.since)),
            }),
        }),
    };
    ClosureReport {
        scope: scope.clone(),
        version: record.version,
        by: record.by.clone(),
        state,
    }
}

/// The record by this worker's clock, closed for no longer than the policy's `longest_wait`. `None`
/// where no worker would write such a report.
pub(super) fn record_of(
    report: &ClosureReport,
    now: Timestamp,
    longest_wait: SignedDuration,
) -> Option<ScopeRecord> {
    if !report.is_sound() {
        return None;
    }
    let state = match &report.state {
        ReportedState::Open { since_ms } => ScopeState::Open {
            since: before(now, *since_ms),
        },
        ReportedState::Closed(closure) => ScopeState::Closed(Closure {
            stage: closure.stage,
            // Of other workers' closures only the stage is known; none of them is a pause.
            vendor: VendorName::usual(closure.stage),
            code: closure.code.clone(),
            reason: closure.reason.clone(),
            streak: None,
            since: before(now, closure.since_ms),
            until: after(
                now,
                SignedDuration::from_millis(closure.until_ms).min(longest_wait),
            ),
            failures: closure.failures,
            probing: closure.probing().map(|probing| Probing {
                by: probing.by.clone(),
                since: before(now, probing.since_ms),
            }),
            turns: ProbeTurns::default(),
        }),
    };
    Some(ScopeRecord {
        version: report.version,
        by: report.by.clone(),
        is_own: false,
        state,
    })
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Never in the future.
fn before(now: Timestamp, millis: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_millis(millis.max(0)))
        .unwrap_or(Timestamp::MIN)
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
