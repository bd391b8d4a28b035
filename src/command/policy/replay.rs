//! `policy replay`: what the calls of the ledger would have come to under another policy.

mod report;
mod sums;
#[cfg(test)]
mod tests;

use crate::app;
use crate::command::ledger_input::{LedgerInput, PeriodArguments};
use crate::command::terminal;
use crate::config::Config;
use crate::ledger::reading::{LedgerPeriod, NamedTime};
use crate::ledger::replay::{PolicyReplay, ReplaySettings, RunBook, RunNews};
use crate::policy::Policy;
use crate::settings::units::Span;
use anyhow::bail;
use jiff::SignedDuration;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use sums::ReplaySums;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// `in_force` is the policy of the configuration, and `file` the one that is tried in its place.
pub(super) async fn run(
    config: &Config,
    in_force: Policy,
    mut named: PeriodArguments,
    file: Option<&str>,
    is_json: bool,
) -> anyhow::Result<ExitCode> {
    config.validate_ledger()?;
    let tried = file.map(|file| app::policy_with("--policy", file));
    let tried = tried.unwrap_or_else(|| Ok(in_force.clone()))?;
    let ledger = LedgerInput::open(config)
        .await?
        .only_sealed(named.only_sealed);
    named.since = named.since.or(Some(NamedTime::Ago(WEEK)));
    let period = ledger.period(named);
    let settings = ReplaySettings {
        timezone: ledger.zone.clone(),
        job_deadline: config.worker.job_deadline.duration(),
        auto_rotate: config.verification.auto_rotate,
        read_to: period
            .until
            .map_or(ledger.now, |until| until.min(ledger.now)),
    };
    let replay = PolicyReplay::new(in_force, tried, settings);
    let accounts = config.priced_accounts().into_iter();
    let stages = accounts
        .map(|account| (account.name, account.stage))
        .collect();
    let shortest = config.broker.retry_delays.first().map(Span::duration);
    let shortest = SignedDuration::try_from(shortest.unwrap_or_default()).unwrap_or_default();
    let mut book = RunBook::new(period, stages, shortest);
    let mut sums = ReplaySums::default();
    let visit = |event| {
        for news in book.add(&event) {
            match news {
                RunNews::Ended(run) => sums.add(&run, &replay.replay(&run)),
                RunNews::LeftOut(reason) => sums.leave_out(reason),
                RunNews::CallsLeftOut(calls) => sums.leave_out_calls(&calls),
            }
        }
        Ok(())
    };
    let counts = ledger.each(period.from, visit).await?;
    for run in book.end() {
        sums.add(&run, &replay.replay(&run));
    }
    if sums.is_empty() {
        bail!(
            "{} has no job that began {}: name an earlier --since, or a later --until; \
             `invoice-worker ledger tail --since 90d` shows what it has",
            ledger.stream,
            heading(&ledger, period)
        );
    }
    let mut out = std::io::stdout().lock();
    if is_json {
        let mut told = sums.to_json();
        told.insert("since".to_owned(), json!(period.from));
        told.insert("until".to_owned(), json!(period.until));
        told.insert("timezone".to_owned(), json!(ledger.timezone));
        told.insert("policy".to_owned(), json!(file));
        told.insert("ledger".to_owned(), json!(counts));
        let json = serde_json::Value::Object(told).to_string();
        writeln!(out, "{}", terminal::json_line(&json))?;
    } else {
        let columns = terminal::columns();
        let under = file.unwrap_or("the policy in force");
        let heading = format!(
            "Jobs that began {}, under {under}",
            heading(&ledger, period)
        );
        for line in terminal::wrap(&terminal::plain(&heading), columns) {
            writeln!(out, "{line}")?;
        }
        write!(out, "\n{}", sums.to_text(columns))?;
        for remark in sums.remarks() {
            writeln!(out, "\n{}", terminal::wrap(&remark, columns).join("\n"))?;
        }
    }
    drop(out);
    ledger.session.close().await;
    Ok(ExitCode::SUCCESS)
}

fn heading(ledger: &LedgerInput, period: LedgerPeriod) -> String {
    let local = |at: Option<_>, none: &str| at.map_or(none.to_owned(), |at| ledger.local(at));
    let (from, until) = (
        local(period.from, "the beginning"),
        local(period.until, "now"),
    );
    format!("between {from} and {until}, {}", ledger.timezone)
}
