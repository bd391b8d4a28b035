//! `schema`: the messages and the configuration for other programs, generated from the types.

mod asyncapi;
mod config;
mod job;
mod plain_text;

use super::config_file::ConfigFile;
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
    /// All queues and messages, as `AsyncAPI` 3.0, with the names of the configuration
    Asyncapi,
}

/// The file is read for the queues of the `AsyncAPI` document alone.
pub(super) fn run(file: &ConfigFile, document: SchemaDocument) -> anyhow::Result<ExitCode> {
    let text = match document {
        SchemaDocument::Job => plainly(read::<JobDocument>())?,
        SchemaDocument::Result => plainly(sent::<JobResult<'_>>())?,
        SchemaDocument::Progress => plainly(sent::<ProgressMessage<'_>>())?,
        SchemaDocument::Ledger => plainly(sent::<LedgerEvent>())?,
        SchemaDocument::Config => plainly(config::schema())?,
        SchemaDocument::Asyncapi => {
            let mut document = asyncapi::document(&file.load()?);
            plain_text::describe_within(&mut document);
            serde_json::to_string_pretty(&document)?
        }
    };
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// The keys of a schema have an order of their own, which a value of JSON does not keep.
fn plainly(mut schema: Schema) -> serde_json::Result<String> {
    plain_text::describe_plainly(schema.ensure_object());
    serde_json::to_string_pretty(&schema)
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
