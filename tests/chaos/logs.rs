//! Panics, warnings and errors counted from the workers' logs.

use super::fleet::Worker;
use serde_json::Value;
use std::collections::BTreeMap;

/// In the log lines that tell of a connection or a consumer that is gone.
const LOSSES: [&str; 3] = [
    "the broker was lost",
    "the broker is out of reach",
    "no more jobs come from the broker",
];

const CONTROL_CALL: &str = "a control call was made";
const UNWRITTEN: &str = "the ledger cannot be written";

#[derive(Debug, Default)]
pub(crate) struct LogCounts {
    pub(crate) parked: BTreeMap<String, usize>,
    /// Turns that ended, by the run.
    pub(crate) turns: BTreeMap<String, usize>,
    pub(crate) panics: Vec<String>,
    /// Warnings and errors, by their message.
    pub(crate) complaints: BTreeMap<String, usize>,
}

impl LogCounts {
    /// How many control calls the workers made.
    pub(crate) fn control_calls(&self) -> usize {
        let made = self.complaints.iter();
        let made = made.filter(|(message, _)| message.starts_with(CONTROL_CALL));
        made.map(|(_, times)| times).sum()
    }

    /// Whether a worker says that the ledger's stream took something too late or not at all.
    pub(crate) fn could_not_write(&self) -> bool {
        let mut messages = self.complaints.keys();
        messages.any(|message| message.starts_with(UNWRITTEN))
    }

    /// How often a worker says that it lost the broker.
    pub(crate) fn losses(&self) -> Vec<String> {
        let is_loss = |message: &&String| LOSSES.iter().any(|words| message.contains(words));
        self.complaints
            .keys()
            .filter(is_loss)
            .map(|message| format!("{message} ({} times)", self.complaints[message]))
            .collect()
    }
}

pub(crate) fn read(workers: &[Worker]) -> LogCounts {
    let mut counts = LogCounts::default();
    for worker in workers {
        let log = std::fs::read(&worker.log).unwrap();
        for line in String::from_utf8_lossy(&log).lines() {
            // A kill may have cut the last line short.
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            if line.contains("panicked at") {
                counts.panics.push(format!("{}: {line}", worker.name));
            }
            if matches!(text("message").as_str(), "job answered" | "job parked") {
                *counts.turns.entry(text("job.run")).or_default() += 1;
            }
            if text("message") == "job parked" {
                *counts
                    .parked
                    .entry(format!("{} {}", text("stage"), text("code")))
                    .or_default() += 1;
            }
            if matches!(text("level").as_str(), "WARN" | "ERROR") {
                *counts.complaints.entry(text("message")).or_default() += 1;
            }
        }
    }
    counts
}
