//! `ledger export`, `tail` and `reconcile`: the ledger for other programs, as it grows, and held
//! against a provider's statement.

mod csv;
mod export;
mod reconcile;
mod tail;

use crate::config::Config;
use clap::Subcommand;
use export::ExportArguments;
use reconcile::ReconcileArguments;
use std::process::ExitCode;
use tail::TailArguments;

#[derive(Subcommand, Debug)]
pub(super) enum LedgerAction {
    /// The turns of a period, as CSV or as JSON lines
    Export(ExportArguments),
    /// Turns as they end
    Tail(TailArguments),
    /// Holds the calls against a provider's statement: which are only ours, only theirs, or differ
    Reconcile(Box<ReconcileArguments>),
}

pub(super) async fn run(config: &Config, action: LedgerAction) -> anyhow::Result<ExitCode> {
    match action {
        LedgerAction::Export(arguments) => export::run(config, &arguments).await,
        LedgerAction::Tail(arguments) => tail::run(config, &arguments).await,
        LedgerAction::Reconcile(arguments) => reconcile::run(config, &arguments).await,
    }
}
