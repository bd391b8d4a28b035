//! A hundred thousand small jobs are waiting when the worker starts: does it become larger or
//! slower on the way?
//!
//! `cargo bench --bench backlog`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it may panic anywhere, and reports on its output"
)]

#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod rig;

use clap::Parser;
use rig::figures::number;
use rig::setup::{BenchSetup, at_once};
use rig::subject::Subject;
use rig::table::table;
use tokio::time::Instant;

const PICTURE_BYTES: usize = 24_000;
const PARTS: usize = 10;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut setup = BenchSetup::start(at_once(), |_| {}).await;
    let keys = setup.pictures(PICTURE_BYTES, arguments.jobs).await;
    setup
        .client
        .submit(
            keys.into_iter()
                .enumerate()
                .map(|(number, key)| (format!("JOB-{number}"), key)),
        )
        .await;
    let worker = Subject::worker(&setup, "worker");
    let mut rows = Vec::new();
    for part in 1..=PARTS {
        let jobs = arguments.jobs / PARTS;
        let (began, cpu) = (Instant::now(), worker.cpu());
        setup.client.results(jobs).await;
        rows.push(vec![
            (part * jobs).to_string(),
            format!("{:.0}", number(jobs) / began.elapsed().as_secs_f64()),
            format!(
                "{:.2}",
                (worker.cpu().saturating_sub(cpu)).as_secs_f64() * 1_000.0 / number(jobs)
            ),
            format!("{:.0}", worker.resident_mib()),
            format!("{:.0}", worker.peak_mib()),
        ]);
    }
    assert!(worker.stop().await.success(), "it drains");
    println!(
        "{}",
        table(
            &[
                "jobs done",
                "jobs / s",
                "CPU s / 1,000 jobs",
                "resident MiB",
                "peak MiB"
            ],
            &rows
        )
    );
}
