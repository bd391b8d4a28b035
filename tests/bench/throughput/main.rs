//! The worker beside the floor, against the same broker, store and providers: what a job costs, how
//! many go through, and what is added to the time that others take for it.
//!
//! `cargo bench --bench throughput` measures what is deployed, `cargo bench --profile release
//! --bench throughput` what `cargo build --release` gives. The contenders take turns, forwards and
//! then backwards, so that a machine that becomes slower or faster meanwhile does so for all.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it may panic anywhere, and reports on its output"
)]

mod contender;
#[path = "../floor/mod.rs"]
mod floor;
mod report;
#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod rig;
mod round;

use clap::Parser;
use contender::Contender;
use invoice_worker::dev::sandbox::SandboxScenario;
use report::Comparison;
use rig::setup::{BenchSetup, at_once};
use round::Round;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Each is every contender forwards, then backwards.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Jobs one at a time, for the added latency.
    #[arg(long, default_value_t = 200)]
    alone: usize,
    /// Only pictures of this many kilobytes.
    #[arg(long)]
    kilobytes: Option<usize>,
    /// The worker also by url; the floors always send the picture itself.
    #[arg(long)]
    url: bool,
    /// The worker also without its ledger.
    #[arg(long)]
    without_ledger: bool,
    /// The worker of another build, for instance of another commit, with the same configuration.
    #[arg(long)]
    beside: Option<PathBuf>,
    /// A provider's answer takes this many milliseconds, and up to as many more.
    #[arg(long, default_value_t = 0)]
    provider_latency: u64,
    /// A request to the store takes this many milliseconds.
    #[arg(long, default_value_t = 0)]
    store_latency: u64,
    #[arg(long, hide = true)]
    floor: Option<PathBuf>,
    #[arg(long, hide = true)]
    durable_floor: Option<PathBuf>,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(config) = &arguments.floor {
        floor::run(config, false);
    } else if let Some(config) = &arguments.durable_floor {
        floor::run(config, true);
    } else {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(measure(&arguments));
    }
}

async fn measure(arguments: &Arguments) {
    let mut setup = BenchSetup::start(scenario(arguments), |_| {}).await;
    for (size, bytes) in SIZES {
        if arguments
            .kilobytes
            .is_some_and(|only| only != bytes / 1_000)
        {
            continue;
        }
        let jobs = (arguments.jobs * 300_000 / bytes).clamp(arguments.jobs / 4, arguments.jobs * 4);
        let beside = arguments.beside.clone();
        let round = Round::prepare(&setup, bytes, jobs, arguments.alone, beside).await;
        let mut comparison = Comparison::new(size);
        for _ in 0..arguments.rounds {
            let forwards = contenders(arguments);
            for contender in forwards.iter().chain(forwards.iter().rev()).copied() {
                let measured = round.run(&mut setup, contender).await;
                comparison.add(contender, measured);
            }
        }
        println!("{}\n", comparison.into_table());
    }
}

fn contenders(arguments: &Arguments) -> Vec<Contender> {
    let by_url = Contender::BY_URL.into_iter().filter(|_| arguments.url);
    let without_ledger = arguments.without_ledger.then_some(Contender::WithoutLedger);
    let beside = arguments.beside.as_ref().map(|_| Contender::Beside);
    Contender::ALL
        .into_iter()
        .chain(by_url)
        .chain(without_ledger)
        .chain(beside)
        .collect()
}

/// Providers that answer as often as they are asked, and a store, each after its latency.
fn scenario(arguments: &Arguments) -> SandboxScenario {
    let mut scenario = at_once();
    let latency = Duration::from_millis(arguments.provider_latency);
    (scenario.recognition.latency, scenario.recognition.jitter) = (latency, latency);
    (scenario.verification.latency, scenario.verification.jitter) = (latency, latency);
    scenario.storage.latency = Duration::from_millis(arguments.store_latency);
    scenario
}
