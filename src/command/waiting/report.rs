//! The report of `waiting`, as a table and as JSON.

use super::register::{WaitingBy, WaitingGroup};
use crate::command::ledger_input::local;
use crate::command::money::grouped;
use crate::command::table::{Column, Table};
use crate::command::terminal::{length, plain, wrap};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Each queue in which parked jobs are, and its messages.
pub(super) type QueueCounts = Vec<(String, u32)>;

pub(super) struct WaitingReport<'a> {
    pub(super) by: Option<WaitingBy>,
    pub(super) all: WaitingGroup,
    pub(super) groups: Vec<WaitingGroup>,
    /// Before the ledger was read, and after.
    pub(super) queues: (QueueCounts, QueueCounts),
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
}

impl WaitingReport<'_> {
    pub(super) fn to_text(&self, columns: usize) -> String {
        let mut out = String::new();
        if self.all.jobs == 0 {
            out.push_str("No job waits.\n");
        } else {
            let mut table = Table::new([
                Column::text(self.by.map_or("", WaitingBy::as_str)),
                Column::number("jobs"),
                Column::number("due"),
                Column::number("next"),
                Column::number("last"),
                Column::number("nearest deadline").detail(1),
            ]);
            for group in self.groups.iter().chain([&self.all]) {
                table.row([
                    plain(&group.group),
                    grouped(group.jobs),
                    grouped(group.due),
                    self.at(group.next),
                    self.at(group.last),
                    self.at(group.nearest_deadline),
                ]);
            }
            out.push_str(&table.render(columns));
            if let Some(next) = self.all.next {
                let seconds = next.duration_since(self.now).as_secs().unsigned_abs();
                let _ = writeln!(out, "\nThe next one comes back in {}.", length(seconds));
            }
        }
        let _ = writeln!(out, "\n{}", wrap(&self.comparison(), columns).join("\n"));
        out
    }

    fn comparison(&self) -> String {
        let found: Vec<String> = self
            .queues
            .1
            .iter()
            .filter(|(_, depth)| *depth > 0)
            .map(|(name, depth)| format!("{name} {depth}"))
            .collect();
        let found = if found.is_empty() {
            "none".to_owned()
        } else {
            found.join(", ")
        };
        let (waiting, queued) = (self.all.jobs, self.queued());
        if self.agrees() {
            return format!("The queues have as many: {found}.");
        }
        let reason = if queued < waiting {
            "A job that a worker has in hand is in no queue; one that was deleted from a queue, or parked by another worker's ledger, \
             is waiting in the ledger only."
        } else {
            "What the stream did not take is missing in the ledger (invoice_ledger_lost_total), as is what is older than ledger.max_age, \
             and a second copy of a job is in the queues only."
        };
        format!(
            "The queues do not agree: the ledger has {} waiting jobs, the queues have {}: {found}. {reason}",
            grouped(waiting),
            grouped(queued)
        )
    }

    /// Messages that the queues had when the ledger had been read.
    fn queued(&self) -> u64 {
        total(&self.queues.1)
    }

    /// Jobs come and go while the ledger is read: its count is one of those in between.
    fn agrees(&self) -> bool {
        let (before, after) = (total(&self.queues.0), total(&self.queues.1));
        (before.min(after)..=before.max(after)).contains(&self.all.jobs)
    }

    fn at(&self, at: Option<Timestamp>) -> String {
        at.map_or_else(String::new, |at| local(at, self.zone))
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let queues = self.queues.1.iter();
        let queues: Map<String, Value> = queues
            .map(|(name, depth)| (name.clone(), json!(depth)))
            .collect();
        let mut told = Map::new();
        let mut tell = |key: &str, value: Value| told.insert(key.to_owned(), value);
        tell("by", json!(self.by.map(WaitingBy::as_str)));
        tell("waiting", json!(self.all));
        tell("groups", json!(self.by.map(|_| &self.groups)));
        tell("queues", Value::Object(queues));
        tell("queued", json!(self.queued()));
        tell("agrees", json!(self.agrees()));
        told
    }
}

fn total(counts: &QueueCounts) -> u64 {
    counts.iter().map(|(_, depth)| u64::from(*depth)).sum()
}
