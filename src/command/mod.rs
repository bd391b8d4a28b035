//! One file per command. Logs go to stderr, results to stdout.

mod broker_session;
mod check;
#[cfg(feature = "sandbox")]
mod demo;
mod failed;
mod health;
mod policy;
mod process;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod table;
mod terminal;
mod topology;

use crate::broker::BrokerError;
use crate::config::{Config, ConfigError, FILE_VARIABLE};
use crate::settings::located::FileError;
use crate::shutdown;
use crate::telemetry;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Used where no file is named and this one exists.
const DEFAULT_FILE: &str = "config/invoice-worker.toml";

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
    Run(Common),
    /// The whole system on this machine, with nothing installed: sample invoices under a mix of
    /// faults
    #[cfg(feature = "sandbox")]
    Demo(demo::DemoArguments),
    /// One-shot, without a queue: local files or s3://bucket/key
    Process {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: process::Options,
    },
    /// Both providers' HTTP APIs and an S3 server, for development and tests
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Options),
    /// The failed queue: what lies there and why, and what becomes of it
    Failed {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        action: failed::FailedAction,
    },
    /// The queues and the exchange that the worker needs: declare, compare with the broker, or
    /// print them
    Topology {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        action: topology::TopologyAction,
    },
    /// Is everything there that the worker will need? One line each, and how to mend what is not
    Check {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: check::CheckArguments,
    },
    /// Is the worker on this machine alive? Exit status 0 or 1, for containers without a shell
    Health {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: health::Options,
    },
    /// The error-code policy
    Policy {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        question: policy::Question,
    },
}

impl Command {
    /// Whether a signal may end it wherever it is. The others listen for themselves, and finish
    /// what they have in hand.
    fn has_nothing_to_finish(&self) -> bool {
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

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
struct Common {
    /// The configuration file [default: $INVOICE_WORKER_CONFIG, else config/invoice-worker.toml
    /// where it exists]
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl Common {
    fn load(&self) -> Result<Config, ConfigError> {
        let file = self.file();
        if self.config.is_none()
            && let Some(named) = variable()
            && let Err(error) = std::fs::File::open(&named)
        {
            let problem = format!("{} cannot be read: {error}", named.display());
            return Err(ConfigError::of(
                &format!("environment variable {FILE_VARIABLE}"),
                &problem,
            ));
        }
        Config::load(file.as_deref(), std::env::vars_os())
    }

    fn file(&self) -> Option<PathBuf> {
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists());
        self.config.clone().or_else(variable).or_else(default)
    }
}

/// The file that the environment names. Empty is as good as unset: compose files cannot leave a
/// variable out.
fn variable() -> Option<PathBuf> {
    std::env::var_os(FILE_VARIABLE)
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
}

/// Bad usage or configuration, as in `sysexits.h`.
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
        // `| head` has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code_of(&error)
        }
    }
}

/// Help goes to stdout with status 0; a mistake to stderr with status 64.
pub fn explain_usage(error: &clap::Error) -> ExitCode {
    // Nothing to be done where the terminal is gone.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    if command.has_nothing_to_finish() {
        shutdown::end_on_signal().context("cannot listen for signals")?;
    }
    match command {
        Command::Run(common) => {
            let config = common.load()?;
            config.validate()?;
            telemetry::log::install(&config.telemetry);
            // From here on stderr is the log's, line by line.
            Box::pin(run::run(config)).await.or_else(|error| {
                tracing::error!(problem = format!("{error:#}"), "the worker cannot run");
                Ok(exit_code_of(&error))
            })
        }
        #[cfg(feature = "sandbox")]
        Command::Demo(options) => demo::run(options).await,
        Command::Process { common, options } => {
            let config = common.load()?;
            config.validate_without_broker()?;
            Box::pin(process::run(config, &options)).await
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox(options) => sandbox::run(options).await,
        Command::Failed { common, action } => {
            let config = common.load()?;
            config.validate_broker()?;
            failed::run(&config, action).await
        }
        Command::Topology { common, action } => {
            let config = common.load()?;
            config.validate_broker()?;
            topology::run(config, action).await
        }
        Command::Check { common, options } => {
            let config = common.load()?;
            config.validate()?;
            Box::pin(check::run(config, common.file().as_deref(), &options)).await
        }
        Command::Health { common, options } => health::run(&common.load()?, options).await,
        Command::Policy { common, question } => {
            let config = common.load()?;
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
