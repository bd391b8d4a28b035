//! How much of the account's quota one, two and four workers use, what is refused for it, and how
//! soon they agree again when one joins or is killed. The providers limit strictly: by the second,
//! or by a bucket that lets as many calls come at once as there are workers.
//!
//! `cargo bench --bench quota`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it may panic anywhere, and reports on its output"
)]

mod call_log;
#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "other benchmarks use the rest")]
mod rig;

use call_log::QuotaLog;
use clap::Parser;
use invoice_worker::dev::sandbox::SandboxScenario;
use rig::setup::BenchSetup;
use rig::subject::Subject;
use rig::table::table;
use std::time::Duration;
use tokio::time::sleep;

const PICTURE_BYTES: usize = 24_000;
/// As slow as the real ones are when all is well.
const LATENCY: Duration = Duration::from_millis(200);
const JITTER: Duration = Duration::from_millis(100);
/// After a change, before what is steady is looked at.
const SETTLING: Duration = Duration::from_secs(12);

#[derive(Debug, Parser)]
struct Arguments {
    /// Of each provider's account, a second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Seconds for which each number of workers is looked at.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How many workers there are in turn; from one to the next they join, and at the end one is
    /// killed.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    workers: Vec<usize>,
    #[command(flatten)]
    _from_cargo: rig::arguments::FromCargo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut steady = Vec::new();
    let mut changes = Vec::new();
    for (limiter, burst) in [("strict second", 0), ("bucket of 4", 4)] {
        let log = measure(&arguments, burst).await;
        steady.extend(log.steady(limiter));
        changes.extend(log.changes(limiter));
    }
    let head = [
        "provider's limiter",
        "workers",
        "stage",
        "quota used",
        "refused",
    ];
    println!("{}", table(&head, &steady));
    println!(
        "\n{}",
        table(
            &["provider's limiter", "change", "95 % again after"],
            &changes
        )
    );
}

/// Measures with workers that join one after the other, and at the end one is killed; there are
/// always more jobs than the quota allows.
async fn measure(arguments: &Arguments, burst: u32) -> QuotaLog {
    let mut scenario = SandboxScenario::default();
    let SandboxScenario {
        recognition,
        verification,
        ..
    } = &mut scenario;
    (recognition.rate_per_second, recognition.burst) = (arguments.rate, burst);
    (verification.rate_per_second, verification.burst) = (arguments.rate, burst);
    (recognition.latency, recognition.jitter) = (LATENCY, JITTER);
    (verification.latency, verification.jitter) = (LATENCY, JITTER);
    let rate = f64::from(arguments.rate);
    let setup = BenchSetup::start(scenario, |config| {
        (
            config.recognition.rate_per_second,
            config.verification.rate_per_second,
        ) = (rate, rate);
    })
    .await;
    let phase = SETTLING + Duration::from_secs(arguments.seconds);
    let jobs = usize::try_from(phase.as_secs() * u64::from(arguments.rate)).unwrap()
        * (arguments.workers.len() + 2);
    let keys = setup.pictures(PICTURE_BYTES, jobs).await;
    setup
        .client
        .submit(
            keys.into_iter()
                .enumerate()
                .map(|(number, key)| (format!("JOB-{number}"), key)),
        )
        .await;
    setup.sandbox.reset();
    let mut log = QuotaLog::new(setup.sandbox.calls(), arguments.rate);
    let mut workers = Vec::new();
    for count in arguments.workers.iter().copied() {
        let (before, begun) = (workers.len(), log.now());
        while workers.len() < count {
            workers.push(Subject::worker(
                &setup,
                &format!("worker-{}", workers.len()),
            ));
        }
        let change = if before == 0 {
            "the first".to_owned()
        } else {
            format!("{count} instead of {before}")
        };
        sleep(phase).await;
        log.phase(change, count, begun + SETTLING, begun);
    }
    let begun = log.now();
    let before = workers.len();
    workers.pop().unwrap().kill().await;
    sleep(phase).await;
    log.phase(
        format!("one of {before} killed"),
        before - 1,
        begun + SETTLING,
        begun,
    );
    log.close();
    for worker in workers {
        worker.kill().await;
    }
    log
}
