//! `topology declare`, `check` and `export`: the queues and the exchange that the worker needs,
//! without a worker.

use super::check::{self, Sheet};
use super::broker_session::connect;
use crate::broker::topology::{definitions, queues};
use crate::config::{Config, ConfigError};
use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

#[derive(Subcommand, Clone, Copy, Debug)]
pub(super) enum Action {
    /// Declares what does not exist yet
    Declare,
    /// Says how the broker differs from what is configured, and how to mend it; declares nothing
    Check,
    /// Prints RabbitMQ definitions (JSON), to be imported where the worker may not declare
    Export,
}

pub(super) async fn run(config: Config, action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::Export => export(&config),
        Action::Declare | Action::Check if config.broker.is_memory() => Err(ConfigError::of(
            "broker.urls",
            "memory:// lives within one process and keeps no queues; name a RabbitMQ",
        )
        .into()),
        Action::Declare => declare(config).await,
        Action::Check => compare(config).await,
    }
}

async fn declare(mut config: Config) -> anyhow::Result<ExitCode> {
    config.broker.declare_topology = true;
    let session = connect(&config.broker).await?;
    let declared = async {
        let missing = session.missing().await?;
        session.topology().await.map(|()| missing)
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
    let all = queues(&config.broker).len() + 1;
    writeln!(
        out,
        "{} declared, {} were there",
        declared.len(),
        all - declared.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What does not exist is a difference here, whether or not a worker would declare it.
async fn compare(mut config: Config) -> anyhow::Result<ExitCode> {
    config.broker.declare_topology = false;
    let session = connect(&config.broker).await?;
    let mut sheet = Sheet::default();
    sheet.tell(&check::topology(&session, &config).await)?;
    session.close().await;
    Ok(sheet.exit_code())
}

fn export(config: &Config) -> anyhow::Result<ExitCode> {
    let vhost = config.broker.vhost().unwrap_or_else(|| "/".to_owned());
    let definitions = serde_json::to_string_pretty(&definitions(&config.broker, &vhost))?;
    writeln!(std::io::stdout().lock(), "{definitions}")?;
    Ok(ExitCode::SUCCESS)
}
