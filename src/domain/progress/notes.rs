//! What a turn of a job leaves for the ledger, beside the calls that it made itself.

use crate::domain::failure::Stage;
use crate::domain::result::CallRecord;
use serde::{Deserialize, Serialize};

/// Found out in this turn, and told at its end: it does not travel with the job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnNotes {
    /// The stages whose answer had been bought for another run.
    pub hits: Vec<Stage>,
    /// The calls of a turn of this run that was lost, from the checkpoints of their answers.
    pub recovered: Vec<CallRecord>,
    /// What is kept was looked at.
    pub looked: bool,
    /// The number of listed calls that were made in this turn: the latest ones.
    pub made: usize,
}

/// The run that paid for a kept answer, and the calls that it had made by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaidBy {
    pub run: String,
    pub calls: Vec<CallRecord>,
}

/// A turn whose worker did not live to its end, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostTurn {
    pub turn: u32,
    pub times: u32,
}

impl LostTurn {
    /// What is lost once it is known what one of these deliveries came to.
    pub fn but_one(self) -> Option<Self> {
        let times = self.times.saturating_sub(1);
        (times > 0).then_some(Self { times, ..self })
    }
}

impl TurnNotes {
    /// An answer is there already. `is_own`: an earlier turn of the run has told of it.
    pub(super) fn found(&mut self, stage: Stage, is_own: bool) {
        self.looked = true;
        if !is_own {
            self.hits.push(stage);
        }
    }

    /// Calls of the run, some of which it knows of.
    pub(super) fn recover(&mut self, calls: Vec<CallRecord>, known: &[CallRecord]) {
        for call in calls {
            if !known.contains(&call) && !self.recovered.contains(&call) {
                self.recovered.push(call);
            }
        }
    }
}
