//! Thousands of jobs through several workers, while workers are killed, wires are cut and the
//! broker goes down; the providers and the store are at fault as well. At the end every job has the
//! answer that the script implies, and nothing was bought twice without need.
//!
//! `cargo test --test chaos` is the short version; `cargo test --test chaos -- --help` says how to
//! make it longer.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test program: it may panic anywhere, and reports on its output"
)]

mod allowance;
mod arguments;
mod broker_faults;
mod call_log;
mod client;
mod collector;
mod differences;
mod environment;
mod faults;
mod fleet;
#[path = "../it/harness/mod.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod harness;
#[path = "../it/codes/hastened.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod hastened;
mod injector;
mod logs;
mod operator;
mod pictures;
mod plan;
mod quiet;
mod rabbit;
mod reconciliation;
mod report;
mod run;
mod strangers;
mod submitter;
mod verdict;

use arguments::{Arguments, Wish};
use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments::check();
    call_log::check();
    reconciliation::check::check();
    verdict::check::check();
    match arguments.wish() {
        Wish::Nothing => {
            println!("chaos: another test is meant, nothing was run");
            ExitCode::SUCCESS
        }
        Wish::List => {
            println!("chaos: test");
            ExitCode::SUCCESS
        }
        Wish::Run => {
            if Box::pin(run::run(&arguments)).await {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
