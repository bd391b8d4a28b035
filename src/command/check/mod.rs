//! `check`: is everything there that the worker will need? One finding each, and how to repair what
//! is not.

mod broker;
mod finding;
mod fleets;
mod ledger;
mod management;
mod provider;
mod queues;
mod storage;
mod transfer;

pub(super) use broker::topology;
pub(super) use finding::{CheckFinding, CheckOutcome, CheckReport, ReportArguments};
pub(super) use management::time as broker_time;
pub(super) use storage::{PATIENCE, store};

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::randomness::Randomness;
use clap::Args;
use std::path::Path;
use std::process::ExitCode;

const CONFIGURATION: &str = "configuration";

#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// Only the configuration and the policy: nothing is connected
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    report: ReportArguments,
}

/// Checks one thing after the other. The status is 1 where the worker could not work. No queue is
/// declared, and no call is made that costs.
pub(super) async fn run(
    config: Config,
    file: Option<&Path>,
    arguments: &CheckArguments,
) -> anyhow::Result<ExitCode> {
    let mut report = CheckReport::new(arguments.report);
    let source = file.map_or_else(
        || "built-in defaults and environment".to_owned(),
        |file| file.display().to_string(),
    );
    report.add(vec![CheckFinding::passed(CONFIGURATION, source)])?;
    report.add(doubts(&config))?;
    let policy = app::policy(&config)?;
    let overrides = if config.policy.file.is_empty() {
        String::new()
    } else {
        format!(", with {} over it", config.policy.file)
    };
    report.add(vec![CheckFinding::passed(
        "policy",
        format!("{} rules, built in{overrides}", policy.rules().len()),
    )])?;
    if !arguments.offline {
        report.add(Box::pin(broker::check(&config)).await)?;
        let pipeline = app::pipeline(&config, policy, Randomness::from_system()).await?;
        report.add(store(&config, &pipeline).await)?;
        report.add(transfer::check(&config, &pipeline).await)?;
        let (network, now) = (config.network()?, Clock::System.now());
        for (key, url) in [
            ("recognition.url", &config.recognition.url),
            ("verification.url", &config.verification.url),
        ] {
            report.add(vec![provider::check(key, url, &network, now).await])?;
        }
    }
    Ok(report.end()?)
}

fn doubts(config: &Config) -> Vec<CheckFinding> {
    config
        .warnings()
        .iter()
        .map(|(key, problem)| CheckFinding::warning(CONFIGURATION, format!("{key}: {problem}"), ""))
        .collect()
}
