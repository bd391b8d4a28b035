//! The demo's last word: what became of each job, and what it cost.

use super::cast::Part;
use crate::domain::progress::Totals;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

/// What came back for one job.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) result: Option<Value>,
    pub(super) totals: Totals,
    /// From submission to the result's arrival.
    pub(super) after: Duration,
}

pub(super) fn write(
    out: &mut impl Write,
    parts: &[Part],
    outcomes: &HashMap<String, Outcome>,
    took: Duration,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "job", "image", "outcome", "why", "paid", "retries", "parked", "after",
    ]);
    let mut sum = Totals::default();
    let missing = Outcome::default();
    for part in parts {
        let outcome = outcomes.get(&part.job_id).unwrap_or(&missing);
        let totals = outcome.totals;
        sum.billed += totals.billed;
        sum.retries += totals.retries;
        sum.parked += totals.parked;
        let (verdict, why) = told(outcome.result.as_ref());
        table.add_row([
            Cell::new(&part.job_id),
            Cell::new(&part.title),
            Cell::new(verdict),
            Cell::new(why),
            number(totals.billed),
            number(totals.retries),
            number(totals.parked),
            Cell::new(seconds(outcome.after)).set_alignment(CellAlignment::Right),
        ]);
    }
    let answered = outcomes
        .values()
        .filter(|outcome| outcome.result.is_some())
        .count();
    table.add_row([
        Cell::new(format!("{answered} of {}", parts.len())),
        Cell::new(""),
        Cell::new("answered"),
        Cell::new(""),
        number(sum.billed),
        number(sum.retries),
        number(sum.parked),
        Cell::new(seconds(took)).set_alignment(CellAlignment::Right),
    ]);
    writeln!(out, "{table}")
}

/// A completed job by its verdict and flags, any other by its status; and the provider's or our
/// code behind it.
fn told(result: Option<&Value>) -> (String, String) {
    let Some(result) = result else {
        return ("no answer".into(), String::new());
    };
    let mut verdict = result["verdict"]
        .as_str()
        .or(result["status"].as_str())
        .unwrap_or_default()
        .to_owned();
    for flag in result["flags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        verdict.push_str(", ");
        verdict.push_str(flag);
    }
    let mut reasons: Vec<String> = result["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|check| check["outcome"] == "failed")
        .filter_map(|check| check["id"].as_str().map(str::to_owned))
        .collect();
    if let (Some(stage), Some(code)) = (
        result["error"]["stage"].as_str(),
        result["error"]["code"].as_str(),
    ) {
        let ours = code.starts_with(stage);
        reasons.insert(
            0,
            if ours {
                code.to_owned()
            } else {
                format!("{stage} {code}")
            },
        );
    }
    (verdict, reasons.join(", "))
}

fn number(value: u32) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
