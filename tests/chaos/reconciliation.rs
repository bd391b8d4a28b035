//! Holds the workers' ledger against the provider's own log. Each paid call of the log is in the
//! ledger, by the id of its answer. One that is not was in the air when its worker was killed, or was
//! answered after its worker had given up; then an entry of the ledger about the same picture says
//! that a call may be billed.

pub(crate) mod check;

use super::ledger::Account;
use super::verdict::{Charge, Evidence};
use invoice_worker::dev::sandbox::SandboxCall;
use invoice_worker::domain::failure::{Billed, Stage};
use invoice_worker::ledger::reading::LostCalls;
use invoice_worker::ledger::{LedgerCall, LedgerEvent};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The sandbox's names of calls whose caller went away: it may have been killed.
const ABANDONED: &str = "abandoned";

/// What both sides have, in figures, and what nothing explains.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    /// Paid calls, by the provider's log.
    pub(crate) paid: usize,
    /// Those of them that the ledger has by their ids.
    pub(crate) known: usize,
    /// Those that were in the air at a kill, each with its entry.
    pub(crate) in_the_air: usize,
    /// Those that were answered after the worker had given up, each with its entry.
    pub(crate) too_late: usize,
    /// Those that the breaker made to find out whose fault a streak is: they belong to no job.
    pub(crate) control_calls: usize,
    /// Entries for calls that dead workers may have made, and that the log does not have.
    pub(crate) not_made: usize,
    pub(crate) charges: Vec<Charge>,
}

/// An entry of the ledger: a call, and the event that tells of it.
type Entry<'a> = (&'a LedgerEvent, &'a LedgerCall);

/// Calls and entries about one picture that have no partner with the same id.
#[derive(Debug, Default)]
struct Unmatched<'a> {
    paid: Vec<&'a SandboxCall>,
    /// Calls that were not answered as they deserve, so that they may be paid for.
    unknown: usize,
    abandoned: usize,
    /// Entries for calls without an answer, and for calls of dead workers.
    unanswered: usize,
    lost: usize,
}

/// By stage and the picture's SHA-256. `None`: which picture the entry is about is not known.
type BySubject<'a> = BTreeMap<(Stage, Option<String>), Unmatched<'a>>;

/// `log` are the provider's calls, and `control_calls` is how many of them the workers say they made.
pub(crate) fn reconcile<'a>(
    evidence: &Evidence,
    log: impl Iterator<Item = &'a SandboxCall>,
    events: &[LedgerEvent],
    control_calls: usize,
) -> Reconciliation {
    let log: Vec<&SandboxCall> = log.filter(|call| call.billed != Billed::No).collect();
    let entries = entries(events);
    let told = entries
        .iter()
        .filter_map(|entry| Some((entry.1.request_id.as_deref()?, *entry)));
    let told: HashMap<&str, Entry<'_>> = told.collect();
    let mut both = Reconciliation::default();
    let (mut unmatched, mut logged) = (BySubject::new(), HashMap::new());
    let (mut invented, mut otherwise) = (Vec::new(), Vec::new());
    for call in log {
        let is_paid = call.billed == Billed::Yes;
        both.paid += usize::from(is_paid);
        let id = call.request_id.as_deref().unwrap_or_default();
        let Some(entry) = told.get(id) else {
            let subject = (call.stage, call.subject.clone());
            unmatched.entry(subject).or_default().add(call);
            continue;
        };
        logged.insert(id, call);
        both.known += usize::from(is_paid);
        if is_paid && entry.1.billed != Billed::Yes {
            otherwise.push(named(*entry));
        }
    }
    let pictures = pictures(evidence, &entries, &logged);
    for (event, call) in entries {
        let id = call.request_id.as_deref().unwrap_or_default();
        match call.billed {
            Billed::Yes if !logged.contains_key(id) => invented.push(named((event, call))),
            Billed::Unknown if !logged.contains_key(id) => {
                let picture = pictures.get(event.run.as_str()).cloned();
                let of = unmatched.entry((stage(call), picture)).or_default();
                let number = if call.is_lost() {
                    &mut of.lost
                } else {
                    &mut of.unanswered
                };
                *number += 1;
            }
            Billed::Yes | Billed::Unknown | Billed::No => {}
        }
    }
    let mut missing = both.explain(evidence, &unmatched);
    both.control_calls = missing.len().min(control_calls);
    missing.drain(..both.control_calls);
    let more = unmatched.iter().filter(|(_, of)| of.has_too_many());
    let more = more.map(|((stage, picture), _)| subject(*stage, picture.as_ref()));
    both.charges = vec![
        (
            "paid calls of the provider's log that the ledger lacks",
            missing,
        ),
        (
            "paid calls of the ledger that the provider's log lacks",
            invented,
        ),
        ("paid calls that are not paid in the ledger", otherwise),
        (
            "calls without an answer that the provider's log lacks",
            more.collect(),
        ),
    ];
    both
}

impl<'a> Unmatched<'a> {
    fn add(&mut self, call: &'a SandboxCall) {
        match call.billed {
            Billed::Yes => self.paid.push(call),
            _ if call.answer == ABANDONED => self.abandoned += 1,
            Billed::Unknown | Billed::No => self.unknown += 1,
        }
    }

    fn has_too_many(&self) -> bool {
        self.unanswered > self.unknown + self.abandoned + self.paid.len()
    }
}

impl Reconciliation {
    /// Pairs what is left, picture by picture, and returns the paid calls that nothing explains.
    fn explain(&mut self, evidence: &Evidence, unmatched: &BySubject<'_>) -> Vec<String> {
        let mut unexplained = Vec::new();
        for ((stage, picture), of) in unmatched {
            let key = picture.clone().map(|picture| (*stage, picture));
            let account = key.and_then(|key| evidence.accounts.get(&key)).cloned();
            let account: Account = account.unwrap_or_default();
            let (mut lost, mut late) = (of.lost, of.unanswered.saturating_sub(of.unknown));
            for call in &of.paid {
                let is_met = evidence.is_met(&account, call.at, Duration::MAX);
                if is_met && take(&mut lost) {
                    self.in_the_air += 1;
                } else if take(&mut late) {
                    self.too_late += 1;
                } else {
                    let subject = subject(*stage, picture.as_ref());
                    unexplained.push(format!("{subject} asked at {:.1?}", call.at));
                }
            }
            self.not_made += lost;
        }
        unexplained
    }
}

/// One of so many, if there is one left.
fn take(left: &mut usize) -> bool {
    let is_left = *left > 0;
    *left = left.saturating_sub(1);
    is_left
}

/// The calls of all events, without those of dead workers that are void.
fn entries(events: &[LedgerEvent]) -> Vec<Entry<'_>> {
    let (mut lost, mut entries) = (LostCalls::default(), Vec::new());
    for event in events {
        lost.note(event);
        for call in &event.calls {
            if call.is_lost() {
                entries.extend(lost.keep(event, (event, call)));
            } else {
                entries.push((event, call));
            }
        }
    }
    entries.extend(lost.end().0);
    entries
}

/// The picture of each run: the one that was ordered, or else one that the provider was shown.
fn pictures<'a>(
    evidence: &Evidence,
    entries: &[Entry<'a>],
    logged: &HashMap<&str, &SandboxCall>,
) -> HashMap<&'a str, String> {
    let mut pictures = HashMap::new();
    let sheets = evidence.sheets.values();
    let ordered: HashMap<&str, Option<&String>> = sheets
        .map(|sheet| (sheet.run.as_str(), sheet.sha256.as_ref()))
        .collect();
    for (event, call) in entries {
        let run = event.run.as_str();
        let shown = logged.get(call.request_id.as_deref().unwrap_or_default());
        let shown = shown.and_then(|call| call.subject.as_ref());
        let ordered = ordered.get(run).copied().flatten();
        if let Some(picture) = ordered.or(shown) {
            pictures.insert(run, picture.clone());
        }
    }
    pictures
}

/// An account is called as its stage is.
fn stage(call: &LedgerCall) -> Stage {
    if call.account.as_str() == Stage::Verification.as_str() {
        Stage::Verification
    } else {
        Stage::Recognition
    }
}

fn subject(stage: Stage, picture: Option<&String>) -> String {
    format!("{stage} {}", picture.map_or("?", String::as_str))
}

fn named((event, call): Entry<'_>) -> String {
    let job = event.job_id.as_deref().unwrap_or(&event.run);
    format!("{job} {} {}", call.account, call.code)
}
