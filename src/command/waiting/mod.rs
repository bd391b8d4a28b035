//! `waiting`: how many jobs wait, for what, and until when; and whether the queues have as many.

mod register;
mod report;
#[cfg(test)]
mod tests;

use super::ledger_input::LedgerInput;
use super::terminal;
use crate::broker::{self, BrokerError, Session};
use crate::config::Config;
use clap::Args;
use register::{WaitRegister, WaitingBy};
use report::{QueueCounts, WaitingReport};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(super) struct WaitingArguments {
    /// A row for each
    #[arg(long, value_enum)]
    by: Option<WaitingBy>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: WaitingArguments) -> anyhow::Result<ExitCode> {
    let ledger = LedgerInput::open(config).await?;
    // The ledger's end is that of this moment as well.
    let before = queue_counts(&ledger.session, &config.broker).await?;
    let mut register = WaitRegister::new(arguments.by);
    let reading = ledger.each(None, |event| {
        register.add(&event);
        Ok(())
    });
    let counts = reading.await?;
    let after = queue_counts(&ledger.session, &config.broker).await?;
    let (all, groups) = register.end(ledger.now);
    let report = WaitingReport {
        by: arguments.by,
        all,
        groups,
        queues: (before, after),
        now: ledger.now,
        zone: &ledger.zone,
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let mut told = report.to_json();
        told.insert("ledger".to_owned(), json!(counts));
        let json = serde_json::Value::Object(told).to_string();
        writeln!(out, "{}", terminal::json_line(&json))?;
    } else {
        write!(out, "{}", report.to_text(terminal::columns()))?;
    }
    drop(out);
    ledger.session.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The messages in the delay queues and in the due queue. A queue that is not there has none.
async fn queue_counts(
    session: &Session,
    queues: &broker::Config,
) -> Result<QueueCounts, BrokerError> {
    let delays = queues.retry_delays.iter();
    let names = delays.map(|delay| queues.retry_queue(delay));
    let mut counts = QueueCounts::new();
    for name in names.chain([queues.due_queue.clone()]) {
        let depth = if session.has_queue(&name).await? {
            session.queue_depth(&name).await?
        } else {
            0
        };
        counts.push((name, depth));
    }
    Ok(counts)
}
