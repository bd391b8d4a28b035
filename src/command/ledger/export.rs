//! `ledger export`: the events of a period for other programs.

use super::csv;
use crate::command::ledger_input::{LedgerInput, PeriodArguments};
use crate::command::terminal::json_line;
use crate::config::Config;
use crate::domain::failure::Billed;
use crate::ledger::reading::{LedgerPeriod, LostCalls};
use crate::ledger::{CallPrice, LedgerCall, LedgerEvent};
use clap::{Args, ValueEnum};
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    format: ExportFormat,
    #[command(flatten)]
    period: PeriodArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// A row for each turn, each call and each answer that was there already
    Csv,
    /// An event on each line, as `schema ledger` describes it
    Jsonl,
}

/// The columns of the CSV. New ones are added at the end.
const COLUMNS: [&str; 27] = [
    "row",
    "event",
    "at",
    "run",
    "turn",
    "job_id",
    "submitter",
    "ending",
    "status",
    "verdict",
    "error_stage",
    "error_code",
    "parked_stage",
    "parked_code",
    "parked_until",
    "redelivered",
    "province",
    "bill",
    "call",
    "call_at",
    "account",
    "code",
    "request_id",
    "billed",
    "price",
    "currency",
    "duration_ms",
];

pub(super) async fn run(config: &Config, arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let ledger = LedgerInput::open(config)
        .await?
        .only_sealed(arguments.period.only_sealed);
    let period = ledger.period(arguments.period);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut lost = LostCalls::<()>::default();
    if arguments.format == ExportFormat::Csv {
        out.write_all(csv::line(COLUMNS).as_bytes())?;
    }
    // Lines on a terminal and a bar would overwrite each other.
    let with_bar = !std::io::stdout().is_terminal();
    let exporting = ledger.each_with(period.from, with_bar, |event| {
        lost.note(&event);
        let Some(event) = within(event, period, &mut lost) else {
            return Ok(());
        };
        match arguments.format {
            ExportFormat::Csv => rows(&event).try_for_each(|row| {
                let line = csv::line(row.iter().map(String::as_str));
                out.write_all(line.as_bytes())
            })?,
            ExportFormat::Jsonl => {
                let json = serde_json::to_string(&event).map_err(std::io::Error::from)?;
                writeln!(out, "{}", json_line(&json))?;
            }
        }
        Ok(())
    });
    exporting.await?;
    out.flush()?;
    ledger.session.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The part of the event that is of the period: calls by their own time, and no calls of dead workers that
/// were not made.
fn within(
    mut event: LedgerEvent,
    period: LedgerPeriod,
    lost: &mut LostCalls<()>,
) -> Option<LedgerEvent> {
    let calls = std::mem::take(&mut event.calls);
    event.calls = calls
        .into_iter()
        .filter(|call| period.contains(call.at) && !lost.is_void(&event, call))
        .collect();
    (period.contains(event.at) || !event.calls.is_empty()).then_some(event)
}

/// A row of the turn, and one for each call and each answer that was there already.
fn rows(event: &LedgerEvent) -> impl Iterator<Item = [String; 27]> {
    let turn = row(event, "turn", None, None);
    let calls = event
        .calls
        .iter()
        .map(|call| row(event, "call", Some(call), call.price.as_ref()));
    let saved = event.hits.iter().map(|hit| {
        let mut row = row(event, "saved", None, hit.saved.as_ref());
        row[20] = hit.account.to_string();
        row
    });
    std::iter::once(turn).chain(calls).chain(saved)
}

fn row(
    event: &LedgerEvent,
    kind: &str,
    call: Option<&LedgerCall>,
    price: Option<&CallPrice>,
) -> [String; 27] {
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let (error, parked) = (event.error.as_ref(), event.parked.as_ref());
    let of_call = |cell: fn(&LedgerCall) -> String| call.map(cell).unwrap_or_default();
    [
        kind.to_owned(),
        event.id.clone(),
        event.at.to_string(),
        event.run.clone(),
        event.turn.to_string(),
        text(event.job_id.as_ref()),
        text(event.submitter.as_ref()),
        event.ending.as_str().to_owned(),
        event.status.map_or("", |status| status.as_str()).to_owned(),
        event
            .verdict
            .map_or("", |verdict| verdict.as_str())
            .to_owned(),
        error.map_or("", |error| error.stage.as_str()).to_owned(),
        text(error.map(|error| &error.code)),
        parked.map_or("", |wait| wait.stage.as_str()).to_owned(),
        text(parked.map(|wait| &wait.code)),
        parked
            .map(|wait| wait.until.to_string())
            .unwrap_or_default(),
        event.redelivered.to_string(),
        text(event.province.as_ref()),
        text(event.bill.as_ref()),
        of_call(|call| call.id.clone()),
        of_call(|call| call.at.to_string()),
        of_call(|call| call.account.to_string()),
        of_call(|call| call.code.clone()),
        text(call.and_then(|call| call.request_id.as_ref())),
        of_call(|call| Billed::as_str(call.billed).to_owned()),
        price
            .map(|price| price.price.to_string())
            .unwrap_or_default(),
        price
            .map(|price| price.currency.to_string())
            .unwrap_or_default(),
        of_call(|call| call.duration_ms.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::reading::decode;
    use serde_json::json;

    fn event() -> LedgerEvent {
        let event = json!({
            "schema": "invoice.ledger/1", "id": "e1", "at": "2026-11-29T00:00:01Z", "run": "r1", "turn": 0,
            "job_id": "=CLM,1", "ending": "answered", "status": "completed", "first_seen": "2026-11-28T23:59:50Z",
            "redelivered": true, "lost_turn": 0,
            "calls": [
                { "id": "c1", "account": "recognition", "code": "200", "billed": "yes", "price": "0.25",
                  "currency": "CNY", "at": "2026-11-28T23:59:59Z", "duration_ms": 800, "request_id": "q1" },
                { "id": "c2", "account": "verification", "code": "worker.lost", "billed": "unknown",
                  "at": "2026-11-29T00:00:01Z", "duration_ms": 0 },
            ],
            "hits": [{ "account": "verification", "price": "1.5", "currency": "CNY" }],
        });
        decode(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_turn_is_a_row_and_so_is_each_call_and_each_saved_answer() {
        let rows: Vec<_> = rows(&event()).collect();
        let column = |name: &str| COLUMNS.iter().position(|column| *column == name).unwrap();
        let told = rows.iter().map(|row| {
            ["row", "account", "code", "billed", "price"].map(|name| row[column(name)].as_str())
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ["turn", "", "", "", ""],
                ["call", "recognition", "200", "yes", "0.25"],
                ["call", "verification", "worker.lost", "unknown", ""],
                ["saved", "verification", "", "", "1.5"],
            ]
        );
        let line = csv::line(rows[0].iter().map(String::as_str));
        assert!(
            line.starts_with("turn,e1,2026-11-29T00:00:01Z,r1,0,\"'=CLM,1\","),
            "{line}"
        );
    }

    #[test]
    fn calls_are_of_the_period_by_their_own_time_and_void_ones_of_none() {
        let day = |day: &str| {
            let named = Some(day.parse().unwrap());
            LedgerPeriod::of(
                named,
                named,
                jiff::Timestamp::UNIX_EPOCH,
                &jiff::tz::TimeZone::UTC,
            )
        };
        let mut lost = LostCalls::default();
        let calls = |day_of: &str, lost: &mut LostCalls<()>| {
            let event = within(event(), day(day_of), lost);
            event.map(|event| {
                event
                    .calls
                    .iter()
                    .map(|call| call.id.clone())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(calls("2026-11-27", &mut lost), None);
        assert_eq!(calls("2026-11-28", &mut lost).unwrap(), ["c1"]);
        assert_eq!(calls("2026-11-29", &mut lost).unwrap(), ["c2"]);
        lost.note(&LedgerEvent {
            redelivered: false,
            ..event()
        });
        assert_eq!(calls("2026-11-29", &mut lost).unwrap(), [""; 0]);
    }
}
