//! Replays the runs of a ledger under another policy. Pure.
//!
//! Answers are the recorded ones, and nothing is invented: where the policy asks for a call that was
//! never made, the rest of the run is unknown. What kept a job waiting beside its own answers
//! (pauses, budgets, scopes that other jobs closed) stays as it was.
//!
//! | file | what it does |
//! | --- | --- |
//! | `record` | one run: its calls and waits, and its answer |
//! | `runs` | brings events together by run, in bounded memory |
//! | `readings` | what the ledger does not say of an answer, and the decision about each possibility |
//! | `codes` | the two policies, and what they make of each code |
//! | `fits` | whether what followed a call is what a decision makes follow |
//! | `walk` | the replay of one run |
//! | `outcome` | what it comes to |

mod codes;
mod fits;
mod outcome;
mod readings;
mod record;
mod runs;
#[cfg(test)]
mod tests;
mod walk;

pub use codes::ReplaySettings;
pub use outcome::{ReplayEnd, RunReplay, UnknownReason};
pub use record::{RunAnswer, RunCall, RunEntry, RunRecord, RunWait};
pub use runs::{LeftOutReason, RunBook, RunNews};
pub use walk::PolicyReplay;
