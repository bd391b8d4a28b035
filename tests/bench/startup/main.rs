//! From the start of the process to the first job, on a broker that answers: when its image is
//! asked for, and when its result is there.
//!
//! `cargo bench --bench startup`

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
use rig::figures::{millis, percentile};
use rig::setup::{BenchSetup, at_once};
use rig::subject::Subject;
use rig::table::table;
use tokio::time::Instant;

const PICTURE_BYTES: usize = 30_000;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 20)]
    starts: usize,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut setup = BenchSetup::start(at_once(), |_| {}).await;
    let keys = setup.pictures(PICTURE_BYTES, arguments.starts).await;
    let (mut consumed, mut answered) = (Vec::new(), Vec::new());
    for key in &keys {
        setup
            .client
            .submit([(format!("JOB-{key}"), key.clone())])
            .await;
        setup.sandbox.reset();
        let began = Instant::now();
        let worker = Subject::worker(&setup, "worker");
        setup.client.result().await;
        answered.push(millis(began.elapsed()));
        let fetched = setup
            .sandbox
            .calls()
            .about(Stage::Storage, &format!("get {key}"));
        consumed.push(millis(fetched[0].at));
        assert!(worker.stop().await.success(), "it drains");
    }
    let row = |what: &str, values: &mut [f64]| {
        vec![
            what.to_owned(),
            format!("{:.0}", percentile(values, 50)),
            format!("{:.0}", percentile(values, 100)),
        ]
    };
    let rows = [
        row("the first job's image is asked for", &mut consumed),
        row("its result is there", &mut answered),
    ];
    println!(
        "{}",
        table(
            &["ms after the start of the process, until", "median", "most"],
            &rows
        )
    );
}
