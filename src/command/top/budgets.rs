//! The budgets, as the workers know them. Pure.
//!
//! Each worker reads the same ledger, so their figures differ by their own calls in the air alone: the
//! largest one counts. A worker that does not know what was spent shows figures of an earlier time,
//! which are left out.

use super::exposition::{BUDGET_AMOUNT, BUDGET_SPENT, BUDGET_USED_UP, BUDGETS_UNKNOWN, Samples};
use super::keyed_rows::row;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BudgetRows {
    /// By name.
    pub(super) known: BTreeMap<String, BudgetRow>,
    /// Workers that have budgets and know what was spent, and those that do not know it.
    pub(super) knowing: usize,
    pub(super) unknowing: usize,
}

/// A budget in its present day or month: calls, or units of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct BudgetRow {
    pub(super) amount: f64,
    pub(super) spent: f64,
    pub(super) is_used_up: bool,
}

impl BudgetRows {
    /// Adds what one worker says.
    pub(super) fn add(&mut self, samples: &Samples) {
        let Some(unknown) = samples.of(BUDGETS_UNKNOWN).next() else {
            return;
        };
        if unknown.value > 0.0 {
            self.unknowing += 1;
            return;
        }
        self.knowing += 1;
        for name in [BUDGET_AMOUNT, BUDGET_SPENT, BUDGET_USED_UP] {
            for sample in samples.of(name) {
                let Some(budget) = row(&mut self.known, sample.label("budget").to_owned()) else {
                    continue;
                };
                match name {
                    BUDGET_AMOUNT => budget.amount = budget.amount.max(sample.value),
                    BUDGET_SPENT => budget.spent = budget.spent.max(sample.value),
                    _ => budget.is_used_up |= sample.value > 0.0,
                }
            }
        }
    }
}
