//! What the closures say to a call: blocked, or that something was closed or opened.

use super::closure::Closure;
use crate::domain::failure::Stage;
use crate::domain::scope::Scope;
use jiff::Timestamp;

/// Why a call may not be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    pub scope: Scope,
    /// The stage of the call that closed the scope.
    pub stage: Stage,
    pub code: String,
    /// The job is to be parked, uncharged, until then.
    pub until: Timestamp,
    /// No worker calls before then, as far as this one knows.
    pub opens: Timestamp,
    /// A probe is on its way, so the scope may open at any moment: not worth a line in the log.
    pub is_brief: bool,
}

/// A closure that began, went on or ended, for the log and the metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum ClosureChange {
    Closed(Scope, Closure),
    /// A probe failed: the closure before it and after it.
    Prolonged(Scope, Closure, Closure),
    /// A scope was opened; the closure is the one that ended.
    Opened(Scope, Closure),
}
