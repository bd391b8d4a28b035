//! `check`: is everything there that the worker will need? One line each, and how to mend what is
//! not.

mod broker;
mod finding;
mod fleets;
mod management;
mod provider;
mod storage;
mod transfer;

pub(super) use broker::topology;
pub(super) use finding::{Finding, Verdict};
pub(super) use storage::{PATIENCE, store};

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::randomness::Randomness;
use clap::Args;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const CONFIGURATION: &str = "configuration";

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Only the configuration and the policy: nothing is connected
    #[arg(long)]
    offline: bool,
}

/// Exit status 1 where the worker could not work. Nothing is declared, nothing is called that
/// costs.
pub(super) async fn run(
    config: Config,
    file: Option<&Path>,
    options: &Options,
) -> anyhow::Result<ExitCode> {
    let mut sheet = Sheet::default();
    let source = file.map_or_else(
        || "built-in defaults and environment".to_owned(),
        |file| file.display().to_string(),
    );
    sheet.tell(&[Finding::fine(CONFIGURATION, source)])?;
    sheet.tell(&doubts(&config))?;
    let policy = app::policy(&config)?;
    let overrides = if config.policy.file.is_empty() {
        String::new()
    } else {
        format!(", with {} over it", config.policy.file)
    };
    sheet.tell(&[Finding::fine(
        "policy",
        format!("{} rules, built in{overrides}", policy.rules().len()),
    )])?;
    if !options.offline {
        sheet.tell(&Box::pin(broker::check(&config)).await)?;
        let pipeline = app::pipeline(&config, policy, Randomness::from_system()).await?;
        sheet.tell(&store(&config, &pipeline).await)?;
        sheet.tell(&transfer::check(&config, &pipeline).await)?;
        let (network, now) = (config.network()?, Clock::System.now());
        for (key, url) in [
            ("recognition.url", &config.recognition.url),
            ("verification.url", &config.verification.url),
        ] {
            sheet.tell(&[provider::check(key, url, &network, now).await])?;
        }
    }
    Ok(sheet.exit_code())
}

fn doubts(config: &Config) -> Vec<Finding> {
    config
        .doubts()
        .iter()
        .map(|(key, problem)| Finding::worth(CONFIGURATION, format!("{key}: {problem}"), ""))
        .collect()
}

/// Findings as they are printed, and what they come to.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    worst: Verdict,
}

impl Sheet {
    /// As soon as it is known: a store that does not answer takes its time.
    pub(super) fn tell(&mut self, findings: &[Finding]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        for finding in findings {
            self.worst = self.worst.max(finding.verdict);
            writeln!(out, "{finding}")?;
        }
        out.flush()
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        if self.worst == Verdict::Broken {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
