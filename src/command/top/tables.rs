//! The tables of the view, each a part of it with its heading. Pure.

use super::accounts::AccountRow;
use super::budgets::BudgetRows;
use super::closures::ClosedRow;
use super::figures::{UNKNOWN, amount, length_of, money, part_of, speed, tenth, until, whole};
use super::fleet::{Fleet, WorkerRow};
use super::tone_lines::{Tone, ToneLine, listed, nothing, section};
use crate::command::table::{Column, Table};
use crate::command::terminal::wrap;

pub(super) fn rate(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut table = Table::new([
        Column::text("account"),
        Column::number("quota/s"),
        Column::number("granted/s"),
        Column::number("calls/s"),
        Column::text("quota used"),
    ]);
    for (name, account) in &fleet.accounts {
        let made = account.calls.per_second;
        table.row([
            name.clone(),
            account.quota.map_or_else(|| UNKNOWN.into(), tenth),
            tenth(account.granted),
            made.map_or_else(|| UNKNOWN.into(), tenth),
            part_of(made, account.quota),
        ]);
    }
    section("rate against quota", &table, columns, |_| false)
}

/// Calls by whether they are paid for, and what they cost or may cost.
pub(super) fn cost(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let since = fleet.started.map_or_else(String::new, |started| {
        format!(": {}", length_of(fleet.now - started))
    });
    let heading = format!("calls and cost since the first worker started{since}");
    let mut all = AccountRow::default();
    let accounts = fleet.accounts.iter();
    let mut rows: Vec<_> = accounts
        .inspect(|(_, account)| all.add_cost(account))
        .filter(|(_, account)| account.calls.total >= 1.0 || !account.cost.is_empty())
        .map(|(name, account)| cost_row(name, account))
        .collect();
    if rows.len() > 1 && !all.cost.is_empty() {
        let [_, _, paid, _, _, at_most, _] = cost_row("", &all);
        let empty = String::new;
        rows.push([
            "all".to_owned(),
            empty(),
            paid,
            empty(),
            empty(),
            at_most,
            empty(),
        ]);
    }
    let names = [
        Column::text("account"),
        Column::number("paid"),
        Column::number("cost"),
        Column::number("free"),
        Column::number("unknown"),
        Column::number("at most").detail(1),
        Column::number("paid, speed").detail(2),
    ];
    listed(&heading, names, rows, columns)
}

fn cost_row(name: &str, account: &AccountRow) -> [String; 7] {
    let [paid, free, unknown] = ["yes", "no", "unknown"].map(|billed| account.calls_billed(billed));
    let sums = account.cost.iter();
    let cost: Vec<String> = sums
        .clone()
        .map(|(currency, cost)| money(cost.paid, currency))
        .collect();
    let at_most: Vec<String> = sums
        .filter(|(_, cost)| cost.unknown > 0.0)
        .map(|(currency, cost)| money(cost.unknown, currency))
        .collect();
    let cost = if cost.is_empty() {
        UNKNOWN.to_owned()
    } else {
        cost.join("\n")
    };
    [
        name.to_owned(),
        whole(paid.total),
        cost,
        whole(free.total),
        whole(unknown.total),
        at_most.join("\n"),
        speed(paid.per_second),
    ]
}

pub(super) fn workers(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut table = Table::new([
        Column::text("worker"),
        Column::number("in flight"),
        Column::number("calls/s"),
        Column::number("answered"),
        Column::text("state"),
        Column::text("calls/s of its share").detail(1),
        Column::text("version").detail(2),
    ]);
    for row in &fleet.workers {
        table.row(worker_row(row));
    }
    section("workers", &table, columns, |index| {
        let row = &fleet.workers[index];
        row.problem.is_some() || !row.paused.is_empty()
    })
}

fn worker_row(row: &WorkerRow) -> [String; 7] {
    if let Some(problem) = &row.problem {
        let state = format!("does not answer: {problem}");
        let empty = String::new;
        return [
            row.worker.clone(),
            empty(),
            empty(),
            empty(),
            state,
            empty(),
            empty(),
        ];
    }
    let per_second = |account: &AccountRow| account.calls.per_second;
    let all = row.accounts.values().filter_map(per_second);
    let shares = row.accounts.iter().map(|(name, account)| {
        let calls = per_second(account).map_or_else(|| UNKNOWN.into(), tenth);
        format!("{name} {calls} of {}", tenth(account.granted))
    });
    let state = if row.paused.is_empty() {
        "at work".to_owned()
    } else {
        format!("paused: {}", row.paused.join(", "))
    };
    [
        row.worker.clone(),
        whole(row.in_flight),
        all.reduce(|sum, one| sum + one)
            .map_or_else(|| UNKNOWN.into(), tenth),
        whole(row.answered.total),
        state,
        shares.collect::<Vec<_>>().join(", "),
        row.version.clone(),
    ]
}

pub(super) fn closed(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    if fleet.closed.is_empty() {
        return nothing("nothing is closed or paused", columns);
    }
    let mut table = Table::new([
        Column::text("closed or paused"),
        Column::text("why"),
        Column::text("opens"),
        Column::text("next probe"),
        Column::number("workers").detail(1),
    ]);
    for ((what, why), row) in &fleet.closed {
        let ClosedRow {
            workers,
            until: opens,
            next_probe,
        } = *row;
        table.row([
            what.clone(),
            why.clone(),
            until(opens, fleet.now),
            until(next_probe, fleet.now),
            workers.to_string(),
        ]);
    }
    section("", &table, columns, |_| true)
}

pub(super) fn budgets(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let BudgetRows {
        known,
        knowing,
        unknowing,
    } = &fleet.budgets;
    if knowing + unknowing == 0 {
        return nothing("budgets: none", columns);
    }
    let mut table = Table::new([
        Column::text("budget"),
        Column::number("spent"),
        Column::number("amount"),
        Column::text("part spent"),
        Column::text("state"),
    ]);
    let mut are_used_up = Vec::new();
    for (name, budget) in known {
        are_used_up.push(budget.is_used_up);
        let state = if budget.is_used_up { "used up" } else { "open" };
        table.row([
            name.clone(),
            amount(budget.spent),
            amount(budget.amount),
            part_of(Some(budget.spent), Some(budget.amount)),
            state.to_owned(),
        ]);
    }
    let mut lines = if known.is_empty() {
        vec![(Tone::Plain, String::new())]
    } else {
        section("", &table, columns, |index| are_used_up[index])
    };
    if *unknowing > 0 {
        let told = format!(
            "{unknowing} of {} workers with budgets do not know what was spent: their jobs with a budget wait",
            knowing + unknowing,
        );
        let told = wrap(&told, columns).into_iter();
        lines.extend(told.map(|line| (Tone::Alarm, line)));
    }
    lines
}

pub(super) fn parked(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut most_first: Vec<_> = fleet.parked.iter().collect();
    most_first.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let row = |((stage, code), number): (&(String, String), &f64)| {
        [stage.clone(), code.clone(), whole(*number)]
    };
    let rows = most_first.into_iter().map(row).collect();
    let names = [
        Column::text("stage"),
        Column::text("code"),
        Column::number("jobs"),
    ];
    listed("waiting: parked now", names, rows, columns)
}

pub(super) fn answered(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let rows = fleet.verdicts.iter().map(|((status, verdict), count)| {
        let name = if verdict == "none" || verdict.is_empty() {
            status.clone()
        } else {
            verdict.clone()
        };
        [name, whole(count.total), speed(count.per_second)]
    });
    let rows = rows.filter(|[_, total, _]| total != "0").collect();
    let names = [
        Column::text("verdict"),
        Column::number("jobs"),
        Column::number("speed"),
    ];
    listed("answered", names, rows, columns)
}
