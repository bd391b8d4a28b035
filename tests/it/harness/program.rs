//! The binary as its users meet it: a process with arguments, variables, two streams, signals and
//! an exit status.

use super::system::{PATIENCE, System};
use invoice_worker::config::Config;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: UnboundedReceiver<String>,
    /// Lines of stderr that were passed by.
    heard: Vec<String>,
    /// Whether the program is the child of what was started.
    is_wrapped: bool,
}

/// What is left of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Lines about what happened. That a test's worker waits less for a redelivered job than is
    /// safe is said at the start.
    pub(crate) fn lines_at(&self, level: &str) -> usize {
        let level = format!(r#""level":"{level}""#);
        self.stderr
            .lines()
            .filter(|line| line.contains(&level) && !line.contains("the configuration is not safe"))
            .count()
    }
}

pub(crate) const NONE: [(&str, &str); 0] = [];

/// Nothing of this process's environment but what the program needs to start. Lines are not wrapped,
/// so that tests find whole texts.
pub(crate) fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_invoice-worker"));
    command
        .args(arguments)
        .env_clear()
        .env("COLUMNS", "1000")
        .envs(environment.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs to its end.
pub(crate) async fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let output = timeout(PATIENCE, command(arguments, environment).output())
        .await
        .expect("an end in time")
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Program {
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::of(command(arguments, environment))
    }

    /// Whether this user may make a namespace of processes.
    pub(crate) fn may_be_the_first() -> bool {
        let tried = std::process::Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "true"])
            .output();
        tried.is_ok_and(|tried| tried.status.success())
    }

    /// As the first process of a namespace; it is signalled itself, and not what started it.
    pub(crate) fn start_as_first(arguments: &[&str]) -> Self {
        let mut unshare = Command::new("unshare");
        unshare
            .args([
                "--pid",
                "--fork",
                "--kill-child",
                env!("CARGO_BIN_EXE_invoice-worker"),
            ])
            .args(arguments);
        unshare
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        unshare
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            is_wrapped: true,
            ..Self::of(unshare)
        }
    }

    /// The process's number, or that of its only child where it was started through another
    /// program.
    pub(crate) fn id(&self) -> u32 {
        let id = self.child.id().expect("it runs");
        if !self.is_wrapped {
            return id;
        }
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        children
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("one child expected: {children:?}"))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (teller, stderr) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // Nobody listening any more: the test is over.
                let _ = teller.send(line);
            }
        });
        let stdout = tokio::spawn(async move {
            let mut text = String::new();
            stdout.read_to_string(&mut text).await.unwrap();
            text
        });
        Self {
            child,
            stdout,
            stderr,
            heard: Vec::new(),
            is_wrapped: false,
        }
    }

    /// The next log event with this message; fails where a line on the way is no JSON.
    pub(crate) async fn event(&mut self, message: &str) -> Value {
        let search = async {
            while let Some(line) = self.stderr.recv().await {
                let event: Value = serde_json::from_str(&line)
                    .unwrap_or_else(|_| panic!("not a JSON event: {line}"));
                self.heard.push(line);
                if event["message"] == message {
                    return Some(event);
                }
            }
            None
        };
        let found = timeout(PATIENCE, search).await.ok().flatten();
        found.unwrap_or_else(|| panic!("never heard {message:?}, only:\n{}", self.heard.join("\n")))
    }

    /// The telemetry address, which is told first.
    pub(crate) async fn telemetry(&mut self) -> String {
        let event = self.event("serving /metrics, /livez and /readyz").await;
        format!("http://{}", event["address"].as_str().unwrap())
    }

    /// Bytes of memory that it had at the most by now.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!(
            "/proc/{}/status",
            self.child.id().expect("it runs")
        ))
        .unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim()
            .strip_suffix(" kB")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1024
    }

    pub(crate) async fn signal(&self, name: &str) {
        let process = self.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &process])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    pub(crate) async fn end(mut self) -> Ended {
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .expect("an end in time")
            .unwrap();
        while let Some(line) = self.stderr.recv().await {
            self.heard.push(line);
        }
        Ended {
            code: status.code(),
            stdout: self.stdout.await.unwrap(),
            stderr: self.heard.join("\n"),
        }
    }

    /// Gone from one instruction to the next, without a word to anybody.
    pub(crate) async fn kill(self) {
        self.dies_by("KILL").await;
    }

    /// As when it brings that signal upon itself. The first `SEGV` that comes from without is
    /// passed by: Rust's handler takes it for one of its own and looks whether the instruction
    /// fails again.
    pub(crate) async fn dies_by(mut self, signal: &str) {
        let dying = async {
            while self.child.try_wait().unwrap().is_none() {
                self.signal(signal).await;
            }
        };
        timeout(PATIENCE, dying).await.expect("an end in time");
        let ended = self.end().await;
        assert_eq!(ended.code, None, "{}", ended.stderr);
    }

    pub(crate) async fn stop(self) -> Ended {
        self.signal("TERM").await;
        self.end().await
    }
}

/// A configuration file for a program of its own, in a folder that goes with this value.
#[derive(Debug)]
pub(crate) struct ConfigFile(TempDir);

impl ConfigFile {
    pub(crate) fn of(system: &System) -> Self {
        Self::of_config(&system.config)
    }

    pub(crate) fn of_config(config: &Config) -> Self {
        Self::with(&toml_of(config))
    }

    pub(crate) fn with(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("worker.toml"), text).unwrap();
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self) -> String {
        self.file("worker.toml").display().to_string()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn run(&self, environment: &[(&str, &str)]) -> Program {
        Program::start(&["run", "-c", &self.path()], environment)
    }
}

/// The configuration with its secrets, which it does not serialise by itself.
pub(crate) fn toml_of(config: &Config) -> String {
    let mut table = toml::Table::try_from(config).unwrap();
    let mut set = |section: &str, key: &str, value: &str| {
        table[section]
            .as_table_mut()
            .unwrap()
            .insert(key.to_owned(), value.into());
    };
    set("http", "proxy", config.http.proxy.expose());
    set("seal", "key", config.seal.key.expose());
    set("seal", "previous_key", config.seal.previous_key.expose());
    set(
        "storage",
        "access_key_id",
        config.storage.access_key_id.expose(),
    );
    set(
        "storage",
        "secret_access_key",
        config.storage.secret_access_key.expose(),
    );
    set(
        "recognition",
        "app_key",
        config.recognition.app_key.expose(),
    );
    set(
        "recognition",
        "app_secret",
        config.recognition.app_secret.expose(),
    );
    set(
        "verification",
        "api_id",
        config.verification.api_id.expose(),
    );
    set(
        "verification",
        "api_secret",
        config.verification.api_secret.expose(),
    );
    set("telemetry", "listen", "127.0.0.1:0");
    let urls: Vec<toml::Value> = config
        .broker
        .urls
        .iter()
        .map(|url| url.expose().into())
        .collect();
    table["broker"]
        .as_table_mut()
        .unwrap()
        .insert("urls".to_owned(), urls.into());
    if !config.broker.jobs.is_empty() {
        // One or the other.
        let broker = table["broker"].as_table_mut().unwrap();
        broker.remove("jobs_queue");
    }
    table.to_string()
}
