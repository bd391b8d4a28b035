//! The report of `ledger reconcile`, as tables and as JSON.

use super::matching::{CallDifference, Reconciliation, SideSums};
use crate::command::ledger_input::local;
use crate::command::money::grouped;
use crate::command::table::{Column, Table};
use crate::command::terminal::{plain, wrap};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::fmt::Write;

impl Reconciliation<'_> {
    pub(super) fn to_text(&self, zone: &TimeZone, columns: usize) -> String {
        let mut out = String::new();
        if !self.differences.is_empty() {
            let _ = writeln!(
                out,
                "{}",
                differences(&self.differences, zone).render(columns)
            );
        }
        if self.unlisted > 0 {
            let _ = writeln!(
                out,
                "{} more differences are not listed\n",
                grouped(self.unlisted)
            );
        }
        let mut table = Table::new([
            Column::text("calls"),
            Column::number("how many"),
            Column::number("ours"),
            Column::number("theirs"),
        ]);
        for (name, sums) in self.sums() {
            let SideSums {
                calls,
                ours,
                theirs,
            } = sums;
            table.row([
                name.to_owned(),
                grouped(calls),
                grouped(ours),
                grouped(theirs),
            ]);
        }
        out.push_str(&table.render(columns));
        for remark in self.remarks() {
            let _ = writeln!(out, "\n{}", wrap(&remark, columns).join("\n"));
        }
        out
    }

    fn sums(&self) -> [(&'static str, SideSums); 4] {
        [
            ("matching", self.matching),
            ("only ours", self.only_ours),
            ("only theirs", self.only_theirs),
            ("differing", self.differing),
        ]
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let (unknown, without) = (self.unknown, self.without_id);
        if unknown.calls > 0 {
            remarks.push(format!(
                "Of {} more of our calls it is not known whether they are billed (no answer came, or the worker died), {} at most: they \
                 may be among what is only theirs.",
                grouped(unknown.calls),
                grouped(unknown.ours)
            ));
        }
        if without.calls > 0 {
            remarks.push(format!(
                "{} of our paid calls, {}, have no request id to be found by, and may be among what is only theirs.",
                grouped(without.calls),
                grouped(without.ours)
            ));
        }
        remarks
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "agrees": self.agrees(),
            "matching": self.matching,
            "only_ours": self.only_ours,
            "only_theirs": self.only_theirs,
            "differing": self.differing,
            "unknown": self.unknown,
            "without_id": self.without_id,
            "differences": self.differences,
            "unlisted": self.unlisted,
        })
    }
}

fn differences(differences: &[CallDifference], zone: &TimeZone) -> Table {
    let mut table = Table::new([
        Column::text("difference"),
        Column::text("id"),
        Column::number("ours"),
        Column::number("theirs"),
        Column::number("line"),
        Column::number("our time").detail(2),
        Column::number("their time").detail(2),
        Column::text("code").detail(1),
        Column::text("why").detail(1),
    ]);
    let price = |price: Option<Decimal>| price.map_or_else(String::new, grouped);
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| local(at, zone));
    for difference in differences {
        let line = difference.line.map(|line| line.to_string());
        table.row([
            difference.kind.as_str().to_owned(),
            plain(&difference.id),
            price(difference.price),
            price(difference.their_price),
            line.unwrap_or_default(),
            time(difference.at),
            time(difference.their_time),
            plain(difference.code.as_deref().unwrap_or_default()),
            difference.why.clone(),
        ]);
    }
    table
}
