//! One file for each command, or a folder where it has subcommands. Logs go to stderr, results to
//! stdout.

mod broker_clock;
mod broker_session;
mod check;
mod config_file;
#[cfg(feature = "sandbox")]
mod demo;
mod failed;
mod health;
mod policy;
mod process;
mod readiness;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod table;
mod terminal;
mod topology;

use crate::broker::BrokerError;
use crate::config::ConfigError;
use crate::settings::located::FileError;
use crate::shutdown;
use crate::telemetry;
use anyhow::Context;
use clap::{Parser, Subcommand};
use config_file::ConfigFile;
use std::process::ExitCode;

#[derive(Parser, Debug)]
#[command(name = "invoice-worker", version, about = "Recognises medical invoices and verifies them against the fiscal registry", long_about = None)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
enum Command {
    /// The worker: consumes jobs until SIGTERM or SIGINT
    Run(ConfigFile),
    /// The whole system on this machine, with nothing installed: sample invoices under a mix of
    /// faults
    #[cfg(feature = "sandbox")]
    Demo(demo::DemoArguments),
    /// One-shot, without a queue: local files or s3://bucket/key
    Process {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: process::ProcessArguments,
    },
    /// Both providers' HTTP APIs and an S3 server, for development and tests
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::SandboxArguments),
    /// The failed queue: what is in it and why, and what becomes of it
    Failed {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        action: failed::FailedAction,
    },
    /// The queues and the exchange that the worker needs: declare, compare with the broker, or
    /// print them
    Topology {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        action: topology::TopologyAction,
    },
    /// Is everything there that the worker will need? One finding each, and how to repair what is not
    Check {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: check::CheckArguments,
    },
    /// Is the worker on this machine alive? Exit status 0 or 1, for containers without a shell
    Health {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: health::HealthArguments,
    },
    /// The error-code policy
    Policy {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        question: policy::Question,
    },
}

impl Command {
    /// True where a signal may end the command at any point. The others listen for themselves, and finish
    /// the work in hand.
    fn ends_on_signal(&self) -> bool {
        match self {
            Self::Run(_) | Self::Failed { .. } => false,
            #[cfg(feature = "sandbox")]
            Self::Demo(_) | Self::Sandbox(_) => false,
            Self::Process { .. }
            | Self::Check { .. }
            | Self::Health { .. }
            | Self::Topology { .. }
            | Self::Policy { .. } => true,
        }
    }
}

/// The status of bad usage or configuration, `EX_USAGE` of `sysexits.h`.
const USAGE: u8 = 64;

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command that failed"
)]
pub fn execute(arguments: Arguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(dispatch(arguments.command));
    // A reader of a terminal or a blocking read must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        // The reader of a pipe such as `| head` has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code_of(&error)
        }
    }
}

/// Help goes to stdout with status 0; a mistake to stderr with status 64.
pub fn explain_usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done where the terminal is gone.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    if command.ends_on_signal() {
        shutdown::end_on_signal().context("cannot listen for signals")?;
    }
    match command {
        Command::Run(file) => {
            let config = file.load()?;
            config.validate()?;
            telemetry::log::install(&config.telemetry);
            // From here on stderr is the log's, line by line.
            Box::pin(run::run(config)).await.or_else(|error| {
                tracing::error!(problem = format!("{error:#}"), "the worker cannot run");
                Ok(exit_code_of(&error))
            })
        }
        #[cfg(feature = "sandbox")]
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Process { file, arguments } => {
            let config = file.load()?;
            config.validate_without_broker()?;
            Box::pin(process::run(config, &arguments)).await
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Failed { file, action } => {
            let config = file.load()?;
            config.validate_broker()?;
            failed::run(&config, action).await
        }
        Command::Topology { file, action } => {
            let config = file.load()?;
            config.validate_broker()?;
            topology::run(config, action).await
        }
        Command::Check { file, arguments } => {
            let config = file.load()?;
            config.validate()?;
            Box::pin(check::run(config, file.path().as_deref(), &arguments)).await
        }
        Command::Health { file, arguments } => health::run(&file.load()?, arguments).await,
        Command::Policy { file, question } => {
            let config = file.load()?;
            config.validate_policy()?;
            policy::run(&config, question).await
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    let final_broker_error = error
        .downcast_ref::<BrokerError>()
        .is_some_and(BrokerError::is_final);
    let bad_file = error.is::<ConfigError>() || error.is::<FileError>();
    if bad_file || final_broker_error {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}
