//! `demo`: the whole system on one machine with nothing installed. Sample jobs under a mix of
//! faults, then a table.

mod jobs;
mod outcomes;

use super::terminal;
use crate::app;
use crate::broker::{Broker, Session};
use crate::config::Config;
use crate::dev::sandbox::{Sandbox, SandboxOptions, SandboxScenario};
use crate::policy::Policy;
use crate::randomness::Randomness;
use crate::settings::secret::Secret;
use crate::settings::units::span;
use crate::shutdown;
use crate::telemetry;
use crate::telemetry::health::Health;
use crate::telemetry::job_event::{JobEvent, Watched};
use crate::worker::Worker;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jobs::{BUCKET, DemoJob};
use outcomes::DemoOutcome;
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const SCENARIO: &str = include_str!("scenario.toml");
const POLICY: &str = include_str!("policy.toml");
const PREFETCH: u16 = 100;
/// The longest wait of the demo; a job that is not answered by then will not be.
const PATIENCE: Duration = Duration::from_mins(2);

/// The time that the worker has to end after a signal, and the broker to be left as it was found.
const TIDYING: Duration = Duration::from_secs(20);

#[derive(Args, Debug)]
pub(super) struct DemoArguments {
    /// How many jobs to submit
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    jobs: u16,
    /// A real RabbitMQ instead of the one in this process
    #[arg(long, value_name = "URL", default_value = "memory://")]
    broker: String,
    /// The same seed, the same faults and jitter
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(arguments: DemoArguments) -> anyhow::Result<ExitCode> {
    let stop = shutdown::on_signal(Some(TIDYING)).context("cannot listen for signals")?;
    let scenario = SandboxScenario {
        seed: arguments.seed,
        ..SandboxScenario::parse(SCENARIO, "the demo's scenario")?
    };
    let sandbox = Sandbox::start(SandboxOptions {
        scenario,
        ..SandboxOptions::default()
    })
    .await?;
    sandbox.create_bucket(BUCKET).await?;
    let config = config(&arguments, &sandbox);
    config.validate()?;
    telemetry::log::install(&config.telemetry);
    explain(&format!(
        "One worker, the two providers' sandbox and an S3 server on this machine; jobs travel through {}. \
         Long waits are shortened: a province in maintenance (316) is asked again after 2 s instead of 30 min, \
         a bill whose daily checks are used up (313) after 4 s instead of the next day.\n\
         The queues of this run begin with {}; nothing of them stays.",
        crate::broker::redacted(&arguments.broker),
        config.broker.retry_queue_prefix.trim_end_matches(".retry"),
    ))?;

    let jobs = jobs::gather(&sandbox, usize::from(arguments.jobs)).await?;
    let chance = Randomness::seeded(arguments.seed);
    let policy = Policy::with_overrides(POLICY, "the demo's policy")?;
    let broker = Broker::new(&config.broker)?;
    let (watcher, events) = unbounded_channel();
    let worker = Arc::new(Worker::new(app::worker_parts(
        &config,
        broker.clone(),
        Arc::new(app::pipeline(&config, policy, chance.clone()).await?),
        Health::default(),
        Box::new(Watched(watcher)),
        chance,
    )));
    let session = broker.connect().await?;
    session.topology().await?;
    let working = CancellationToken::new();
    let work = tokio::spawn({
        let (worker, working) = (Arc::clone(&worker), working.clone());
        async move { worker.run(&working).await }
    });

    let began = Instant::now();
    let outcomes = tokio::select! {
        outcomes = submit_and_collect(&session, &config, &jobs, events) => outcomes,
        () = stop.asked_for() => Err(anyhow!("interrupted")),
    };
    let took = began.elapsed();
    working.cancel();
    work.await.context("the worker ended")??;
    tidy(&session, &config).await;
    session.close().await;
    sandbox.shutdown().await;

    if stop.is_asked_for() && outcomes.is_err() {
        return Ok(stop.exit_code());
    }
    let outcomes = outcomes?;
    outcomes::write(
        &mut std::io::stdout().lock(),
        &jobs,
        &outcomes,
        took,
        terminal::columns(),
    )?;
    let all_answered = jobs.iter().all(|job| {
        outcomes
            .get(&job.job_id)
            .is_some_and(|outcome| outcome.result.is_some())
    });
    Ok(if all_answered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Queues of its own for each run, so that a demo meets neither a real job nor another demo.
fn config(arguments: &DemoArguments, sandbox: &Sandbox) -> Config {
    let mut config = Config::default();
    config.broker.urls = vec![Secret::new(&arguments.broker)];
    let name = format!(
        "invoice-demo.{:08x}",
        Randomness::from_system().number() >> 32
    );
    config.broker.jobs_queue = format!("{name}.jobs");
    config.broker.due_queue = format!("{name}.due");
    config.broker.results_queue = format!("{name}.results");
    config.broker.failed_queue = format!("{name}.failed");
    config.broker.retry_queue_prefix = format!("{name}.retry");
    config.broker.retry_delays = vec![span("1s"), span("2s"), span("30s")];
    sandbox.configure(&mut config, BUCKET);
    config.worker.shutdown_grace = span("5s");
    config.telemetry.log = "error".into();
    config
}

async fn submit_and_collect(
    session: &Session,
    config: &Config,
    jobs: &[DemoJob],
    mut events: UnboundedReceiver<JobEvent>,
) -> anyhow::Result<HashMap<String, DemoOutcome>> {
    let reply_to = reply_queue(config);
    session.temporary_queue(&reply_to).await?;
    let mut replies = session.consume(&reply_to, PREFETCH).await?;
    let publisher = session.publisher();
    let submitted = Instant::now();
    let timestamp =
        u64::try_from(crate::clock::Clock::System.now().as_second()).unwrap_or_default();
    let submit = async |job: &DemoJob| {
        publisher
            .publish(
                &config.broker.jobs_queue,
                &job.message(&reply_to, timestamp),
            )
            .await
            .context("cannot submit a job")
    };
    for job in jobs.iter().filter(|job| job.after.is_none()) {
        submit(job).await?;
    }
    let bar = progress_bar(jobs.len());
    let mut outcomes: HashMap<String, DemoOutcome> = HashMap::new();
    let deadline = tokio::time::sleep(
        PATIENCE + Duration::from_millis(500) * u32::try_from(jobs.len()).unwrap_or(u32::MAX),
    );
    tokio::pin!(deadline);
    let (mut answered, mut recorded) = (0, 0);
    while answered < jobs.len() || recorded < jobs.len() {
        tokio::select! {
            () = &mut deadline => break,
            event = events.recv() => match event {
                Some(JobEvent::Parked(parked)) => bar.set_message(format!("{} is parked: {} {}", parked.job_id, parked.stage, parked.code)),
                Some(JobEvent::Answered(event)) => {
                    recorded += 1;
                    if let Some(job_id) = event.job_id {
                        outcomes.entry(job_id).or_default().totals = event.totals;
                    }
                }
                None => bail!("the worker stopped before its jobs were answered"),
            },
            reply = replies.next() => {
                let reply = reply.context("the connection to the broker was lost")?;
                if let Some(job_id) = reply.message.properties.correlation_id.clone() {
                    let outcome = outcomes.entry(job_id.clone()).or_default();
                    answered += usize::from(outcome.result.is_none());
                    outcome.result = serde_json::from_slice(&reply.message.body).ok();
                    outcome.after = submitted.elapsed();
                    bar.inc(1);
                    for job in jobs.iter().filter(|job| job.after.as_ref() == Some(&job_id)) {
                        submit(job).await?;
                    }
                }
                // A reply that is delivered again is only counted once.
                let _ = reply.settle().await;
            }
        }
    }
    bar.finish_and_clear();
    replies.cancel().await;
    Ok(outcomes)
}

/// Draws on a terminal only.
fn progress_bar(jobs: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} answered, {elapsed}  {msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Leaves a real broker as it was found.
async fn tidy(session: &Session, config: &Config) {
    let queues = &config.broker;
    let delays = queues
        .retry_delays
        .iter()
        .map(|delay| queues.retry_queue(delay));
    let named = [
        &queues.jobs_queue,
        &queues.due_queue,
        &queues.results_queue,
        &queues.failed_queue,
    ]
    .into_iter()
    .cloned();
    for queue in named.chain(delays).chain([reply_queue(config)]) {
        if let Err(error) = session.delete_queue(&queue).await {
            tracing::debug!(queue, %error, "a queue of the demo stays");
        }
    }
}

fn reply_queue(config: &Config) -> String {
    format!("{}.replies", config.broker.jobs_queue)
}

/// Explains on stderr, apart from the table.
fn explain(text: &str) -> std::io::Result<()> {
    let lines = terminal::wrap(text, terminal::columns());
    writeln!(std::io::stderr().lock(), "{}\n", lines.join("\n"))
}
