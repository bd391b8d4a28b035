//! Can the buckets be used, and does the store honour conditional writes? With those, two copies of a
//! job that end at the same moment leave one result.

use super::finding::{CheckFinding, CheckOutcome};
use crate::checkpoint::StoreKind;
use crate::config::Config;
use crate::domain::failure::Failure;
use crate::pipeline::Pipeline;
use crate::store::{MissingS3Permission, S3Action};
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// A store that does not answer is reported; jobs wait for it as the policy says.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
const CHECKPOINTS: &str = "checkpoints";

/// A finding each for reading images, for reading and writing checkpoints, and for conditional writes,
/// or one for each right that is missing.
pub(crate) async fn store(config: &Config, pipeline: &Pipeline) -> Vec<CheckFinding> {
    let mut findings = Vec::new();
    if !config.storage.bucket.is_empty() {
        let asked = timeout(
            PATIENCE,
            pipeline
                .loader
                .store
                .missing_rights_to_read(&config.storage.bucket, "", None),
        )
        .await;
        findings.extend(rights(
            "storage.bucket",
            &config.storage.bucket,
            "can be read",
            "a missing image looks forbidden",
            asked,
        ));
    }
    let checkpoints = checkpoints(config, pipeline).await;
    let can_be_kept = checkpoints
        .iter()
        .all(|finding| finding.outcome != CheckOutcome::Failed);
    findings.extend(checkpoints);
    if can_be_kept {
        findings.extend(conditional_writes(pipeline).await);
    }
    findings
}

/// The rights without which no job can be answered.
async fn checkpoints(config: &Config, pipeline: &Pipeline) -> Vec<CheckFinding> {
    let is_own = config.checkpoint.store == StoreKind::S3 && !config.checkpoint.bucket.is_empty();
    let (about, bucket) = if is_own {
        ("checkpoint.bucket", &config.checkpoint.bucket)
    } else {
        (CHECKPOINTS, &config.storage.bucket)
    };
    let asked = match timeout(PATIENCE, pipeline.answers.checkpoints.missing_rights()).await {
        Ok(Ok(None)) => return Vec::new(),
        Ok(Ok(Some(missing))) => Ok(Ok(missing)),
        Ok(Err(failure)) => Ok(Err(failure)),
        Err(elapsed) => Err(elapsed),
    };
    rights(
        about,
        bucket,
        "takes checkpoints and gives them back",
        "a checkpoint that is not there looks forbidden, and no job is answered",
        asked,
    )
}

fn rights(
    about: &'static str,
    bucket: &str,
    granted: &str,
    without_list: &str,
    asked: Result<Result<Vec<MissingS3Permission>, Failure>, Elapsed>,
) -> Vec<CheckFinding> {
    match asked {
        Ok(Ok(missing)) if missing.is_empty() => {
            vec![CheckFinding::passed(about, format!("{bucket} {granted}"))]
        }
        Ok(Ok(missing)) => missing
            .iter()
            .map(|right| {
                let remedy = match right.action {
                    S3Action::List => format!("grant it: without it {without_list}"),
                    S3Action::Read | S3Action::Write => "grant it".to_owned(),
                };
                CheckFinding::failed(
                    about,
                    format!("{bucket}: the right {right} is missing"),
                    remedy,
                )
            })
            .collect(),
        Ok(Err(failure)) => {
            vec![CheckFinding::failed(
                about,
                format!(
                    "{bucket} cannot be used: {}: {}",
                    failure.code, failure.message
                ),
                remedy(&failure),
            )]
        }
        Err(_) => vec![CheckFinding::failed(
            about,
            format!("{bucket}: the store did not answer"),
            NO_ANSWER,
        )],
    }
}

/// Asks the store, and lets the pipeline use conditional writes where it honours them. `None` where
/// nothing is kept in a store.
async fn conditional_writes(pipeline: &Pipeline) -> Option<CheckFinding> {
    Some(
        match timeout(PATIENCE, pipeline.answers.checkpoints.probe()).await {
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(true))) => CheckFinding::passed(
                CHECKPOINTS,
                "can be written, and the store honours conditional writes",
            ),
            Ok(Ok(Some(false))) => CheckFinding::warning(
                CHECKPOINTS,
                "the store does not honour conditional writes (If-None-Match)",
                "two copies of a job that end at the same moment may both be answered: consumers deduplicate by message_id",
            ),
            Ok(Err(failure)) => {
                let remedy = if failure.code == "AccessDenied" {
                    "grant s3:PutObject and s3:GetObject"
                } else {
                    remedy(&failure)
                };
                CheckFinding::failed(
                    CHECKPOINTS,
                    format!("cannot be written: {}: {}", failure.code, failure.message),
                    remedy,
                )
            }
            Err(_) => CheckFinding::failed(
                CHECKPOINTS,
                "cannot be written: the store did not answer",
                NO_ANSWER,
            ),
        },
    )
}

pub(super) const NO_ANSWER: &str = "is storage.endpoint_url right, and the store up?";

pub(super) fn remedy(failure: &Failure) -> &'static str {
    match failure.code.as_str() {
        "NoSuchBucket" | "404" => "create the bucket, or correct its name, region or endpoint_url",
        "AccessDenied" => {
            "grant s3:GetObject and s3:ListBucket: without the right to list, what is missing looks forbidden"
        }
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "NoCredentials" => {
            "correct storage.access_key_id and storage.secret_access_key, or the AWS credential chain"
        }
        // Its message names the cause.
        "connect" => "is storage.endpoint_url right?",
        "timeout" => NO_ANSWER,
        _ => "look the code up in the store's documentation",
    }
}
