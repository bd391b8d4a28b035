//! Arguments to command, exit code; nothing else.

use clap::Parser;
use invoice_worker::command::{self, Arguments};
use std::process::ExitCode;

fn main() -> ExitCode {
    // One TLS stack for broker, store and providers; Err: somebody installed one before us.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Arguments::try_parse() {
        Ok(arguments) => command::execute(arguments),
        Err(error) => command::explain_usage(&error),
    }
}
