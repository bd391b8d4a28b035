//! `process`: one-shot, without a queue. The worker's pipeline; for each image a readable result, or a
//! line of JSON.

mod report;

use super::terminal;
use crate::app;
use crate::config::Config;
use crate::domain::failure::{Failure, Stage, cut};
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::domain::result::Status;
use crate::pipeline::{Answer, Pipeline, answer_to_refused, answer_to_rejected};
use crate::randomness::Randomness;
use crate::retry::StageStopped;
use bytes::Bytes;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::ExitCode;

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
pub(super) struct ProcessArguments {
    /// Local files or s3://bucket/key
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// One JSON result a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Config, arguments: &ProcessArguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::log::install(&config.telemetry);
    let mut pipeline =
        app::pipeline(&config, app::policy(&config)?, Randomness::from_system()).await?;
    // The operator names these buckets, so no job of a stranger gets at others.
    let named = arguments
        .images
        .iter()
        .filter_map(|image| stored(image))
        .map(|(bucket, _)| bucket.to_owned());
    pipeline.loader.buckets.extend(named);
    let mut all_completed = true;
    for image in &arguments.images {
        let answer = Box::pin(examine(&pipeline, image)).await;
        all_completed &= answer.stored.status == Status::Completed;
        let mut out = std::io::stdout().lock();
        if arguments.json {
            out.write_all(answer.stored.body.get().as_bytes())?;
            writeln!(out)?;
        } else {
            report::write(
                &mut out,
                image,
                answer.stored.body.get(),
                terminal::columns(),
            )?;
        }
    }
    Ok(if all_completed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The answer for one image. A problem with it is its answer, and the others are processed all the
/// same.
async fn examine(pipeline: &Pipeline, image: &str) -> Answer {
    let now = pipeline.retrier.clock.now();
    // One-shot: there is no message to take a run id from, and none is published.
    let mut progress = Progress::new(String::new(), now);
    let location = stored(image).map_or(
        json!({ "key": image }),
        |(bucket, key)| json!({ "bucket": bucket, "key": key }),
    );
    let body = json!({ "job_id": cut(image, 200), "image": location }).to_string();
    let job = match Job::parse(body.as_bytes(), None) {
        Ok(job) => job,
        Err(rejected) => return answer_to_rejected(&rejected, &progress, now),
    };
    if stored(image).is_some() {
        return Box::pin(pipeline.examine(&job, None, &mut progress)).await;
    }
    let loaded = match read(Path::new(image), pipeline.loader.need.max_image_bytes) {
        Ok(bytes) => pipeline.loader.load_bytes(image, bytes, job.verify).await,
        Err(error) => Err(StageStopped::at_fault(unreadable(&error)).into()),
    };
    match loaded {
        Ok(loaded) => Box::pin(pipeline.examine(&job, Some(&loaded), &mut progress)).await,
        Err(refused) => answer_to_refused(&job, refused, &progress, now),
    }
}

/// Bucket and key, where the image is in the store.
fn stored(image: &str) -> Option<(&str, &str)> {
    image
        .strip_prefix("s3://")
        .map(|location| location.split_once('/').unwrap_or((location, "")))
}

/// Reads no more than `max_bytes` and one, so that a device or a film given by mistake is not read to
/// its end.
fn read(path: &Path, max_bytes: u64) -> std::io::Result<Bytes> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// The failure of an image whose file cannot be read.
fn unreadable(error: &std::io::Error) -> Failure {
    let code = if error.kind() == ErrorKind::PermissionDenied {
        "image.forbidden"
    } else {
        "image.not_found"
    };
    Failure::new(
        Stage::Image,
        code,
        format!("the file cannot be read: {error}"),
    )
}
