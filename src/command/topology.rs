//! `topology declare`, `check` and `export`: the queues and the exchange that the worker needs,
//! without a worker.

use super::broker_session::connect;
use super::check::{self, CheckReport, ReportArguments};
use crate::broker::topology::{definitions, queues};
use crate::config::{Config, ConfigError};
use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

#[derive(Subcommand, Clone, Copy, Debug)]
pub(super) enum TopologyAction {
    /// Declares what does not exist yet
    Declare,
    /// Shows how the broker differs from the configuration, and how to repair it; declares nothing
    Check {
        #[command(flatten)]
        report: ReportArguments,
    },
    /// Prints RabbitMQ definitions (JSON), to be imported where the worker may not declare
    Export,
}

pub(super) async fn run(config: Config, action: TopologyAction) -> anyhow::Result<ExitCode> {
    match action {
        TopologyAction::Export => export(&config),
        TopologyAction::Declare | TopologyAction::Check { .. } if config.broker.is_memory() => {
            Err(ConfigError::of(
                "broker.urls",
                "memory:// lives within one process and keeps no queues; name a RabbitMQ",
            )
            .into())
        }
        TopologyAction::Declare => declare(config).await,
        TopologyAction::Check { report } => compare(config, report).await,
    }
}

async fn declare(mut config: Config) -> anyhow::Result<ExitCode> {
    config.broker.declare_topology = true;
    let ledger = config.ledger.stream(&config.broker.ledger_queue);
    let session = connect(&config.broker).await?;
    let declared = async {
        let mut missing = session.missing().await?;
        session.topology().await?;
        if let Some(stream) = &ledger {
            if !session.has_queue(&stream.name).await? {
                missing.push(stream.name.clone());
            }
            session.open_stream(stream, true).await?;
        }
        Ok(missing)
    };
    let declared = match declared.await {
        Ok(declared) => declared,
        Err(error) => return Err(session.explain(error).await.into()),
    };
    session.close().await;
    let mut out = std::io::stdout().lock();
    declared
        .iter()
        .try_for_each(|name| writeln!(out, "declared {name}"))?;
    let all = queues(&config.broker).len() + 1 + usize::from(ledger.is_some());
    writeln!(
        out,
        "{} declared, {} were there",
        declared.len(),
        all - declared.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Compares the broker with the configuration. A queue that does not exist is a difference here,
/// whether or not a worker would declare it.
async fn compare(mut config: Config, arguments: ReportArguments) -> anyhow::Result<ExitCode> {
    config.broker.declare_topology = false;
    let session = connect(&config.broker).await?;
    let mut report = CheckReport::new(arguments);
    report.add(check::topology(&session, &config).await)?;
    session.close().await;
    Ok(report.end()?)
}

fn export(config: &Config) -> anyhow::Result<ExitCode> {
    let vhost = config.broker.vhost().unwrap_or_else(|| "/".to_owned());
    let stream = config.ledger.stream(&config.broker.ledger_queue);
    let definitions =
        serde_json::to_string_pretty(&definitions(&config.broker, stream.as_ref(), &vhost))?;
    writeln!(std::io::stdout().lock(), "{definitions}")?;
    Ok(ExitCode::SUCCESS)
}
