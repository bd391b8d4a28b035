//! `policy show`, `policy explain`, `policy test` and `policy replay`: the error-code policy for people.

mod alike;
mod explain;
mod ours;
mod pause;
mod replay;
mod show;
mod test;
#[cfg(test)]
mod tests;
mod words;

use super::ledger_input::PeriodArguments;
use super::{help, terminal};
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::failure::Stage;
use clap::Subcommand;
use explain::Page;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub(super) enum Question {
    /// Every rule, as a table; what `policy.file` overrides is marked
    Show,
    /// What happens on a code and why, with the times of the attempts for a job starting now
    Explain {
        #[arg(
            help = "A provider's or the store's code: 316, OUT_OF_QUOTA, APIG.0308, timeout, NoSuchKey …"
        )]
        code: String,
        /// Where the same code stands at several stages: storage, recognition or verification
        #[arg(long, value_parser = stage)]
        stage: Option<Stage>,
    },
    /// Runs scenarios (answers call by call, and what is expected to come of them) on a simulated
    /// clock; prints what differs
    Test {
        /// TOML, for instance tests/data/policy/verification.toml
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// What the calls of the ledger would have come to under another policy, beside what they did
    #[command(after_help = help::POLICY_REPLAY)]
    Replay {
        #[command(flatten)]
        period: PeriodArguments,
        /// The policy to try, a file as `policy.file` names one [default: the policy in force]
        #[arg(long, value_name = "FILE")]
        policy: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, question: Question) -> anyhow::Result<ExitCode> {
    let policy = app::policy(config)?;
    let moment = (Clock::System.now(), config.worker.job_deadline.duration());
    let timezone = config.policy.timezone();
    match question {
        Question::Show => show::show(&policy, terminal::columns(), &mut std::io::stdout().lock())?,
        Question::Explain { code, stage } => {
            explain::explain(
                &policy,
                &code,
                stage,
                moment,
                &timezone,
                &mut Page {
                    out: &mut std::io::stdout().lock(),
                    columns: terminal::columns(),
                },
            )?;
        }
        Question::Test { files } => return test::test(policy, timezone, files).await,
        Question::Replay {
            period,
            policy: file,
            json,
        } => return replay::run(config, policy, period, file.as_deref(), json).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn stage(name: &str) -> Result<Stage, &'static str> {
    [Stage::Storage, Stage::Recognition, Stage::Verification]
        .into_iter()
        .find(|stage| stage.as_str() == name)
        .ok_or("storage, recognition or verification")
}
