//! `run`: the worker, until it is asked to stop.

use super::broker_clock;
use super::check::{self, CheckFinding, CheckOutcome};
use super::readiness::prove;
use crate::app;
use crate::broker::Broker;
use crate::build_info;
use crate::checkpoint::Checkpoints;
use crate::config::Config;
use crate::domain::failure::Failure;
use crate::pipeline::Pipeline;
use crate::provider::{CONNECT_TIMEOUT, http_client};
use crate::randomness::Randomness;
use crate::shutdown;
use crate::telemetry::health::{Health, HealthState};
use crate::telemetry::instance::Instance;
use crate::telemetry::job_event::LogAndMetrics;
use crate::telemetry::trace::Traces;
use crate::telemetry::{metric, server};
use crate::worker::{Drained, Worker};
use anyhow::Context;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The time between two looks at rights that are missing.
const ASK_AGAIN: Duration = Duration::from_secs(5);

pub(super) async fn run(
    config: Config,
    (instance, traces): (Instance, Option<Traces>),
    chance: Randomness,
) -> anyhow::Result<ExitCode> {
    let stop = shutdown::on_signal(None).context("cannot listen for signals")?;
    let health = Health::default();
    tracing::info!(commit = build_info::COMMIT, "starting as {instance}");
    for (key, problem) in config.warnings().iter() {
        tracing::warn!(key, problem, "the configuration is not safe");
    }
    let policy = app::policy(&config)?;
    let metrics = metric::install().context("cannot install the metrics")?;
    metric::begin_at_zero(&policy);
    // Served until the very end, so that the state `draining` can be read.
    let serving = CancellationToken::new();
    let _served = serving.clone().drop_guard();
    if !config.telemetry.listen.is_empty() {
        let address =
            server::start(&config.telemetry.listen, health.clone(), metrics, serving).await?;
        tracing::info!(%address, "serving /metrics, /livez and /readyz");
    }
    let fleet = (!config.seal.key.is_empty()).then(|| config.fleet_id());
    let pipeline = Arc::new(
        app::pipeline_of(instance.worker_id.clone(), &config, policy, chance.clone()).await?,
    );
    let (breaker, budgets) = (
        pipeline.retrier.breaker.clone(),
        pipeline.retrier.budgets.clone(),
    );
    health.ask_for_closures(move || [breaker.closed(), budgets.closed()].concat());
    let broker_clock = Arc::clone(&pipeline.broker_clock);
    let _clock_watched = broker_clock::watch(&config, broker_clock).await?;
    let worker = Arc::new(Worker::new(app::worker_parts(
        &config,
        Broker::new(&config.broker)?.of(&instance.to_string()),
        Arc::clone(&pipeline),
        health.clone(),
        Box::new(LogAndMetrics),
        chance,
    )));
    tokio::select! {
        biased;
        () = stop.asked_for() => {}
        () = until_admitted(&pipeline.answers.checkpoints, &health, fleet.as_deref()) => {}
    }
    pipeline
        .retrier
        .breaker
        .doubt("the store has not answered yet");
    let proving = Arc::clone(&pipeline);
    let _proved = AbortOnDropHandle::new(tokio::spawn(async move { prove(&proving).await }));
    let _checked = AbortOnDropHandle::new(tokio::spawn(check_store(config, pipeline)));
    let drained = worker.run(stop.token()).await;
    if let Some(traces) = traces {
        traces.flush().await;
    }
    match drained? {
        Drained::Yes => {
            tracing::info!("drained");
            Ok(ExitCode::SUCCESS)
        }
        Drained::No => {
            tracing::warn!(
                "shutdown_grace ran out; the broker will deliver the unfinished jobs again"
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The export of traces, where an endpoint is configured.
pub(super) fn traces(config: &Config, instance: &Instance) -> anyhow::Result<Option<Traces>> {
    let endpoint = &config.telemetry.otlp_endpoint;
    if endpoint.is_empty() {
        return Ok(None);
    }
    let client = http_client(CONNECT_TIMEOUT, &config.network()?)?;
    Traces::new(endpoint, client, instance).map(Some)
}

/// Returns once this worker may keep checkpoints and finds those of its fleet, or once the store is
/// known to fail in another way, which is the policy's business. Before that no job is taken: where
/// a missing checkpoint looks forbidden, none could be answered, and where the others seal with
/// another key, answers that they paid for would be bought again.
async fn until_admitted(checkpoints: &Checkpoints, health: &Health, fleet: Option<&str>) {
    let mut logged = String::new();
    while let Ok(Ok(Some(problem))) = timeout(check::PATIENCE, obstacle(checkpoints, fleet)).await {
        if logged != problem {
            tracing::error!(
                problem,
                "the worker cannot share checkpoints; no job is taken until this is mended"
            );
            logged.clone_from(&problem);
        }
        health.set(HealthState::Refused { problem });
        sleep(ASK_AGAIN).await;
    }
}

/// The obstacle between this worker and the checkpoints of its fleet. `fleet` is known where the key of the
/// seal is configured: a derived one changes with the providers' secrets.
async fn obstacle(
    checkpoints: &Checkpoints,
    fleet: Option<&str>,
) -> Result<Option<String>, Failure> {
    let missing = checkpoints.missing_rights().await?.unwrap_or_default();
    if !missing.is_empty() {
        let rights: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Ok(Some(format!(
            "the user of the store lacks {}",
            rights.join(" and ")
        )));
    }
    let Some(fleet) = fleet else { return Ok(None) };
    Ok(checkpoints.seal_of_another_key(fleet).await?.map(|key| {
        format!(
            "{key} is sealed with a key that this worker does not have: give all workers the same seal.key, and the old one as \
             seal.previous_key while it is replaced; where no worker with the other key is left, delete that object"
        )
    }))
}

/// One clear line at start is worth more than the same line for every job. Beside the worker, which
/// goes on in any case: jobs wait as the policy says, and a result that is to be kept before
/// conditional writes were asked for asks itself.
async fn check_store(config: Config, pipeline: Arc<Pipeline>) {
    for CheckFinding {
        outcome,
        about,
        text,
        remedy,
        ..
    } in check::store(&config, &pipeline).await
    {
        match outcome {
            CheckOutcome::Passed => tracing::debug!(about, text, "checked"),
            CheckOutcome::Warning => {
                tracing::warn!(
                    about,
                    problem = text,
                    mend = remedy,
                    "the store works, with a limitation: see `problem`"
                );
            }
            CheckOutcome::Failed => {
                tracing::error!(
                    about,
                    problem = text,
                    mend = remedy,
                    "the store cannot be used yet; jobs wait as the policy says"
                );
            }
        }
    }
}
