//! Which accounts were seen at work in this process. Until those that every job needs were, the
//! worker is not ready, so that a rollout does not go on. Pure.

use crate::domain::account::AccountName;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Readiness {
    /// The accounts that have worked in this process.
    worked: BTreeSet<AccountName>,
    /// The last answer to each account that shows it at work.
    answered: BTreeMap<AccountName, Timestamp>,
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

    pub(super) fn has_worked(&self, account: AccountName) -> bool {
        self.worked.contains(&account)
    }

    /// Returns whether this is the first time.
    pub(super) fn works(&mut self, account: AccountName) -> bool {
        self.worked.insert(account)
    }

    pub(super) fn last_answer(&self, account: AccountName) -> Option<Timestamp> {
        self.answered.get(&account).copied()
    }

    pub(super) fn answered(&mut self, account: AccountName, now: Timestamp) {
        self.answered.insert(account, now);
    }
}
