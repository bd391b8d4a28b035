//! `ledger tail`: turns as they end.

use crate::command::ledger_input::LedgerInput;
use crate::command::ledger_words::{calls, how, why};
use crate::command::terminal::{json_line, plain};
use crate::config::Config;
use crate::ledger::LedgerEvent;
use crate::ledger::reading::{LedgerReader, NamedTime};
use clap::Args;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(crate) struct TailArguments {
    /// Begin with the turns since then: 1h, today, or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<NamedTime>,
    /// One JSON object for each turn
    #[arg(long)]
    json: bool,
}

/// Goes on until a signal ends it, or the connection is lost.
pub(super) async fn run(config: &Config, arguments: &TailArguments) -> anyhow::Result<ExitCode> {
    let ledger = LedgerInput::open(config).await?;
    let since = arguments
        .since
        .map(|since| since.begins(ledger.now, &ledger.zone));
    let mut reader =
        LedgerReader::follow(&ledger.session, &ledger.stream, since, ledger.seals.clone()).await?;
    while let Some(event) = reader.next().await? {
        if since.is_some_and(|since| event.at < since) {
            continue;
        }
        let line = if arguments.json {
            json_line(&serde_json::to_string(&event)?)
        } else {
            line(&ledger, &event)
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `2026-11-29 10:15:30  CLM-1  parked until …: verification 316: …  (recognition 200 paid)`.
fn line(ledger: &LedgerInput, event: &LedgerEvent) -> String {
    let job = event.job_id.as_deref().unwrap_or("(no job id)");
    let mut line = format!("{}  {}  {}", ledger.local(event.at), plain(job), how(event));
    if let Some(wait) = &event.parked {
        let _ = write!(line, " until {}", ledger.local(wait.until));
    }
    let (why, calls) = (why(event), calls(event));
    if !why.is_empty() {
        let _ = write!(line, ", {why}");
    }
    if !calls.is_empty() {
        let _ = write!(line, "  ({calls})");
    }
    line
}
