//! `process`: one-shot, without a queue. The same pipeline; a readable result or JSON, one line per image.

mod report;

use crate::assemble;
use crate::chance::Chance;
use crate::config::Config;
use crate::domain::failure::{Failure, Stage, cut};
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::Status;
use crate::pipeline::{Answer, Pipeline, answer_to_invalid_image};
use anyhow::anyhow;
use bytes::Bytes;
use clap::Args;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::ExitCode;

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
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
        let answer = Box::pin(examine(&pipeline, image)).await?;
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

async fn examine(pipeline: &Pipeline, image: &str) -> anyhow::Result<Answer> {
    let now = pipeline.judge.clock.now();
    // One-shot: there is no message to take a run id from, and none is published.
    let mut progress = Progress::new(String::new(), now);
    if let Some(place) = image.strip_prefix("s3://") {
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        let job = job(image, &serde_json::json!({ "bucket": bucket, "key": key }))?;
        return Ok(Box::pin(pipeline.examine_stored(&job, &mut progress)).await);
    }
    let job = job(image, &serde_json::json!({ "key": image }))?;
    let loaded = match read(Path::new(image), pipeline.loader.need.max_image_bytes) {
        Ok(bytes) => pipeline.loader.load_bytes(image, bytes, job.verify).await,
        Err(error) => Err(unreadable(&error)),
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(failure) => return Ok(answer_to_invalid_image(&job, &failure, &progress, now)),
    };
    Ok(Box::pin(pipeline.examine(&job, &loaded, &mut progress)).await)
}

fn job(id: &str, image: &serde_json::Value) -> anyhow::Result<Job> {
    let body = serde_json::json!({ "job_id": cut(id, 200), "image": image }).to_string();
    Job::parse(body.as_bytes(), None).map_err(|rejected| anyhow!("{id}: {}", rejected.failure.message))
}

/// Bounded, so that a device or a film given by mistake is not read to its end.
fn read(path: &Path, max_bytes: u64) -> std::io::Result<Bytes> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// A file that cannot be read is that image's outcome; the others are processed all the same.
fn unreadable(error: &std::io::Error) -> Failure {
    let code = if error.kind() == ErrorKind::PermissionDenied { "image.forbidden" } else { "image.not_found" };
    Failure::new(Stage::Image, code, format!("the file cannot be read: {error}"))
}
