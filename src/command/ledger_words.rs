//! Turns and calls of the ledger in a few words.

use super::terminal::plain;
use crate::domain::failure::Billed;
use crate::domain::result::{Status, Verdict};
use crate::ledger::{Ending, LedgerCall, LedgerEvent};

/// How the turn ended: with a verdict, or else a status.
pub(super) fn how(turn: &LedgerEvent) -> String {
    let verdict = turn.verdict.map(Verdict::as_str);
    let answer = verdict.or(turn.status.map(Status::as_str));
    let answer = answer.unwrap_or("answered");
    match turn.ending {
        Ending::Answered => answer.to_owned(),
        Ending::Replayed => format!("{answer} again"),
        Ending::Parked => "parked".to_owned(),
        Ending::Dropped => "dropped".to_owned(),
    }
}

/// `verification 316 paid, verification OK paid`.
pub(super) fn calls(turn: &LedgerEvent) -> String {
    let calls = turn.calls.iter().map(call);
    calls.collect::<Vec<_>>().join(", ")
}

fn call(call: &LedgerCall) -> String {
    let paid = match call.billed {
        Billed::Yes => " paid",
        Billed::Unknown if !call.is_lost() => " unknown",
        Billed::No | Billed::Unknown => "",
    };
    plain(&format!("{} {}{paid}", call.account, call.code))
}

/// Says what a parked turn waits for, or why an answer is none: `verification 316: in maintenance`.
pub(super) fn why(turn: &LedgerEvent) -> String {
    let parked = turn.parked.as_ref();
    let waits = parked.map(|wait| format!("{} {}: {}", wait.stage, wait.code, wait.reason));
    let error = turn.error.as_ref();
    let why = waits.or_else(|| error.map(|error| format!("{} {}", error.stage, error.code)));
    plain(&why.unwrap_or_default())
}
