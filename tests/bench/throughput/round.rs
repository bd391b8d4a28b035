//! One round: a process is started, warmed up, given many jobs at once, then one at a time.

use super::contender::Contender;
use super::rig::figures::number;
use super::rig::setup::BenchSetup;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Enough that every connection is open, every buffer has its size and every page was touched once.
const WARM_UP: usize = 100;

/// What is asked in every round. The same pictures: each process is new, and remembers nothing of
/// them.
pub(crate) struct Round {
    warm_up: Vec<String>,
    together: Vec<String>,
    alone: Vec<String>,
    /// The binary of another build.
    beside: Option<PathBuf>,
}

pub(crate) struct Measured {
    /// Of the process itself, for a thousand jobs.
    pub(crate) cpu_seconds: f64,
    pub(crate) jobs_per_second: f64,
    pub(crate) peak_mib: f64,
    /// From the submission of each job that was alone to its result.
    pub(crate) alone: Vec<Duration>,
    /// What is not the store's or the providers' of each job that was alone: from its submission to
    /// its result.
    pub(crate) added: Vec<Duration>,
}

impl Round {
    pub(crate) async fn prepare(
        setup: &BenchSetup,
        bytes: usize,
        together: usize,
        alone: usize,
        beside: Option<PathBuf>,
    ) -> Self {
        let mut keys = setup.pictures(bytes, WARM_UP + together + alone).await;
        let alone = keys.split_off(WARM_UP + together);
        let together = keys.split_off(WARM_UP);
        Self {
            warm_up: keys,
            together,
            alone,
            beside,
        }
    }

    pub(crate) async fn run(&self, setup: &mut BenchSetup, contender: Contender) -> Measured {
        let subject = contender.start(setup, self.beside.as_deref());
        ask(setup, &self.warm_up).await;
        let (cpu, began) = (subject.cpu(), Instant::now());
        ask(setup, &self.together).await;
        let (cpu, took) = (subject.cpu().saturating_sub(cpu), began.elapsed());
        let (mut alone, mut added) = (Vec::new(), Vec::new());
        for key in &self.alone {
            setup.sandbox.reset();
            let began = Instant::now();
            ask(setup, std::slice::from_ref(key)).await;
            let took = began.elapsed();
            let elsewhere: Duration = setup
                .sandbox
                .calls()
                .all()
                .iter()
                .map(|call| call.took)
                .sum();
            alone.push(took);
            added.push(took.saturating_sub(elsewhere));
        }
        let peak_mib = subject.peak_mib();
        contender.end(subject).await;
        let jobs = number(self.together.len());
        Measured {
            cpu_seconds: cpu.as_secs_f64() * 1_000.0 / jobs,
            jobs_per_second: jobs / took.as_secs_f64(),
            peak_mib,
            alone,
            added,
        }
    }
}

/// Submits jobs about these pictures, and waits for their results.
async fn ask(setup: &mut BenchSetup, keys: &[String]) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let jobs = keys.iter().map(|key| {
        (
            format!("JOB-{}", NUMBER.fetch_add(1, Ordering::Relaxed)),
            key.clone(),
        )
    });
    setup.client.submit(jobs).await;
    setup.client.results(keys.len()).await;
}
