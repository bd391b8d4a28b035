//! In front of every call: may it be made, or is its stage, province or bill closed? After every
//! call: what does its answer mean for the others?
//!
//! [`closures`] decides, as functions of values; [`shared`] brings it together with the clock, the
//! other workers, the log and the metrics.

mod closure;
mod closures;
mod control;
mod doubt;
mod flow;
mod hold;
mod merge;
mod pass;
mod report;
mod schedule;
mod shared;
mod talk;
mod tell;
#[cfg(test)]
mod tests;

pub use closure::{Cause, Closure};
pub use closures::{Blocked, Change, Closures};
pub use flow::Flow;
pub use hold::Hold;
pub use pass::CallPermit;
pub use schedule::{USED_UP, next_probe};
pub use shared::{About, Breaker};
