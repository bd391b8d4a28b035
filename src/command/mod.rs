//! One file for each command, or a folder where it has subcommands. Logs go to stderr, results to
//! stdout.

mod ages;
mod arguments;
mod broker_clock;
mod broker_session;
mod call_sums;
mod certify;
mod check;
mod completions;
mod config_file;
mod cost;
#[cfg(feature = "sandbox")]
mod demo;
mod failed;
mod health;
mod help;
mod http_get;
mod init;
mod ledger;
mod ledger_input;
mod ledger_words;
mod man;
mod money;
#[cfg(feature = "pdf")]
mod pdf_page;
mod policy;
mod process;
mod queue_browser;
mod queue_filter;
mod readiness;
mod results;
mod resume;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod schema;
mod submit;
mod table;
mod terminal;
mod top;
mod topology;
mod waiting;
mod where_job;

pub use arguments::Arguments;

use crate::app;
use crate::broker::BrokerError;
use crate::config::ConfigError;
use crate::randomness::Randomness;
use crate::settings::located::FileError;
use crate::shutdown;
use crate::telemetry::{self, instance::Instance};
use anyhow::Context;
use arguments::Command;
use clap::CommandFactory;
use std::process::ExitCode;

/// The status of bad usage or configuration, `EX_USAGE` of `sysexits.h`.
const USAGE: u8 = 64;

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command that failed"
)]
pub fn execute(arguments: Arguments) -> ExitCode {
    // Within its limits there is no room for a runtime.
    #[cfg(feature = "pdf")]
    if let Some(arguments) = arguments.pdf_page() {
        return pdf_page::run(arguments);
    }
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
    let outcome = runtime.block_on(async {
        let command = arguments.into_command()?;
        Box::pin(dispatch(command)).await
    });
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
            let chance = Randomness::from_system();
            let instance = Instance::here(app::worker_id(&chance));
            let traces = run::traces(&config, &instance)?;
            telemetry::log::install_for(&config.telemetry, &instance, traces.as_ref());
            // From here on stderr is the log's, line by line.
            Box::pin(run::run(config, (instance, traces), chance))
                .await
                .or_else(|error| {
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
        Command::Submit { file, arguments } => {
            let config = file.load()?;
            config.validate_broker()?;
            Box::pin(submit::run(config, arguments)).await
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Failed { file, action } => {
            let config = file.load()?;
            config.validate_broker()?;
            failed::run(&config, action).await
        }
        Command::Results { file, action } => {
            let config = file.load()?;
            config.validate_broker()?;
            results::run(&config, action).await
        }
        Command::Cost { file, arguments } => {
            let config = file.load()?;
            config.validate_ledger()?;
            cost::run(&config, arguments).await
        }
        Command::Where { file, arguments } => {
            let config = file.load()?;
            config.validate_ledger()?;
            where_job::run(&config, arguments).await
        }
        Command::Waiting { file, arguments } => {
            let config = file.load()?;
            config.validate_ledger()?;
            waiting::run(&config, arguments).await
        }
        Command::Ledger { file, action } => {
            let config = file.load()?;
            config.validate_ledger()?;
            ledger::run(&config, action).await
        }
        Command::Topology { file, action } => {
            let config = file.load()?;
            config.validate_broker()?;
            topology::run(config, action).await
        }
        Command::Resume { file, arguments } => {
            let config = file.load()?;
            // The seal and the fleet follow from all of it.
            config.validate()?;
            resume::run(&config, arguments).await
        }
        Command::Check { file, arguments } => {
            let config = file.load()?;
            config.validate()?;
            Box::pin(check::run(config, file.path().as_deref(), &arguments)).await
        }
        Command::Certify { file, arguments } => {
            let config = file.load()?;
            config.validate_accounts()?;
            Box::pin(certify::run(config, &arguments)).await
        }
        Command::Init(arguments) => init::run(arguments),
        Command::Schema { file, document } => schema::run(&file, document),
        Command::Top { file, arguments } => top::run(&file.load()?, arguments).await,
        Command::Health { file, arguments } => health::run(&file.load()?, arguments).await,
        Command::Completions(arguments) => completions::run(arguments, Arguments::command()),
        Command::Man(arguments) => man::run(&arguments, Arguments::command()),
        Command::Policy { file, question } => {
            let config = file.load()?;
            config.validate_policy()?;
            policy::run(&config, question).await
        }
        #[cfg(feature = "pdf")]
        Command::PdfPage(arguments) => Ok(pdf_page::run(&arguments)),
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
