//! `where`: each turn of a job, what it waits for, until when, and on which queue.

mod report;
mod stories;
#[cfg(test)]
mod tests;

use super::ledger_input::LedgerInput;
use super::terminal::{self, plain};
use crate::config::{Config, ConfigError};
use clap::Args;
use report::StoryReport;
use std::io::Write;
use std::process::ExitCode;
use stories::{JobSought, JobStories};

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
pub(super) struct WhereArguments {
    /// The job's id, or with --by the value of that key in its metadata
    #[arg(value_name = "JOB_ID")]
    job: String,
    /// A key of the metadata, which ledger.metadata_keys has to list
    #[arg(long, value_name = "KEY")]
    by: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: WhereArguments) -> anyhow::Result<ExitCode> {
    let sought = match arguments.by {
        None => JobSought::Id(arguments.job.clone()),
        Some(key) if config.ledger.metadata_keys.contains(&key) => {
            JobSought::Metadata(key, arguments.job.clone())
        }
        Some(key) => {
            let problem = format!(
                "{key:?} is not listed in ledger.metadata_keys: the values of a key are written to the ledger from the day on which it is listed"
            );
            return Err(ConfigError::of("--by", &problem).into());
        }
    };
    let ledger = LedgerInput::open(config).await?;
    let mut stories = JobStories::new(sought);
    let reading = ledger.each(None, |event| {
        stories.add(event);
        Ok(())
    });
    reading.await?;
    stories.end();
    let report = StoryReport {
        stories: &stories,
        queues: &config.broker,
        now: ledger.now,
        zone: &ledger.zone,
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(
            out,
            "{}",
            terminal::json_line(&report.to_json().to_string())
        )?;
    } else {
        write!(out, "{}", report.to_text(terminal::columns()))?;
    }
    drop(out);
    if !stories.runs.is_empty() {
        ledger.session.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let mut ready = Vec::new();
    for jobs in config.broker.job_queues() {
        let depth = ledger.session.queue_depth(&jobs.queue).await;
        ready.push((jobs.queue, depth.unwrap_or_default()));
    }
    absent(&arguments.job, &ledger.stream, &ready);
    ledger.session.close().await;
    Ok(ExitCode::FAILURE)
}

#[expect(clippy::print_stderr, reason = "a remark in the place of results")]
fn absent(job: &str, stream: &str, ready: &[(String, u32)]) {
    let ready = ready
        .iter()
        .map(|(queue, jobs)| format!("{queue} has {jobs} jobs"));
    eprintln!(
        "{stream} has no turn of {}: no worker has begun it, or it is older than ledger.max_age; {} that no worker has begun",
        plain(job),
        ready.collect::<Vec<_>>().join(" and ")
    );
}
