//! The buckets, and whether two copies of a job that end at the same moment leave one result.

use super::Finding;
use crate::checkpoint::StoreKind;
use crate::config::Config;
use crate::domain::failure::Failure;
use crate::pipeline::Pipeline;
use std::time::Duration;
use tokio::time::timeout;

/// A store that does not answer is reported; jobs wait for it as the policy says.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
const CHECKPOINTS: &str = "checkpoints";

pub(in crate::command) async fn buckets(config: &Config, pipeline: &Pipeline) -> Vec<Finding> {
    let checkpoints_elsewhere = config.checkpoint.store == StoreKind::S3 && !config.checkpoint.bucket.is_empty();
    let checkpoints = checkpoints_elsewhere.then_some(("checkpoint.bucket", &config.checkpoint.bucket));
    let images = (!config.storage.bucket.is_empty()).then_some(("storage.bucket", &config.storage.bucket));
    let mut findings = Vec::new();
    for (key, bucket) in images.into_iter().chain(checkpoints) {
        findings.push(match timeout(PATIENCE, pipeline.loader.store.check(bucket)).await {
            Ok(Ok(())) => Finding::fine(key, format!("{bucket} can be read")),
            Ok(Err(failure)) => {
                Finding::broken(key, format!("{bucket} cannot be used: {}: {}", failure.code, failure.message), mend(&failure))
            }
            Err(_) => Finding::broken(key, format!("{bucket}: the store did not answer"), NO_ANSWER),
        });
    }
    findings
}

/// Asks, and lets the pipeline use them where they are honoured. `None`: nothing is kept in a store.
pub(in crate::command) async fn conditional_writes(pipeline: &Pipeline) -> Option<Finding> {
    Some(match timeout(PATIENCE, pipeline.checkpoints.probe()).await {
        Ok(Ok(None)) => return None,
        Ok(Ok(Some(true))) => Finding::fine(CHECKPOINTS, "can be written, and the store honours conditional writes"),
        Ok(Ok(Some(false))) => Finding::worth(
            CHECKPOINTS,
            "the store does not honour conditional writes (If-None-Match)",
            "two copies of a job that end at the same moment may both be answered: consumers deduplicate by message_id",
        ),
        Ok(Err(failure)) => {
            let mend = if failure.code == "AccessDenied" { "grant s3:PutObject and s3:GetObject" } else { mend(&failure) };
            Finding::broken(CHECKPOINTS, format!("cannot be written: {}: {}", failure.code, failure.message), mend)
        }
        Err(_) => Finding::broken(CHECKPOINTS, "cannot be written: the store did not answer", NO_ANSWER),
    })
}

pub(super) const NO_ANSWER: &str = "is storage.endpoint_url right, and the store up?";

pub(super) fn mend(failure: &Failure) -> &'static str {
    match failure.code.as_str() {
        "NoSuchBucket" | "404" => "create the bucket, or correct its name, region or endpoint_url",
        "AccessDenied" => "grant s3:GetObject and s3:ListBucket: without the right to list, what is missing looks forbidden",
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "NoCredentials" => {
            "correct storage.access_key_id and storage.secret_access_key, or the AWS credential chain"
        }
        // Its message names the cause.
        "connect" => "is storage.endpoint_url right?",
        "timeout" => NO_ANSWER,
        _ => "look the code up in the store's documentation",
    }
}
