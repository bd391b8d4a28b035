//! `cost`: what the calls of a period cost, what is not known, and what checkpoints saved.

mod book;
mod report;
#[cfg(test)]
mod tests;

use super::ledger_input::{LedgerInput, PeriodArguments};
use super::terminal;
use crate::config::Config;
use crate::ledger::reading::{LedgerPeriod, NamedTime};
use book::{CostBook, CostBy};
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(super) struct CostArguments {
    #[command(flatten)]
    period: PeriodArguments,
    /// A row for each
    #[arg(long, value_enum)]
    by: Option<CostBy>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: CostArguments) -> anyhow::Result<ExitCode> {
    let ledger = LedgerInput::open(config)
        .await?
        .only_sealed(arguments.period.only_sealed);
    let mut named = arguments.period;
    named.since = named.since.or(Some(NamedTime::DaysAgo(0)));
    let period = ledger.period(named);
    let mut book = CostBook::new(arguments.by, period, ledger.zone.clone());
    let counts = ledger
        .each(period.from, |event| {
            book.add(&event);
            Ok(())
        })
        .await?;
    let report = book.end();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let mut told = report.to_json();
        told.insert("since".to_owned(), json!(period.from));
        told.insert("until".to_owned(), json!(period.until));
        told.insert("timezone".to_owned(), json!(ledger.timezone));
        told.insert("ledger".to_owned(), json!(counts));
        let json = serde_json::Value::Object(told).to_string();
        writeln!(out, "{}", terminal::json_line(&json))?;
    } else {
        let columns = terminal::columns();
        writeln!(out, "{}\n", heading(&ledger, period))?;
        write!(out, "{}", report.to_text(columns))?;
        for remark in report.remarks() {
            writeln!(out, "\n{}", terminal::wrap(&remark, columns).join("\n"))?;
        }
    }
    drop(out);
    ledger.session.close().await;
    Ok(ExitCode::SUCCESS)
}

fn heading(ledger: &LedgerInput, period: LedgerPeriod) -> String {
    let from = period
        .from
        .map_or_else(|| "the beginning".to_owned(), |from| ledger.local(from));
    let until = period
        .until
        .map_or_else(|| "now".to_owned(), |until| ledger.local(until));
    format!("From {from} to {until}, {}", ledger.timezone)
}
