//! The accounts, as one worker uses them or as all of them do: rate, calls and cost. Pure.

use super::exposition::{CALLS, COST, QUOTA, SHARE, Samples};
use super::growth::{Count, Growth};
use super::keyed_rows::row;
use std::collections::BTreeMap;

pub(super) type AccountRows = BTreeMap<String, AccountRow>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AccountRow {
    /// The configured rate: the same for all workers.
    pub(super) quota: Option<f64>,
    /// The part of it that may be used now.
    pub(super) granted: f64,
    pub(super) calls: Count,
    /// Calls by the label `billed`.
    pub(super) billed: BTreeMap<String, Count>,
    /// What calls cost since the worker was started, by currency; empty where they have no price.
    pub(super) cost: BTreeMap<String, AccountCost>,
}

/// Money of one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct AccountCost {
    pub(super) paid: f64,
    /// The cost of calls that may be billed.
    pub(super) unknown: f64,
}

impl AccountRow {
    pub(super) fn add(&mut self, other: &Self) {
        self.quota = self.quota.into_iter().chain(other.quota).reduce(f64::max);
        self.granted += other.granted;
        self.calls.add(other.calls);
        for (billed, count) in &other.billed {
            if let Some(sum) = row(&mut self.billed, billed.clone()) {
                sum.add(*count);
            }
        }
        self.add_cost(other);
    }

    pub(super) fn add_cost(&mut self, other: &Self) {
        for (currency, cost) in &other.cost {
            if let Some(sum) = row(&mut self.cost, currency.clone()) {
                sum.paid += cost.paid;
                sum.unknown += cost.unknown;
            }
        }
    }

    /// Calls with this label `billed`.
    pub(super) fn calls_billed(&self, billed: &str) -> Count {
        self.billed.get(billed).copied().unwrap_or_default()
    }
}

pub(super) fn accounts_of(samples: &Samples, growth: &Growth<'_>) -> AccountRows {
    let mut accounts = AccountRows::new();
    for sample in samples.of(QUOTA) {
        if let Some(account) = row(&mut accounts, sample.label("stage").to_owned()) {
            account.quota = Some(sample.value);
        }
    }
    for sample in samples.of(SHARE) {
        if let Some(account) = row(&mut accounts, sample.label("stage").to_owned()) {
            account.granted = sample.value;
        }
    }
    for sample in samples.of(CALLS) {
        if let Some(account) = row(&mut accounts, sample.label("stage").to_owned()) {
            let count = growth.count(sample);
            account.calls.add(count);
            if let Some(billed) = row(&mut account.billed, sample.label("billed").to_owned()) {
                billed.add(count);
            }
        }
    }
    for sample in samples.of(COST) {
        let account = row(&mut accounts, sample.label("account").to_owned());
        let cost =
            account.and_then(|account| row(&mut account.cost, sample.label("currency").to_owned()));
        match (sample.label("billed"), cost) {
            ("yes", Some(cost)) => cost.paid += sample.value,
            ("unknown", Some(cost)) => cost.unknown += sample.value,
            _ => {}
        }
    }
    accounts
}
