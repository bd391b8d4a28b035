//! The rows of failures that the table knows, and when a row is long enough.

use super::Stage;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streak {
    /// Calls got no answer, or only that the other side is unwell.
    Outage,
    /// Requests with different images were called malformed: it is how we ask.
    Refused,
    /// Answers that are not what the API documents.
    Malformed,
    /// The store forbids different keys of the default bucket.
    Forbidden,
    /// One code of the store that the table does not name, for different keys.
    Unlisted,
    /// The identity check failed in different provinces: it is our identity.
    Identity,
    /// The stage has not worked in this process yet, other workers are there, and what failed may
    /// be this worker's own configuration. No row: one answer is enough.
    Unproven,
    /// This worker finds no way to the other side, and other workers are there: it may be its own
    /// network. No row: one answer is enough.
    Network,
    /// Checkpoints cannot be read and written. No row: it was tried beside the jobs.
    Checkpoints,
}

/// A `[streak.NAME]` of the table: when the row is long enough, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreakRule {
    pub in_a_row: u32,
    /// What is older does not count. Such a row is not ended by other answers.
    pub within: Option<SignedDuration>,
    /// Why the stage is paused, for people.
    pub reason: String,
    /// What ends the pause sooner, for people.
    pub mend: String,
}

/// The rows that the table counts.
pub type StreakRules = BTreeMap<Streak, StreakRule>;

impl Streak {
    /// All that the table counts.
    pub const COUNTED: [Self; 6] = [
        Self::Outage,
        Self::Refused,
        Self::Malformed,
        Self::Forbidden,
        Self::Unlisted,
        Self::Identity,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Forbidden => "forbidden",
            Self::Unlisted => "unlisted",
            Self::Identity => "identity",
            Self::Unproven => "unproven",
            Self::Network => "network",
            Self::Checkpoints => "checkpoints",
        }
    }

    /// It may be the jobs' own fault: a control call decides before anything stops, and probes what
    /// is stopped. Checkpoints, too, are probed beside the jobs.
    pub fn needs_a_control_call(self) -> bool {
        matches!(self, Self::Refused | Self::Malformed | Self::Checkpoints)
    }

    /// Objects that a writer to the bucket can put there may be at fault: a control read decides
    /// before anything stops.
    pub fn needs_a_control_read(self) -> bool {
        matches!(self, Self::Forbidden | Self::Unlisted)
    }

    /// Could answers of this stage make the row? It counts keys of the store, provinces of
    /// verification, or is decided by a control call at a provider.
    pub(super) fn is_of(self, stage: Stage) -> bool {
        match self {
            Self::Outage => true,
            Self::Refused | Self::Malformed => stage != Stage::Storage,
            Self::Forbidden | Self::Unlisted => stage == Stage::Storage,
            Self::Identity => stage == Stage::Verification,
            Self::Unproven | Self::Network | Self::Checkpoints => false,
        }
    }
}
