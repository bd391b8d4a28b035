//! Entries as heartbeats carry them. Times are written as durations, because the clocks of two
//! workers may differ.

use super::closure::{Closure, Entry, Probing, Queue, State};
use crate::cluster::closure_report::{
    ClosureReport, ReportedClosure, ReportedProbing, ReportedState,
};
use crate::domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};

/// What a heartbeat that is written now says about this entry.
pub(super) fn report(place: &Scope, entry: &Entry, now: Timestamp) -> ClosureReport {
    let state = match &entry.state {
        State::Open { since } => ReportedState::Open {
            since_ms: millis(now.duration_since(*since)),
        },
        State::Closed(closure) => ReportedState::Closed(ReportedClosure {
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
        place: place.clone(),
        version: entry.version,
        by: entry.by.clone(),
        state,
    }
}

/// By this worker's clock, `None` where no worker would write it. It is closed for no longer
/// than the policy's `longest_wait`.
pub(super) fn entry(
    report: &ClosureReport,
    now: Timestamp,
    longest_wait: SignedDuration,
) -> Option<Entry> {
    if !report.is_sound() {
        return None;
    }
    let state = match &report.state {
        ReportedState::Open { since_ms } => State::Open {
            since: before(now, *since_ms),
        },
        ReportedState::Closed(told) => State::Closed(Closure {
            stage: told.stage,
            code: told.code.clone(),
            reason: told.reason.clone(),
            streak: None,
            since: before(now, told.since_ms),
            until: after(
                now,
                SignedDuration::from_millis(told.until_ms).min(longest_wait),
            ),
            failures: told.failures,
            probing: told.probing().map(|probing| Probing {
                by: probing.by.clone(),
                since: before(now, probing.since_ms),
            }),
            queue: Queue::default(),
        }),
    };
    Some(Entry {
        version: report.version,
        by: report.by.clone(),
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
