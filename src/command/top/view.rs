//! The fleet as lines of text, for a screen or for a file. Pure.
//!
//! The tables are those of the other commands, so that they fit any width; on a wide screen those
//! of a few short columns stand beside each other.

use super::fleet::{AccountRow, ClosedRow, Count, Fleet, WorkerRow};
use crate::command::table::{Column, Table};
use crate::command::terminal::{length, wrap};
use console::measure_text_width;
use std::collections::BTreeMap;

/// From this width on, short tables stand beside each other.
const WIDE: usize = 120;
const GAP: usize = 4;
const BAR: usize = 10;
const UNKNOWN: &str = "–";

/// How a line is drawn on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Title,
    Heading,
    Plain,
    Faint,
    /// Something waits, or does not answer.
    Alarm,
}

pub(super) type ToneLine = (Tone, String);

pub(super) fn lines(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut lines = title(fleet, columns);
    lines.extend(section("rate against quota", &accounts(fleet, columns)));
    lines.extend(workers(fleet, columns));
    lines.extend(closed(fleet, columns));
    let short: [fn(&Fleet, usize) -> Vec<ToneLine>; 3] = [parked, verdicts, calls];
    if columns >= WIDE {
        let width = (columns - 2 * GAP) / 3;
        lines.extend(beside(&short.map(|part| part(fleet, width)), width));
    } else {
        lines.extend(short.into_iter().flat_map(|part| part(fleet, columns)));
    }
    lines
}

fn title(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let (answering, all) = (fleet.answering(), fleet.workers.len());
    let tone = if answering < all {
        Tone::Alarm
    } else {
        Tone::Title
    };
    let text = format!(
        "{answering} of {all} workers answer; {} jobs in flight, {} answered",
        whole(fleet.in_flight),
        speed(answered(fleet).per_second),
    );
    let lines = wrap(&text, columns).into_iter();
    lines.map(|line| (tone, line)).collect()
}

/// Jobs answered by all workers.
fn answered(fleet: &Fleet) -> Count {
    let per_second = fleet
        .workers
        .iter()
        .filter_map(|worker| worker.answered.per_second);
    let total = fleet.workers.iter().map(|worker| worker.answered.total);
    Count {
        total: total.sum(),
        per_second: per_second.reduce(|sum, one| sum + one),
    }
}

fn accounts(fleet: &Fleet, columns: usize) -> String {
    let mut table = Table::new([
        Column::text("account"),
        Column::number("quota/s"),
        Column::number("granted/s"),
        Column::number("calls/s"),
        Column::text("quota used"),
    ]);
    for (name, account) in &fleet.accounts {
        table.row([
            name.clone(),
            account.quota.map_or_else(|| UNKNOWN.into(), tenth),
            tenth(account.granted),
            account
                .calls
                .per_second
                .map_or_else(|| UNKNOWN.into(), tenth),
            used(account),
        ]);
    }
    table.render(columns)
}

/// How much of the quota is used, as a bar and a figure.
fn used(account: &AccountRow) -> String {
    let whole = account.quota.filter(|quota| *quota > 0.0);
    let (Some(per_second), Some(whole)) = (account.calls.per_second, whole) else {
        return UNKNOWN.into();
    };
    let part = per_second / whole;
    let filled = (0..BAR)
        .filter(|cell| part * tenths(BAR) > tenths(*cell) + 0.5)
        .count();
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
    format!("{bar} {:.0} %", part * 100.0)
}

fn tenths(cells: usize) -> f64 {
    f64::from(u32::try_from(cells).unwrap_or(u32::MAX))
}

fn workers(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
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
        table.row(worker(row));
    }
    let mut lines = section("workers", &table.render(columns));
    // A row may have several lines: the first one begins with the worker's name.
    let named = |line: &str| {
        let mut workers = fleet.workers.iter();
        workers.find(|row| line.split_whitespace().next() == Some(row.worker.as_str()))
    };
    let mut is_alarming = false;
    for (tone, line) in &mut lines {
        if let Some(row) = named(line) {
            is_alarming = row.problem.is_some() || !row.paused.is_empty();
        }
        if is_alarming {
            *tone = Tone::Alarm;
        }
    }
    lines
}

const SILENT: &str = "does not answer";

fn worker(row: &WorkerRow) -> [String; 7] {
    if let Some(problem) = &row.problem {
        let state = format!("{SILENT}: {problem}");
        let empty = || String::new();
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

fn closed(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    if fleet.closed.is_empty() {
        return vec![
            (Tone::Plain, String::new()),
            (Tone::Faint, "nothing is closed or paused".to_owned()),
        ];
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
            until,
            next_probe,
        } = *row;
        table.row([
            what.clone(),
            why.clone(),
            time(until, fleet.now),
            time(next_probe, fleet.now),
            workers.to_string(),
        ]);
    }
    let lines = section("", &table.render(columns)).into_iter();
    lines
        .enumerate()
        .map(|(index, (tone, line))| {
            // Behind the blank line, the names of the columns and the rule.
            let tone = if index > 2 { Tone::Alarm } else { tone };
            (tone, line)
        })
        .collect()
}

/// How long it is until then.
fn time(at: Option<f64>, now: f64) -> String {
    match at {
        None => UNKNOWN.into(),
        Some(at) if at <= now => "now".into(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and saturates"
        )]
        Some(at) => format!("in {}", length((at - now).ceil() as u64)),
    }
}

fn parked(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut most_first: Vec<_> = fleet.parked.iter().collect();
    most_first.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let row = |((stage, code), number): (&(String, String), &f64)| {
        [stage.clone(), code.clone(), whole(*number)]
    };
    let rows = most_first.into_iter().map(row).collect();
    listed(
        "parked now",
        [
            Column::text("stage"),
            Column::text("code"),
            Column::number("jobs"),
        ],
        rows,
        columns,
    )
}

fn verdicts(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let rows = fleet.verdicts.iter().map(|((status, verdict), count)| {
        let name = if verdict == "none" || verdict.is_empty() {
            status.clone()
        } else {
            verdict.clone()
        };
        [name, whole(count.total), speed(count.per_second)]
    });
    listed(
        "answered",
        [
            Column::text("verdict"),
            Column::number("jobs"),
            Column::number("speed"),
        ],
        rows.filter(|[_, total, _]| total != "0").collect(),
        columns,
    )
}

fn calls(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut by_billed: BTreeMap<(String, String), Count> = BTreeMap::new();
    for (name, account) in &fleet.accounts {
        for (billed, count) in &account.billed {
            let billed = match billed.as_str() {
                "yes" => "paid",
                "no" => "free",
                other => other,
            };
            by_billed.insert((name.clone(), billed.to_owned()), *count);
        }
    }
    let rows = by_billed
        .into_iter()
        .map(|((name, billed), count)| [name, billed, whole(count.total), speed(count.per_second)]);
    listed(
        "calls",
        [
            Column::text("account"),
            Column::text("billed"),
            Column::number("calls"),
            Column::number("speed"),
        ],
        rows.filter(|[_, _, total, _]| total != "0").collect(),
        columns,
    )
}

fn listed<const N: usize>(
    heading: &'static str,
    names: [Column; N],
    rows: Vec<[String; N]>,
    columns: usize,
) -> Vec<ToneLine> {
    if rows.is_empty() {
        return vec![
            (Tone::Plain, String::new()),
            (Tone::Faint, format!("{heading}: none")),
        ];
    }
    let mut table = Table::new(names);
    for row in rows {
        table.row(row);
    }
    section(heading, &table.render(columns))
}

/// A blank line, the heading where there is one, and the table.
fn section(heading: &str, table: &str) -> Vec<ToneLine> {
    let mut lines = vec![(Tone::Plain, String::new())];
    if !heading.is_empty() {
        lines.push((Tone::Heading, heading.to_owned()));
    }
    lines.extend(table.lines().enumerate().map(|(index, line)| {
        let tone = if index < 2 { Tone::Faint } else { Tone::Plain };
        (tone, line.to_owned())
    }));
    lines
}

/// Parts beside each other, each so wide.
fn beside<const N: usize>(parts: &[Vec<ToneLine>; N], width: usize) -> Vec<ToneLine> {
    let height = parts.iter().map(Vec::len).max().unwrap_or(0);
    let line = |index: usize| {
        let cells = parts.iter().map(|part| {
            let text = part.get(index).map_or("", |(_, text)| text.as_str());
            let pad = width.saturating_sub(measure_text_width(text));
            format!("{text}{}", " ".repeat(pad))
        });
        let cells: Vec<String> = cells.collect();
        let tone = parts
            .iter()
            .find_map(|part| part.get(index))
            .map(|(tone, _)| *tone);
        let text = cells.join(&" ".repeat(GAP)).trim_end().to_owned();
        (tone.unwrap_or(Tone::Plain), text)
    };
    (0..height).map(line).collect()
}

fn tenth(number: f64) -> String {
    format!("{number:.1}")
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

/// So many a second, or a minute where that is less than one.
fn speed(per_second: Option<f64>) -> String {
    match per_second {
        None => UNKNOWN.into(),
        Some(per_second) if per_second >= 1.0 || per_second <= 0.0 => format!("{per_second:.1}/s"),
        Some(per_second) => format!("{:.1}/min", per_second * 60.0),
    }
}
