//! `schema`: the messages and the configuration for other programs, generated from the types.

mod asyncapi;
mod config;
mod job;

use crate::domain::result::{JobResult, ProgressMessage};
use crate::ledger::LedgerEvent;
use clap::ValueEnum;
use job::JobDocument;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use std::io::Write;
use std::process::ExitCode;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SchemaDocument {
    /// A job, as it is submitted
    Job,
    /// Its result
    Result,
    /// The message about a job that is parked
    Progress,
    /// An event of the ledger
    Ledger,
    /// The configuration file, for editors
    Config,
    /// All queues and messages, as `AsyncAPI` 3.0
    Asyncapi,
}

pub(super) fn run(document: SchemaDocument) -> anyhow::Result<ExitCode> {
    let text = match document {
        SchemaDocument::Job => serde_json::to_string_pretty(&read::<JobDocument>())?,
        SchemaDocument::Result => serde_json::to_string_pretty(&sent::<JobResult<'_>>())?,
        SchemaDocument::Progress => serde_json::to_string_pretty(&sent::<ProgressMessage<'_>>())?,
        SchemaDocument::Ledger => serde_json::to_string_pretty(&sent::<LedgerEvent>())?,
        SchemaDocument::Config => serde_json::to_string_pretty(&config::schema())?,
        SchemaDocument::Asyncapi => serde_json::to_string_pretty(&asyncapi::document())?,
    };
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// JSON Schema of the draft of 2020-12, of a message that the worker reads: what is optional may be
/// left out.
fn read<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12();
    settings.into_generator().into_root_schema_for::<T>()
}

/// The same of a message that the worker sends: every field is there, and null where it is absent.
fn sent<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>()
}
