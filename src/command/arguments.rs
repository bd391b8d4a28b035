//! The commands and their options, as clap reads them.

use super::config_file::ConfigFile;
#[cfg(feature = "pdf")]
use super::pdf_page;
use super::{
    certify, check, completions, cost, failed, health, help, init, ledger, man, policy, process,
    results, resume, schema, submit, top, topology, waiting, where_job,
};
#[cfg(feature = "sandbox")]
use super::{demo, sandbox};
use crate::build_info::VERSION_AND_COMMIT;
use crate::config::ConfigError;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser, Debug)]
#[command(
    name = "invoice-worker",
    version = VERSION_AND_COMMIT,
    about = "Recognises medical invoices and verifies them against the fiscal registry",
    long_about = None,
    after_help = help::PROGRAM,
)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
pub struct Arguments {
    /// The configuration file; it may also stand behind the command [default:
    /// $INVOICE_WORKER_CONFIG, else config/invoice-worker.toml where it exists]
    #[arg(id = "config_before", short, long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    /// The command, with the configuration file that was named before it.
    ///
    /// # Errors
    /// A file is named twice, or for a command that reads none.
    pub(super) fn into_command(self) -> Result<Command, ConfigError> {
        let mut command = self.command;
        if let Some(named) = self.config {
            let file = command.file_mut().ok_or_else(|| {
                ConfigError::of("-c, --config", "this command reads no configuration")
            })?;
            file.take_from_before(named)?;
        }
        Ok(command)
    }

    /// The arguments of the worker's own child, which needs no runtime.
    #[cfg(feature = "pdf")]
    pub(super) fn pdf_page(&self) -> Option<&pdf_page::PdfPageArguments> {
        match &self.command {
            Command::PdfPage(arguments) => Some(arguments),
            _ => None,
        }
    }
}

#[derive(Subcommand, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
pub(super) enum Command {
    /// The worker: consumes jobs until SIGTERM or SIGINT
    #[command(after_help = help::RUN)]
    Run(ConfigFile),
    /// The whole system on this machine, with nothing installed: sample invoices under a mix of
    /// faults
    #[cfg(feature = "sandbox")]
    #[command(after_help = help::DEMO)]
    Demo(demo::DemoArguments),
    /// One-shot, without a queue: local files or s3://bucket/key
    #[command(after_help = help::PROCESS)]
    Process {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: process::ProcessArguments,
    },
    /// Publishes jobs, uploading local files first; --wait collects their results
    #[command(after_help = help::SUBMIT)]
    Submit {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: submit::SubmitArguments,
    },
    /// Both providers' HTTP APIs and an S3 server, for development and tests
    #[cfg(feature = "sandbox")]
    #[command(after_help = help::SANDBOX)]
    Sandbox(sandbox::SandboxArguments),
    /// The failed queue: what is in it and why, and what becomes of it
    #[command(after_help = help::FAILED)]
    Failed {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        action: failed::FailedAction,
    },
    /// Results whose job named no reply queue, or one that was gone: list them, or deliver them
    #[command(after_help = help::RESULTS)]
    Results {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        action: results::ResultsAction,
    },
    /// What the calls cost: paid, free, not known, and saved by checkpoints
    #[command(after_help = help::COST)]
    Cost {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: cost::CostArguments,
    },
    /// Where a job is: each turn, what it waits for, until when, and on which queue
    #[command(after_help = help::WHERE)]
    Where {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: where_job::WhereArguments,
    },
    /// Which jobs wait, for what, and until when
    #[command(after_help = help::WAITING)]
    Waiting {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: waiting::WaitingArguments,
    },
    /// The ledger for other programs, as it grows, or held against a provider's statement
    #[command(after_help = help::LEDGER)]
    Ledger {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        action: ledger::LedgerAction,
    },
    /// The queues and the exchange that the worker needs: declare, compare with the broker, or
    /// print them
    #[command(after_help = help::TOPOLOGY)]
    Topology {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        action: topology::TopologyAction,
    },
    /// Ends pauses and opens closed scopes now, on all workers
    #[command(after_help = help::RESUME)]
    Resume {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: resume::ResumeArguments,
    },
    /// Is everything there that the worker will need? One finding each, and how to repair what is not
    #[command(after_help = help::CHECK)]
    Check {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: check::CheckArguments,
    },
    /// Are the providers as their documents say? A few paid calls on your accounts, asked for first
    #[command(after_help = help::CERTIFY)]
    Certify {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: certify::CertifyArguments,
    },
    /// Writes a commented configuration, after five questions or from flags
    #[command(after_help = help::INIT)]
    Init(init::InitArguments),
    /// Messages and configuration as JSON Schema, and all of it as AsyncAPI
    #[command(after_help = help::SCHEMA)]
    Schema {
        #[command(flatten)]
        file: ConfigFile,
        #[arg(value_enum)]
        document: schema::SchemaDocument,
    },
    /// A live view of one or several workers: rate against quota, cost, budgets, what is closed, what
    /// waits, and what was answered
    #[command(after_help = help::TOP)]
    Top {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: top::TopArguments,
    },
    /// Is the worker on this machine alive? Exit status 0 or 1, for containers without a shell
    #[command(after_help = help::HEALTH)]
    Health {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        arguments: health::HealthArguments,
    },
    /// The error-code policy
    #[command(after_help = help::POLICY)]
    Policy {
        #[command(flatten)]
        file: ConfigFile,
        #[command(subcommand)]
        question: policy::Question,
    },
    /// A script with which the shell completes commands and options
    #[command(after_help = help::COMPLETIONS)]
    Completions(completions::CompletionsArguments),
    /// The manual page, or with --to one page for each command
    #[command(after_help = help::MAN)]
    Man(man::ManArguments),
    /// A PDF document on stdin becomes the picture of a page on stdout: the worker's own child
    #[cfg(feature = "pdf")]
    #[command(hide = true)]
    PdfPage(pdf_page::PdfPageArguments),
}

impl Command {
    /// True where a signal may end the command at any point. The others listen for themselves, and finish
    /// the work in hand.
    pub(super) fn ends_on_signal(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Submit { .. }
            | Self::Failed { .. }
            | Self::Results { .. }
            | Self::Certify { .. }
            | Self::Top { .. } => false,
            #[cfg(feature = "sandbox")]
            Self::Demo(_) | Self::Sandbox(_) => false,
            #[cfg(feature = "pdf")]
            Self::PdfPage(_) => false,
            Self::Process { .. }
            | Self::Check { .. }
            | Self::Health { .. }
            | Self::Resume { .. }
            | Self::Topology { .. }
            | Self::Policy { .. }
            | Self::Cost { .. }
            | Self::Where { .. }
            | Self::Waiting { .. }
            | Self::Ledger { .. }
            | Self::Init(_)
            | Self::Schema { .. }
            | Self::Completions(_)
            | Self::Man(_) => true,
        }
    }

    fn file_mut(&mut self) -> Option<&mut ConfigFile> {
        match self {
            Self::Run(file)
            | Self::Process { file, .. }
            | Self::Submit { file, .. }
            | Self::Failed { file, .. }
            | Self::Results { file, .. }
            | Self::Topology { file, .. }
            | Self::Cost { file, .. }
            | Self::Where { file, .. }
            | Self::Waiting { file, .. }
            | Self::Ledger { file, .. }
            | Self::Check { file, .. }
            | Self::Certify { file, .. }
            | Self::Health { file, .. }
            | Self::Resume { file, .. }
            | Self::Schema { file, .. }
            | Self::Top { file, .. }
            | Self::Policy { file, .. } => Some(file),
            #[cfg(feature = "sandbox")]
            Self::Demo(_) | Self::Sandbox(_) => None,
            #[cfg(feature = "pdf")]
            Self::PdfPage(_) => None,
            Self::Init(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }
}
