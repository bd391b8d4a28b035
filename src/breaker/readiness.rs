//! Which stages were seen at work in this process. Until those that every job needs were, the
//! worker is not ready, so that a rollout does not go on. Pure.

use crate::domain::failure::Stage;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Readiness {
    /// The stages that have worked in this process.
    worked: BTreeSet<Stage>,
    /// The last answer of each stage that shows it at work.
    answered: BTreeMap<Stage, Timestamp>,
    /// Why the worker is not ready, although nothing keeps it from consuming.
    doubt: Option<String>,
}

impl Readiness {
    pub(super) fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    pub(super) fn set_doubt(&mut self, doubt: Option<&str>) {
        self.doubt = doubt.map(str::to_owned);
    }

    pub(super) fn has_worked(&self, stage: Stage) -> bool {
        self.worked.contains(&stage)
    }

    /// Returns whether this is the first time.
    pub(super) fn works(&mut self, stage: Stage) -> bool {
        self.worked.insert(stage)
    }

    pub(super) fn last_answer(&self, stage: Stage) -> Option<Timestamp> {
        self.answered.get(&stage).copied()
    }

    pub(super) fn answered(&mut self, stage: Stage, now: Timestamp) {
        self.answered.insert(stage, now);
    }
}
