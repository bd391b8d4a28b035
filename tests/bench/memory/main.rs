//! As many large pictures in hand as there may be, because the providers take their time: does the
//! worker keep to `image_memory`?
//!
//! `cargo bench --bench memory`. Pictures of 2.9 MB: the largest that recognition takes, after
//! base64 and escaping.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it may panic anywhere, and reports on its output"
)]

#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod rig;

use clap::Parser;
use invoice_worker::domain::failure::Stage;
use rig::setup::{BenchSetup, at_once};
use rig::subject::Subject;
use rig::table::table;
use std::time::Duration;

const PICTURE_BYTES: usize = 2_900_000;
const LATENCY: Duration = Duration::from_secs(3);
/// What the worker may need beside its pictures.
const BESIDE_MIB: u64 = 64;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 256)]
    jobs: usize,
    /// `worker.image_memory`, in MiB.
    #[arg(long, default_values_t = [128, 256, 512])]
    image_memory: Vec<u64>,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut scenario = at_once();
    (scenario.recognition.latency, scenario.verification.latency) = (LATENCY, LATENCY);
    let mut setup = BenchSetup::start(scenario, |_| {}).await;
    let keys = setup.pictures(PICTURE_BYTES, arguments.jobs).await;
    let mut rows = Vec::new();
    for mib in arguments.image_memory {
        setup.config.worker.image_memory = format!("{mib}MiB").parse().unwrap();
        setup.config.validate().unwrap();
        setup.forget_answers();
        setup.sandbox.reset();
        let worker = Subject::worker(&setup, "worker");
        setup
            .client
            .submit(
                keys.iter()
                    .map(|key| (format!("JOB-{mib}-{key}"), key.clone())),
            )
            .await;
        setup.client.results(keys.len()).await;
        let calls = setup.sandbox.calls();
        let most = calls
            .count(Stage::Recognition)
            .most_in_flight
            .max(calls.count(Stage::Verification).most_in_flight);
        rows.push(vec![
            format!("{mib} MiB"),
            most.to_string(),
            format!("{:.0} MiB", worker.peak_mib()),
            format!("{} MiB", mib + BESIDE_MIB),
            format!("{:.0} MiB", worker.resident_mib()),
        ]);
        assert!(worker.stop().await.success(), "it drains");
    }
    println!(
        "{}",
        table(
            &[
                "image_memory",
                "most calls in flight",
                "peak",
                "may be",
                "in the end"
            ],
            &rows
        )
    );
}
