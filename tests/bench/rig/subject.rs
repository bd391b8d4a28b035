//! The process that is measured, from outside: what the kernel says it has used.

use super::harness::program::{NONE, command};
use super::setup::BenchSetup;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How the kernel counts: `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux there is.
const TICK: Duration = Duration::from_millis(10);

/// Killed when it is dropped.
pub(crate) struct Subject {
    child: Child,
    process: u32,
    log: PathBuf,
}

impl Subject {
    /// The real binary, with its log in the setup's folder.
    pub(crate) fn worker(setup: &BenchSetup, name: &str) -> Self {
        let config = setup.write_config();
        Self::start(
            command(&["run", "-c", &config.display().to_string()], &NONE),
            setup,
            name,
        )
    }

    /// A worker of another build.
    pub(crate) fn worker_of(setup: &BenchSetup, binary: &Path) -> Self {
        let mut command = Command::new(binary);
        command
            .args(["run", "-c"])
            .arg(setup.write_config())
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Self::start(command, setup, "beside")
    }

    /// The real binary with another command.
    pub(crate) fn of_command(setup: &BenchSetup, arguments: &[&str]) -> Self {
        let config = setup.write_config().display().to_string();
        let arguments = [arguments, &["-c", &config]].concat();
        Self::start(command(&arguments, &NONE), setup, "command")
    }

    /// Processor time and most memory, as they were shortly before it ended by itself.
    pub(crate) async fn until_its_end(mut self) -> (Duration, f64) {
        let (mut cpu, mut peak) = (Duration::ZERO, 0.0_f64);
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return (cpu, peak);
            }
            cpu = self.cpu();
            // One that has just ended has no memory any more.
            let status = self.read("status");
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            peak = peak.max(kib.unwrap_or_default() / 1_024.0);
            tokio::time::sleep(TICK).await;
        }
    }

    /// This program once more, as something else: see who asks for `as_what`.
    pub(crate) fn of_this_program(setup: &BenchSetup, as_what: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg(as_what)
            .arg(setup.write_config())
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Self::start(command, setup, as_what)
    }

    fn start(mut command: Command, setup: &BenchSetup, name: &str) -> Self {
        let log = setup
            .folder()
            .join(format!("{}.log", name.trim_start_matches('-')));
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let process = child.id().unwrap();
        Self {
            child,
            process,
            log,
        }
    }

    /// In user and kernel mode, all threads, since it was started.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        // After the name, which may hold anything: the 12th and 13th of what follows.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks: u32 = fields[11..13]
            .iter()
            .map(|ticks| ticks.parse::<u32>().unwrap())
            .sum();
        TICK * ticks
    }

    /// The most that was ever resident.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.status_mib("VmHWM:")
    }

    pub(crate) fn resident_mib(&self) -> f64 {
        self.status_mib("VmRSS:")
    }

    fn status_mib(&self, name: &str) -> f64 {
        let status = self.read("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.split_whitespace()
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            / 1_024.0
    }

    fn read(&self, what: &str) -> String {
        let file = format!("/proc/{}/{what}", self.process);
        std::fs::read_to_string(file).unwrap_or_else(|_| {
            panic!(
                "it ended: {}",
                std::fs::read_to_string(&self.log).unwrap_or_default()
            )
        })
    }

    /// In good order.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let sent = Command::new("sh")
            .args(["-c", "kill -s TERM \"$0\"", &self.process.to_string()])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        self.child.wait().await.unwrap()
    }

    /// By a signal that it cannot catch.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
