//! What the workers say, put together. Pure.

use super::accounts::{AccountRows, accounts_of};
use super::budgets::BudgetRows;
use super::closures::{ClosedRows, add_closed, paused_at};
use super::exposition::{BUILD, IN_FLIGHT, JOBS, PARKED, RETURNED, STARTED, Samples};
use super::growth::{Count, Growth, Look};
use super::keyed_rows::{pair, row};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fleet {
    /// Seconds since the epoch, by this machine's clock.
    pub(super) now: f64,
    pub(super) workers: Vec<WorkerRow>,
    pub(super) accounts: AccountRows,
    pub(super) closed: ClosedRows,
    pub(super) budgets: BudgetRows,
    /// How many jobs are parked, by stage and code.
    pub(super) parked: BTreeMap<(String, String), f64>,
    /// Jobs answered, by status and verdict.
    pub(super) verdicts: BTreeMap<(String, String), Count>,
    pub(super) in_flight: f64,
    /// When the first of the workers that answer was started: counters are as old as that.
    pub(super) started: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WorkerRow {
    pub(super) worker: String,
    /// Why it does not answer.
    pub(super) problem: Option<String>,
    pub(super) version: String,
    pub(super) in_flight: f64,
    pub(super) answered: Count,
    pub(super) accounts: AccountRows,
    pub(super) paused: Vec<String>,
}

impl Fleet {
    /// `before` are the looks before these, in the same order.
    pub(super) fn of(before: &[Look], looks: &[Look], now: f64) -> Self {
        let mut fleet = Self {
            now,
            ..Self::default()
        };
        for (index, look) in looks.iter().enumerate() {
            let samples = match &look.said {
                Ok(samples) => samples,
                Err(problem) => {
                    fleet.workers.push(WorkerRow {
                        worker: look.worker.clone(),
                        problem: Some(problem.clone()),
                        ..WorkerRow::default()
                    });
                    continue;
                }
            };
            let growth = Growth::between(before.get(index), look);
            fleet.add(look, samples, &growth);
        }
        fleet.parked.retain(|_, number| *number >= 1.0);
        fleet
    }

    /// How many workers answer.
    pub(super) fn answering(&self) -> usize {
        let answering = self.workers.iter().filter(|row| row.problem.is_none());
        answering.count()
    }

    fn add(&mut self, look: &Look, samples: &Samples, growth: &Growth<'_>) {
        let version = samples.of(BUILD).next().map(|build| build.label("version"));
        let mut worker = WorkerRow {
            worker: look.worker.clone(),
            version: version.unwrap_or_default().to_owned(),
            in_flight: samples.of(IN_FLIGHT).map(|sample| sample.value).sum(),
            accounts: accounts_of(samples, growth),
            paused: paused_at(samples),
            ..WorkerRow::default()
        };
        for sample in samples.of(JOBS) {
            let count = growth.count(sample);
            worker.answered.add(count);
            if let Some(verdict) = row(&mut self.verdicts, pair(sample, "status", "verdict")) {
                verdict.add(count);
            }
        }
        for (account, of_worker) in &worker.accounts {
            if let Some(sum) = row(&mut self.accounts, account.clone()) {
                sum.add(of_worker);
            }
        }
        for (name, sign) in [(PARKED, 1.0), (RETURNED, -1.0)] {
            for sample in samples.of(name) {
                if let Some(parked) = row(&mut self.parked, pair(sample, "stage", "code")) {
                    *parked += sign * sample.value;
                }
            }
        }
        add_closed(&mut self.closed, samples, self.now);
        self.budgets.add(samples);
        let started = samples.of(STARTED).map(|sample| sample.value);
        self.started = started.chain(self.started).reduce(f64::min);
        self.in_flight += worker.in_flight;
        self.workers.push(worker);
    }
}

#[cfg(test)]
pub(super) mod tests;
