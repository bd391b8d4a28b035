//! The worker beside the floor, against the same broker, store and providers: what a job costs, how
//! many go through, and what is added to the time that others take for it.
//!
//! `cargo bench --bench throughput`. Worker and floor take turns, worker first and then floor
//! first, so that a machine that becomes slower or faster meanwhile does so for both.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it may panic anywhere, and reports on its output"
)]

#[path = "../floor/mod.rs"]
mod floor;
mod report;
#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod rig;
mod round;

use clap::Parser;
use invoice_worker::policy::Transfer;
use report::Comparison;
use rig::setup::{BenchSetup, at_once};
use round::{Round, Who};
use std::path::PathBuf;

/// Recognition takes 4 MiB after base64 and escaping: of noise, 2.9 MB.
const SIZES: [(&str, usize); 3] = [
    ("30 KB", 30_000),
    ("300 KB", 300_000),
    ("2.9 MB", 2_900_000),
];

#[derive(Debug, Parser)]
struct Arguments {
    /// Jobs of a round, for pictures of 300 KB: four times as many small ones, a quarter as many
    /// large ones.
    #[arg(long, default_value_t = 400)]
    jobs: usize,
    /// Each is worker, floor, floor, worker.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Jobs one at a time, for the added latency.
    #[arg(long, default_value_t = 200)]
    alone: usize,
    /// Only pictures of this many kilobytes.
    #[arg(long)]
    kilobytes: Option<usize>,
    /// The worker also by url; the floor always sends the picture itself.
    #[arg(long)]
    url: bool,
    #[arg(long, hide = true)]
    floor: Option<PathBuf>,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    if let Some(config) = &arguments.floor {
        floor::run(config).await;
        return;
    }
    let mut setup = BenchSetup::start(at_once(), |_| {}).await;
    for (size, bytes) in SIZES {
        if arguments
            .kilobytes
            .is_some_and(|only| only != bytes / 1_000)
        {
            continue;
        }
        let jobs = (arguments.jobs * 300_000 / bytes).clamp(arguments.jobs / 4, arguments.jobs * 4);
        let round = Round::prepare(&setup, bytes, jobs, arguments.alone).await;
        for transfer in [Transfer::Inline, Transfer::Url]
            .into_iter()
            .filter(|way| *way == Transfer::Inline || arguments.url)
        {
            let way = if transfer == Transfer::Inline {
                "inline"
            } else {
                "by url"
            };
            (
                setup.config.recognition.transfer,
                setup.config.verification.transfer,
            ) = (transfer, transfer);
            let mut comparison = Comparison::new(size, way);
            for _ in 0..arguments.rounds {
                for who in [Who::Worker, Who::Floor, Who::Floor, Who::Worker] {
                    comparison.add(who, round.run(&mut setup, who).await);
                }
            }
            println!("{}\n", comparison.told());
        }
    }
}
