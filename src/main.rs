//! Arguments to command, exit code; nothing else.

use clap::Parser;
use invoice_worker::command::{self, Arguments};
use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory_private();
    // One TLS stack for broker, store and providers; Err: one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Arguments::try_parse() {
        Ok(arguments) => command::execute(arguments),
        Err(error) => command::explain_usage(&error),
    }
}

/// Secrets and patient data are in this process's memory: no core file is written of it, and other
/// processes of the same user can neither trace it nor read its memory and environment.
#[cfg(target_os = "linux")]
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    // It fails only on kernels older than any that is supported; then all is as before.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

#[cfg(not(target_os = "linux"))]
fn keep_memory_private() {}
