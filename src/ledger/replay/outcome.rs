//! The outcome of a replay of one run.

use super::record::RunCall;
use crate::ledger::event::CallPrice;
use jiff::SignedDuration;
use std::rc::Rc;

/// The calls that would have been made, as far as they are known, and how the run would have ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReplay<'a> {
    pub calls: Vec<&'a RunCall>,
    pub end: ReplayEnd,
    /// Answers of the record that the policy in force does not explain.
    pub unexplained: u32,
    /// Recorded waits that are kept: pauses, budgets, closed scopes, trouble with the store.
    pub held_up: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ReplayEnd {
    Answered {
        /// The same words as [`super::RunAnswer::label`].
        label: String,
        /// Since the job was first seen.
        took: SignedDuration,
    },
    /// The job still waits at the end of the ledger.
    Waiting,
    /// From here on nothing is known.
    Unknown {
        reason: UnknownReason,
        /// The price of one more call, if it is billed.
        price: Option<Rc<CallPrice>>,
    },
}

/// Why a replay does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnknownReason {
    /// The policy asks for a call that was never made.
    NeverAsked,
    /// It pauses the stage, which holds up other jobs, too.
    Pause,
    /// Its rules ask for what the ledger does not say.
    Facts,
}

impl UnknownReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverAsked => "never_asked",
            Self::Pause => "pause",
            Self::Facts => "facts",
        }
    }
}
