//! In front of every call: may it be made, or is its stage, province or bill closed? After every
//! call: what does its outcome mean for the other jobs?
//!
//! [`Breaker`] is the door: [`Breaker::enter`] gives a [`CallPermit`] or says what it is
//! [`Blocked`] by; [`Breaker::answered`] and [`Breaker::failed`] take the permit back with the
//! outcome. The decisions are pure ([`Closures`] and `state`); `shared` brings them together with
//! the clock, the other workers, the log and the metrics.

mod blocked;
#[expect(
    clippy::module_inception,
    reason = "the folder is named after its door"
)]
mod breaker;
mod closure;
mod closures;
mod evidence;
mod flow;
mod gauges;
mod log;
mod merge;
mod others;
mod pauses;
mod permit;
mod readiness;
mod report;
mod shared;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod unstored;

pub use blocked::{Blocked, ClosureChange};
pub use breaker::Breaker;
pub use closure::{Closure, ClosureCause};
pub use closures::Closures;
pub use flow::Flow;
pub use others::About;
pub use permit::CallPermit;
pub use state::CONTROL_CALL_EVERY;
pub use unstored::UnstoredAnswer;
