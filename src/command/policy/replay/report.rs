//! The report of `policy replay`, as tables and as JSON.

use super::sums::{AnswerTimes, ReplaySide, ReplaySums};
use crate::command::call_sums::CallSum;
use crate::command::money::{MoneySum, grouped};
use crate::command::table::{Column, Table};
use crate::command::terminal::{length, plain};
use crate::ledger::replay::{LeftOutReason, UnknownReason};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

impl ReplaySums {
    pub(super) fn to_text(&self, columns: usize) -> String {
        let (recorded, replayed) = (&self.recorded, &self.replayed);
        let mut table = table("");
        let mut count = |name: &str, [recorded, replayed]: [u64; 2]| {
            let cells = [
                grouped(recorded),
                grouped(replayed),
                change(recorded, replayed),
            ];
            table.row([name.to_owned()].into_iter().chain(cells));
        };
        count("jobs", [self.jobs; 2]);
        count("calls", [recorded.calls(), replayed.calls()]);
        let kinds = [&recorded.costs, &replayed.costs];
        count("paid calls", kinds.map(|costs| costs.paid.calls));
        count("free calls", kinds.map(|costs| costs.free.calls));
        count("unknown calls", kinds.map(|costs| costs.unknown.calls));
        count("never made, at least", [0, replayed.never_made.calls]);
        let mut money = |name: &str, [recorded, replayed]: [&MoneySum; 2]| {
            let change = replayed.minus(recorded).to_text();
            table.row([
                name.to_owned(),
                recorded.to_text(),
                replayed.to_text(),
                change,
            ]);
        };
        money("paid", kinds.map(|costs| &costs.paid.money));
        money("unknown, at most", kinds.map(|costs| &costs.unknown.money));
        let none = MoneySum::default();
        money(
            "never made, for one each",
            [&none, &replayed.never_made.money],
        );
        let times = [&recorded.times, &replayed.times];
        let mut time = |name: &str, of: fn(&AnswerTimes) -> Option<u64>| {
            let cells = times.map(|times| of(times).map_or_else(String::new, shown));
            let [before, after] = times.map(|times| of(times).unwrap_or_default());
            table.row(
                [name.to_owned()]
                    .into_iter()
                    .chain(cells)
                    .chain([slower(before, after)]),
            );
        };
        time("half are answered within", |times| times.within(50));
        time("nine of ten within", |times| times.within(90));
        time("the slowest after", |times| times.longest);
        format!("{}\n{}", table.render(columns), self.ends().render(columns))
    }

    fn ends(&self) -> Table {
        let (recorded, replayed) = (&self.recorded, &self.replayed);
        let mut table = table("how the jobs end");
        let mut row = |name: String, before: u64, after: u64| {
            let cells = [grouped(before), grouped(after), change(before, after)];
            table.row([name].into_iter().chain(cells));
        };
        let names: BTreeSet<&String> = recorded.ends.keys().chain(replayed.ends.keys()).collect();
        let of = |side: &ReplaySide, name: &String| side.ends.get(name).copied().unwrap_or(0);
        for name in names {
            row(plain(name), of(recorded, name), of(replayed, name));
        }
        row(
            "still waiting".to_owned(),
            recorded.waiting,
            replayed.waiting,
        );
        row("unknown".to_owned(), 0, replayed.all_unknown());
        table
    }

    /// Remarks on what the figures do not say by themselves.
    pub(super) fn remarks(&self) -> Vec<String> {
        let unknown = self.replayed.unknown.iter();
        let unknown = unknown
            .map(|(reason, jobs)| format!("{} of the jobs {}", grouped(*jobs), why(*reason)));
        let left_out = self.left_out.iter();
        let left_out = left_out.map(|(reason, jobs)| {
            format!(
                "{} of the jobs are in neither column: {}",
                grouped(*jobs),
                why_left_out(*reason)
            )
        });
        let mut remarks: Vec<String> = unknown.chain(left_out).collect();
        let cost = &self.left_out_calls;
        let calls = cost.paid.calls + cost.free.calls + cost.unknown.calls;
        if calls > 0 {
            let paid = cost.paid.money.to_text().replace('\n', " and ");
            let paid = if paid.is_empty() {
                String::new()
            } else {
                format!(", {paid} of it paid")
            };
            remarks.push(format!(
                "{} calls are in neither column, of such jobs or made after a job's answer{paid}",
                grouped(calls)
            ));
        }
        for (number, what) in [
            (
                self.unexplained,
                "answers were followed by something else than the policy in force decides, perhaps because an older one decided; their jobs are replayed all the same",
            ),
            (
                self.held_up,
                "waits had another reason than an answer of the job's own (a pause, a budget, a closed scope, the store) and are kept as long as they were",
            ),
            (
                self.recorded.costs.paid.unpriced + self.recorded.costs.unknown.unpriced,
                "calls had no price when they were made: set `price` in the section of their account",
            ),
        ] {
            if number > 0 {
                remarks.push(format!("{} {what}", grouped(number)));
            }
        }
        remarks
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let left_out = self.left_out.iter();
        let left_out: Map<_, _> = left_out
            .map(|(reason, jobs)| (reason.as_str().to_owned(), json!(jobs)))
            .collect();
        let cost = &self.left_out_calls;
        let report = json!({
            "jobs": self.jobs,
            "recorded": self.recorded.to_json(),
            "replayed": self.replayed.to_json(),
            "left_out": {
                "jobs": left_out,
                "paid": cost.paid.to_json(),
                "free": { "calls": cost.free.calls },
                "unknown": cost.unknown.to_json(),
            },
            "unexplained": self.unexplained,
            "held_up": self.held_up,
        });
        match report {
            Value::Object(report) => report,
            _ => Map::new(),
        }
    }
}

impl ReplaySide {
    fn to_json(&self) -> Value {
        let unknown = self.unknown.iter();
        let unknown: Map<_, _> = unknown
            .map(|(reason, jobs)| (reason.as_str().to_owned(), json!(jobs)))
            .collect();
        json!({
            "calls": self.calls(),
            "paid": self.costs.paid.to_json(),
            "free": { "calls": self.costs.free.calls },
            "unknown": self.costs.unknown.to_json(),
            "never_made": CallSum::to_json(&self.never_made),
            "ends": self.ends,
            "answered": self.costs.answered,
            "waiting": self.waiting,
            "unknown_jobs": unknown,
            "time_to_answer": {
                "jobs": self.times.jobs(),
                "p50_ms": self.times.within(50),
                "p90_ms": self.times.within(90),
                "longest_ms": self.times.longest,
            },
        })
    }
}

fn table(first: &'static str) -> Table {
    Table::new([
        Column::text(first),
        Column::number("recorded"),
        Column::number("replayed"),
        Column::number("difference"),
    ])
}

fn why(reason: UnknownReason) -> &'static str {
    match reason {
        UnknownReason::NeverAsked => {
            "would have made a call that was never made: what it would have been answered, and all that follows, is unknown"
        }
        UnknownReason::Pause => {
            "would have paused a stage, which holds up other jobs, too: what follows is unknown"
        }
        UnknownReason::Facts => {
            "met with rules that ask for what the ledger does not say (the QR code, the bill's date, the HTTP status or the message): what follows is unknown"
        }
    }
}

fn why_left_out(reason: LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::BeganBefore => "they began before the time",
        LeftOutReason::TurnMissing => "the ledger does not have all of their turns",
        LeftOutReason::CallsUnlisted => {
            "they made more calls than are listed: a job keeps its last fifty"
        }
        LeftOutReason::TwoCopies => {
            "two copies of them were processed, whose calls cannot be told apart"
        }
        LeftOutReason::OtherAccount => {
            "their calls were made with an account that the configuration does not have"
        }
        LeftOutReason::TooMany => {
            "more jobs wait at the same time than are kept in memory; name a shorter time"
        }
    }
}

/// `+3`, `-1,000`; nothing where both are the same.
fn change(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", grouped(after - before)),
        std::cmp::Ordering::Less => format!("-{}", grouped(before - after)),
    }
}

fn slower(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", shown(after - before)),
        std::cmp::Ordering::Less => format!("-{}", shown(before - after)),
    }
}

/// `850ms`, `12s`, `5m 7s`.
fn shown(millis: u64) -> String {
    if millis < 1_000 {
        format!("{millis}ms")
    } else {
        length(millis / 1_000)
    }
}
