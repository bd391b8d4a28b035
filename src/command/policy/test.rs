//! `policy test`: runs scenario files and prints what differs.

use crate::dev::simulation::{PolicyScenario, compare, simulate};
use crate::policy::Policy;
use anyhow::Context;
use jiff::tz::TimeZone;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Every scenario of these files, under the policy in force. A file that cannot be meant is refused
/// before anything runs.
pub(super) async fn test(
    policy: Policy,
    timezone: TimeZone,
    files: Vec<PathBuf>,
) -> anyhow::Result<ExitCode> {
    // A simulation has a runtime of its own, which cannot stand on a thread of this one.
    tokio::task::spawn_blocking(move || all(&policy, &timezone, &files))
        .await
        .context("a simulation ended")?
}

fn all(policy: &Policy, timezone: &TimeZone, files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut scenarios = Vec::new();
    for file in files {
        scenarios.extend(
            PolicyScenario::read(file)?
                .into_iter()
                .map(|scenario| (file, scenario)),
        );
    }
    let mut out = std::io::stdout().lock();
    let mut as_expected = 0;
    for (file, scenario) in &scenarios {
        let differences = compare(scenario, &simulate(policy, timezone, scenario)?);
        if differences.is_empty() {
            as_expected += 1;
            writeln!(out, "ok      {}", scenario.name)?;
        } else {
            writeln!(
                out,
                "FAILED  {} ({}, line {})",
                scenario.name,
                file.display(),
                scenario.line
            )?;
            differences
                .iter()
                .try_for_each(|difference| write!(out, "{difference}"))?;
        }
    }
    writeln!(out, "{as_expected} of {} as expected", scenarios.len())?;
    Ok(if as_expected == scenarios.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
