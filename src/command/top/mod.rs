//! `top`: a live view of one or several workers, over their `/metrics`. Where the output is no
//! terminal it is printed once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `poll` | asks each worker for its metrics |
//! | `exposition`, `growth` | the metrics of one look, and how they have grown since the look before (pure) |
//! | `fleet` | what all workers say, put together: `accounts`, `closures`, `budgets`, `keyed_rows` (pure) |
//! | `view` | the same as lines: `tables`, `figures`, `tone_lines` (pure) |
//! | `screen` | shows the lines on a terminal, until a key or a signal ends it |

mod accounts;
mod budgets;
mod closures;
mod exposition;
mod figures;
mod fleet;
mod growth;
mod keyed_rows;
mod poll;
mod screen;
mod tables;
#[cfg(test)]
mod tests;
mod tone_lines;
mod view;

use super::{health, terminal};
use crate::config::Config;
use crate::shutdown;
use anyhow::Context;
use clap::Args;
use fleet::Fleet;
use poll::Target;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// A screen has no room for more.
const MOST_WORKERS: usize = 100;
/// The time after a signal in which the screen is put back.
const TIDYING: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub(super) struct TopArguments {
    /// Where workers serve their telemetry: <http://10.0.0.7:9464>, or host:port [default:
    /// telemetry.listen]
    #[arg(value_name = "URL", value_parser = Target::parse)]
    targets: Vec<Target>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=3_600))]
    every: u16,
    /// Prints what there is to see and ends, also on a terminal. It takes two looks, because a rate
    /// is between two
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(config: &Config, arguments: TopArguments) -> anyhow::Result<ExitCode> {
    let mut targets = arguments.targets;
    if targets.is_empty() {
        let address = health::address(&config.telemetry)?;
        targets.extend(Target::parse(&address.to_string()));
    }
    anyhow::ensure!(
        targets.len() <= MOST_WORKERS,
        "at most {MOST_WORKERS} workers can be watched at once"
    );
    let every = Duration::from_secs(arguments.every.into());
    let stop = shutdown::on_signal(Some(TIDYING)).context("cannot listen for signals")?;
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !arguments.once {
        return screen::run(&targets, every, &stop).await;
    }
    tokio::select! {
        biased;
        () = stop.asked_for() => Ok(stop.exit_code()),
        fleet = two_looks(&targets, every) => print(&fleet),
    }
}

async fn two_looks(targets: &[Target], every: Duration) -> Fleet {
    let before = poll::look(targets).await;
    tokio::time::sleep(every).await;
    let looks = poll::look(targets).await;
    Fleet::of(&before, &looks, poll::now())
}

/// The status is 1 where a worker does not answer.
fn print(fleet: &Fleet) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for (_, line) in view::lines(fleet, terminal::columns()) {
        writeln!(out, "{line}")?;
    }
    Ok(if fleet.answering() == fleet.workers.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
