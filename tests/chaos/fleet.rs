//! The workers: processes of the real binary, each with its own wires to the broker and a log that
//! outlives it.

use super::environment::Environment;
use super::harness::program::{NONE, command, toml_of};
use super::harness::proxy::Proxy;
use super::rabbit::Rabbit;
use invoice_worker::settings::secret::Secret;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longer than `shutdown_grace`.
const DRAIN: Duration = Duration::from_mins(2);

#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) workers: Vec<Worker>,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    /// One to each node.
    pub(crate) wires: Vec<Arc<Proxy>>,
    config: PathBuf,
    pub(crate) log: PathBuf,
    child: Option<Child>,
    /// Of all its lives.
    pub(crate) peak_mib: u64,
    /// Ends that nobody asked for.
    pub(crate) deaths: Vec<String>,
}

impl Fleet {
    pub(crate) async fn start(environment: &Environment, rabbit: &Rabbit, size: usize) -> Self {
        let mut workers = Vec::new();
        for number in 0..size {
            let name = format!("worker-{number}");
            let mut wires = Vec::new();
            for node in rabbit.nodes() {
                wires.push(Arc::new(Proxy::before(node.port).await));
            }
            let mut config = environment.config.clone();
            let url = |wire: &Arc<Proxy>| {
                Secret::new(&format!("amqp://guest:guest@127.0.0.1:{}/%2f", wire.port))
            };
            config.broker.urls = wires.iter().map(url).collect();
            config.broker.urls.rotate_left(number % wires.len());
            let file = environment.folder.join(format!("{name}.toml"));
            std::fs::write(&file, toml_of(&config)).unwrap();
            let log = environment.folder.join(format!("{name}.log"));
            let mut worker = Worker {
                name,
                wires,
                config: file,
                log,
                child: None,
                peak_mib: 0,
                deaths: Vec::new(),
            };
            worker.start();
            workers.push(worker);
        }
        Self { workers }
    }

    /// Asks all to end and waits for it: the exit status of each.
    pub(crate) async fn drain(&mut self) -> Vec<(String, Option<ExitStatus>)> {
        for worker in &self.workers {
            worker.terminate().await;
        }
        let mut ends = Vec::new();
        for worker in &mut self.workers {
            worker.measure();
            let end = match &mut worker.child {
                Some(child) => timeout(DRAIN, child.wait()).await.ok().and_then(Result::ok),
                None => None,
            };
            ends.push((worker.name.clone(), end));
        }
        ends
    }
}

impl Worker {
    pub(crate) fn start(&mut self) {
        let config = self.config.display().to_string();
        let mut command = command(&["run", "-c", &config], &NONE);
        command.stdout(Stdio::null()).stderr(appended(&self.log));
        self.child = Some(command.spawn().unwrap());
    }

    /// By a signal that it cannot catch.
    pub(crate) async fn kill(&mut self) {
        self.measure();
        let Some(mut child) = self.child.take() else {
            return;
        };
        if let Ok(Some(status)) = child.try_wait() {
            self.deaths
                .push(format!("{} ended by itself: {status}", self.name));
        }
        child.kill().await.unwrap();
    }

    async fn terminate(&self) {
        if let Some(process) = self.child.as_ref().and_then(Child::id) {
            let sent = Command::new("sh")
                .args(["-c", "kill -s TERM \"$0\"", &process.to_string()])
                .status()
                .await
                .unwrap();
            assert!(sent.success(), "{} is gone", self.name);
        }
    }

    /// The most memory that it ever had resident.
    fn measure(&mut self) {
        let Some(process) = self.child.as_ref().and_then(Child::id) else {
            return;
        };
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next());
        let kib: u64 = peak.and_then(|kib| kib.parse().ok()).unwrap_or(0);
        self.peak_mib = self.peak_mib.max(kib >> 10);
    }
}

fn appended(log: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap()
}
