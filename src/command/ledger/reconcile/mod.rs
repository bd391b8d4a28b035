//! `ledger reconcile`: the ledger's calls held against what a provider bills.

mod matching;
mod report;
mod statement;
#[cfg(test)]
mod tests;

use crate::command::ages::parse_age;
use crate::command::ledger_input::{LedgerInput, PeriodArguments};
use crate::command::terminal;
use crate::config::{Config, ConfigError};
use crate::domain::account::AccountName;
use crate::ledger::reading::LedgerPeriod;
use clap::Args;
use jiff::SignedDuration;
use matching::{Comparing, Reconciliation, StatementId};
use serde_json::json;
use statement::{StatementColumns, StatementRow};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(crate) struct ReconcileArguments {
    /// The provider's statement: CSV in UTF-8, whose first row names its columns
    #[arg(value_name = "STATEMENT.csv")]
    statement: PathBuf,
    /// The column with the id of each call, by its name or its number from 1
    #[arg(long, value_name = "COLUMN", default_value = "request_id")]
    id: String,
    /// Which id that is
    #[arg(long, value_enum, default_value_t = StatementId::RequestId)]
    id_is: StatementId,
    /// The column with the time; without an offset it is in policy.timezone
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// The column with the price
    #[arg(long, value_name = "COLUMN")]
    price: Option<String>,
    /// The account whose statement it is, such as recognition [default: all accounts]
    #[arg(long, value_parser = account)]
    account: Option<AccountName>,
    /// How far apart the two times of a call may be
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_age)]
    tolerance: SignedDuration,
    /// The character between two columns
    #[arg(long, value_name = "CHARACTER", default_value_t = ',')]
    delimiter: char,
    // By default our calls of the days in the column --time have to be in it.
    #[command(flatten)]
    period: PeriodArguments,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn account(name: &str) -> Result<AccountName, &'static str> {
    AccountName::parse(name).ok_or("is not the name of an account")
}

/// Status 1 where they differ.
pub(super) async fn run(
    config: &Config,
    arguments: &ReconcileArguments,
) -> anyhow::Result<ExitCode> {
    let zone = config.policy.timezone();
    let rows = read(arguments, &zone)?;
    let days = statement::days(&rows, &zone);
    if arguments.period.since.is_none() && days.is_none() {
        let problem = "say which of our calls have to be in the statement, for instance --since 2026-11 --until 2026-11, or which column has \
                       the time of each (--time)";
        return Err(ConfigError::of("--since", problem).into());
    }
    let ledger = LedgerInput::open(config)
        .await?
        .only_sealed(arguments.period.only_sealed);
    let named = ledger.period(arguments.period);
    let period = LedgerPeriod {
        from: named.from.or(days.map(|(from, _)| from)),
        until: named.until.or(days.map(|(_, until)| until)),
    };
    let comparing = Comparing {
        id: arguments.id_is,
        account: arguments.account,
        period,
        tolerance: arguments.tolerance,
    };
    let mut found = Reconciliation::new(&comparing, &rows);
    let reading = ledger.each(period.from, |event| {
        found.add(&event);
        Ok(())
    });
    let counts = reading.await?;
    found.end();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let mut told = found.to_json();
        told["since"] = json!(period.from);
        told["until"] = json!(period.until);
        told["ledger"] = json!(counts);
        writeln!(out, "{}", terminal::json_line(&told.to_string()))?;
    } else {
        write!(out, "{}", found.to_text(&ledger.zone, terminal::columns()))?;
    }
    drop(out);
    ledger.session.close().await;
    Ok(if found.agrees() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(
    arguments: &ReconcileArguments,
    zone: &jiff::tz::TimeZone,
) -> Result<Vec<StatementRow>, ConfigError> {
    let columns = StatementColumns {
        id: arguments.id.clone(),
        time: arguments.time.clone(),
        price: arguments.price.clone(),
    };
    let name = arguments.statement.display().to_string();
    let file = File::open(&arguments.statement)
        .map_err(|error| ConfigError::of(&name, &format!("cannot be read: {error}")))?;
    statement::read(BufReader::new(file), arguments.delimiter, &columns, zone)
        .map_err(|error| ConfigError::of(&name, &error.to_string()))
}
