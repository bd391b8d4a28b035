//! The outcome of a simulation.

use super::script::SimulatedCall;
use crate::ledger::LedgerEvent;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct SimulationOutcome {
    /// To the two providers, in their order.
    pub calls: Vec<SimulatedCall>,
    /// The calls to the store.
    pub downloads: Vec<SimulatedCall>,
    /// Calls that were, or may have been, paid for.
    pub paid: u32,
    /// One for each job, in their order; `None` is still waiting.
    pub answered: Vec<Option<Answered>>,
    /// The events that the workers wrote to the ledger, in their order.
    pub ledger: Vec<LedgerEvent>,
    /// The ids of the rules that decided about an answer.
    pub rules: BTreeSet<String>,
    /// The simulation was given up because there were too many calls.
    pub cut_short: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Since the start.
    pub at: Duration,
    /// `completed genuine`, `undetermined verification 317`, `invalid_job image.not_found`.
    pub ends: String,
}

/// A published result in a few words.
pub(super) fn end(result: &[u8]) -> String {
    let result: Value = serde_json::from_slice(result).unwrap_or_default();
    let status = result["status"].as_str().unwrap_or("unreadable");
    let error = &result["error"];
    let words = match status {
        "completed" => [&result["verdict"], &Value::Null],
        "invalid_job" => [&error["code"], &Value::Null],
        _ => [&error["stage"], &error["code"]],
    };
    let words = words.into_iter().filter_map(Value::as_str);
    [status]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}
