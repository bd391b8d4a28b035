//! The rules of the policy by which the workers of a simulation decided.

use crate::retry::DecisionObserver;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The ids of the rules that decided about an answer.
#[derive(Debug, Default)]
pub(super) struct RecordedDecisions(Mutex<BTreeSet<String>>);

impl RecordedDecisions {
    pub(super) fn rules(&self) -> BTreeSet<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl DecisionObserver for RecordedDecisions {
    fn decided(&self, rule: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(rule.to_owned());
    }
}
