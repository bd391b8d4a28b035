//! `process`: one-shot, without a queue. The same pipeline; a readable result or JSON, one line per image.

mod report;

use super::assemble;
use crate::chance::Chance;
use crate::config::Config;
use crate::domain::failure::Failure;
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::{Flag, Status};
use crate::pipeline::{Answer, Findings, Pipeline};
use bytes::Bytes;
use clap::Args;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Local files or s3://bucket/key
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// One JSON result a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Config, options: &Options) -> anyhow::Result<ExitCode> {
    crate::telemetry::log::install(&config.telemetry);
    let pipeline = assemble::pipeline(&config, assemble::policy(&config)?, Chance::from_system()).await?;
    let mut all_completed = true;
    for image in &options.images {
        let answer = examine(&pipeline, image).await?;
        all_completed &= answer.status == Status::Completed;
        let mut out = std::io::stdout().lock();
        if options.json {
            out.write_all(&answer.body)?;
            writeln!(out)?;
        } else {
            report::write(&mut out, image, &answer.body)?;
        }
    }
    Ok(if all_completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
