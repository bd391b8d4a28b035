//! `run`: the worker, until it is asked to stop.

use crate::assemble;
use crate::broker::Broker;
use crate::chance::Chance;
use crate::checkpoint::StoreKind;
use crate::config::Config;
use crate::domain::failure::Failure;
use crate::pipeline::Pipeline;
use crate::shutdown;
use crate::telemetry::health::Health;
use crate::telemetry::{metric, server};
use crate::worker::{Drained, HEARTBEAT_EVERY, Replies, Runs, Worker};
use anyhow::Context;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A store that does not answer at start is reported; jobs wait for it as the policy says.
const STORE_CHECK: Duration = Duration::from_secs(5);

pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let chance = Chance::from_system();
    let health = Health::default();
    let policy = assemble::policy(&config)?;
    let metrics = metric::install().context("cannot install the metrics")?;
    // Served until the very end: whoever asks during the drain is told of it.
    let serving = CancellationToken::new();
    let _served = serving.clone().drop_guard();
    if !config.telemetry.listen.is_empty() {
        let address = server::start(&config.telemetry.listen, health.clone(), metrics, serving).await?;
        tracing::info!(%address, "serving /metrics, /livez and /readyz");
    }
    let pipeline = assemble::pipeline(&config, policy, chance.clone()).await?;
    check_store(&config, &pipeline).await;
    check_conditions(&pipeline).await;
    let worker = Arc::new(Worker {
        broker: Broker::new(&config.broker)?,
        queues: config.broker,
        pipeline,
        chance,
        health,
        max_in_flight: config.worker.max_in_flight,
        shutdown_grace: config.worker.shutdown_grace.duration(),
        runs: Runs::default(),
        replies: Replies::default(),
        heartbeat_every: HEARTBEAT_EVERY,
        watcher: None,
    });
    match worker.run(&stop).await? {
        Drained::Yes => {
            tracing::info!("drained");
            Ok(ExitCode::SUCCESS)
        }
        Drained::No => {
            tracing::warn!("shutdown_grace ran out; the broker will deliver the unfinished jobs again");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// One clear line at start is worth more than the same line for every job. The worker goes on: jobs wait as the policy says.
async fn check_store(config: &Config, pipeline: &Pipeline) {
    let checkpoints_elsewhere = config.checkpoint.store == StoreKind::S3 && !config.checkpoint.bucket.is_empty();
    let checkpoints = checkpoints_elsewhere.then_some(("checkpoint.bucket", &config.checkpoint.bucket));
    let images = (!config.storage.bucket.is_empty()).then_some(("storage.bucket", &config.storage.bucket));
    for (key, bucket) in images.into_iter().chain(checkpoints) {
        match tokio::time::timeout(STORE_CHECK, pipeline.loader.store.check(bucket)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::error!(
                key,
                bucket,
                code = failure.code,
                problem = failure.message,
                mend = mend(&failure),
                "the bucket cannot be used"
            ),
            Err(_) => tracing::error!(key, bucket, "the store did not answer"),
        }
    }
}

/// Two copies of a run that end at the same moment leave one result where the store honours conditional writes.
async fn check_conditions(pipeline: &Pipeline) {
    match tokio::time::timeout(STORE_CHECK, pipeline.checkpoints.probe()).await {
        Ok(Ok(None | Some(true))) => {}
        Ok(Ok(Some(false))) => tracing::warn!(
            "the store does not honour conditional writes (If-None-Match): two copies of a job that end at the same moment may both be answered"
        ),
        Ok(Err(failure)) => tracing::warn!(code = failure.code, problem = failure.message, "checkpoints cannot be written"),
        Err(_) => tracing::warn!("checkpoints cannot be written: the store did not answer"),
    }
}

fn mend(failure: &Failure) -> &'static str {
    match failure.code.as_str() {
        "NoSuchBucket" | "404" => "create the bucket, or correct its name, region or endpoint_url",
        "AccessDenied" => "grant s3:GetObject and s3:ListBucket: without the right to list, what is missing looks forbidden",
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "NoCredentials" => {
            "correct storage.access_key_id and storage.secret_access_key, or the AWS credential chain"
        }
        "connect" | "timeout" => "is storage.endpoint_url right, and the store up?",
        _ => "look the code up in the store's documentation",
    }
}
