//! The table at the end, and what is wrong beneath it.

use super::arguments::Arguments;
use super::call_log::ProviderLog;
use super::fleet::Fleet;
use super::injector::Damage;
use super::logs::LogCounts;
use super::operator::Operator;
use super::reconciliation::Reconciliation;
use super::verdict::{Charge, Evidence};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// So many jobs are named; the logs know the others.
const NAMED: usize = 20;

/// As wide as the longest name of a figure.
const NAME_COLUMNS: usize = 50;

pub(crate) struct Outcome<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) evidence: &'a Evidence,
    pub(crate) damage: &'a Damage,
    pub(crate) provider_log: &'a ProviderLog,
    pub(crate) both: &'a Reconciliation,
    pub(crate) operator: &'a Operator,
    pub(crate) logs: &'a LogCounts,
    pub(crate) fleet: &'a Fleet,
    pub(crate) took: Duration,
}

impl Outcome<'_> {
    pub(crate) fn table(&self) -> String {
        let Self {
            arguments,
            evidence,
            damage,
            provider_log,
            both,
            operator,
            logs,
            fleet,
            took,
        } = self;
        let (faults, calls) = provider_log.faults();
        let mut lines = Vec::new();
        let mut row = |name: &str, figure: &dyn Display| {
            lines.push(format!("{name:<NAME_COLUMNS$}  {figure}"));
        };
        row("seed", &arguments.seed);
        row("jobs submitted", &arguments.jobs);
        row("strangers' messages", &arguments.strangers);
        row("results", &evidence.results());
        row(
            "duplicate results, byte for byte the same",
            &evidence.duplicates(),
        );
        row("results flagged seen_before", &evidence.seen_before());
        row("kills of workers", &damage.kills.len());
        row("restarts of the broker", &damage.restarts);
        row("connections cut, held or slowed", &damage.cuts);
        row(
            "calls in flight at kills, all workers'",
            &damage.kills.iter().map(|kill| kill.in_the_air).sum::<u32>(),
        );
        row(
            "good answers on their way at a kill, all workers'",
            &evidence.in_the_air_at_kills(),
        );
        row("good answers bought again", &evidence.repeated());
        row(
            "of these, of jobs that were answered by two copies",
            &evidence.forked(),
        );
        row("good answers that came too late", &evidence.all_too_late());
        row("paid calls in the provider's log", &both.paid);
        row("of these, in the ledger by their ids", &both.known);
        row(
            "in the air at a kill, unknown in the ledger",
            &both.in_the_air,
        );
        row("in the air at a kill, without an entry", &both.unmarked);
        row("answered too late, unknown in the ledger", &both.too_late);
        row(
            "of the breaker, which belong to no job",
            &both.control_calls,
        );
        row("of turns that the stream did not take", &both.not_taken);
        row("of a killed worker's copy of a message", &both.of_copies);
        row("unknown in the ledger, and not made", &both.not_made);
        row("jobs whose story was asked of where", &operator.drawn);
        row("parks", &logs.parked.values().sum::<usize>());
        let of_each = calls
            .iter()
            .map(|(stage, calls)| format!("{calls} {stage}"))
            .collect::<Vec<_>>();
        row("calls", &of_each.join(", "));
        for stage in calls.keys() {
            let of_stage = faults.iter().filter(|((whose, _), _)| whose == stage);
            let kinds: Vec<String> = of_stage
                .map(|((_, answer), times)| format!("{answer} {times}"))
                .collect();
            row(&format!("other answers of {stage}"), &kinds.join(", "));
        }
        row("parked for", &listed(&logs.parked));
        row("warnings and errors", &listed(&logs.complaints));
        row(
            "most memory of a worker, MiB",
            &fleet
                .workers
                .iter()
                .map(|worker| worker.peak_mib)
                .max()
                .unwrap_or(0),
        );
        row("seconds", &took.as_secs());
        lines.join("\n")
    }
}

/// What was found, a line each; the jobs concerned by their ids.
pub(crate) fn charges(charges: &[Charge]) -> String {
    let mut lines = Vec::new();
    for (what, whom) in charges {
        let named: Vec<&str> = whom.iter().take(NAMED).map(String::as_str).collect();
        let more = if whom.len() > NAMED { ", …" } else { "" };
        lines.push(format!(
            "{:>5}  {what}{}{}{more}",
            whom.len(),
            if whom.is_empty() { "" } else { ": " },
            named.join(", ")
        ));
    }
    lines.join("\n")
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    counts
        .iter()
        .map(|(what, times)| format!("{what} {times}"))
        .collect::<Vec<_>>()
        .join(", ")
}
