//! The report of `cost`, as tables and as JSON.

use super::book::{CostBy, CostReport};
use crate::command::call_sums::{CallSum, CostSums};
use crate::command::money::grouped;
use crate::command::table::{Column, Table};
use crate::command::terminal::plain;
use serde_json::{Map, Value, json};

impl CostReport {
    pub(super) fn to_text(&self, columns: usize) -> String {
        let Some(by) = self.by else {
            return summary(&self.sums).render(columns);
        };
        let mut table = Table::new([
            Column::text(by.as_str()),
            Column::number("paid"),
            Column::number("cost"),
            Column::number("free").detail(1),
            Column::number("unknown"),
            Column::number("at most").detail(2),
            Column::number("saved"),
            Column::number("saved cost").detail(3),
            Column::number("per job").detail(1),
        ]);
        let groups = self.groups.iter();
        let groups = groups.map(|(name, sums)| (plain(name), sums, by.has_answered()));
        for (name, sums, has_answered) in groups.chain([("all".to_owned(), &self.sums, true)]) {
            let per_job = sums.per_answered().filter(|_| has_answered);
            table.row([
                name,
                grouped(sums.paid.calls),
                sums.paid.money.to_text(),
                grouped(sums.free.calls),
                grouped(sums.unknown.calls),
                sums.unknown.money.to_text(),
                grouped(sums.saved.calls),
                sums.saved.money.to_text(),
                per_job.map_or_else(String::new, |money| money.to_text()),
            ]);
        }
        table.render(columns)
    }

    /// Remarks on what the figures do not say by themselves.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let unpriced = self.sums.paid.unpriced + self.sums.unknown.unpriced;
        if unpriced > 0 {
            remarks.push(format!(
                "{} calls had no price when they were made: set `price` in the section of their account",
                grouped(unpriced)
            ));
        }
        if self.left_out > 0 {
            remarks.push(format!(
                "{} more calls were made and are listed nowhere: a job keeps its last fifty",
                grouped(self.left_out)
            ));
        }
        remarks
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let groups = self.by.map(|by| {
            let groups = self.groups.iter().map(|(name, sums)| {
                let mut group = sums.to_json();
                group.insert("group".to_owned(), json!(name));
                if !by.has_answered() {
                    group.remove("answered");
                    group.remove("per_answered");
                }
                Value::Object(group)
            });
            groups.collect::<Vec<_>>()
        });
        let mut report = Map::new();
        report.insert("by".to_owned(), json!(self.by.map(CostBy::as_str)));
        report.insert("total".to_owned(), Value::Object(self.sums.to_json()));
        report.insert("groups".to_owned(), json!(groups));
        report.insert("void".to_owned(), json!(self.void));
        report.insert("left_out".to_owned(), json!(self.left_out));
        report
    }
}

/// A row for each kind of call.
fn summary(sums: &CostSums) -> Table {
    let mut table = Table::new([
        Column::text("calls"),
        Column::number("how many"),
        Column::number("money"),
        Column::text("").detail(1),
    ]);
    let mut row = |name: &str, calls: &CallSum, money: String, remark: &str| {
        table.row([
            name.to_owned(),
            grouped(calls.calls),
            money,
            remark.to_owned(),
        ]);
    };
    row("paid", &sums.paid, sums.paid.money.to_text(), "");
    row("free", &sums.free, String::new(), "");
    let unknown = sums.unknown.money.to_text();
    row(
        "unknown",
        &sums.unknown,
        unknown,
        "at most: no answer came, or the worker died",
    );
    let saved = sums.saved.money.to_text();
    row(
        "saved",
        &sums.saved,
        saved,
        "answers that another job had paid for",
    );
    let answered = sums.answered;
    let each = sums.per_answered().map(|money| money.to_text());
    table.row([
        "answered jobs".to_owned(),
        grouped(answered),
        each.unwrap_or_default(),
        "what is paid for each".to_owned(),
    ]);
    table
}
