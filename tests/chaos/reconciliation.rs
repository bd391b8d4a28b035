//! Holds the workers' ledger against the provider's own log. Each paid call of the log is in the
//! ledger, by the id of its answer. One that is not was in the air when its worker was killed, or was
//! answered after its worker had given up; then an entry of the ledger about the same picture says
//! that a call may be billed. A turn that the stream did not take within its time is in a worker's log
//! and not in the ledger: the ledger holds no job up.

pub(crate) mod check;

use super::call_log::Account;
use super::logs::LogCounts;
use super::verdict::{Charge, Evidence};
use invoice_worker::dev::sandbox::SandboxCall;
use invoice_worker::domain::failure::{Billed, Stage};
use invoice_worker::ledger::reading::LostCalls;
use invoice_worker::ledger::{LedgerCall, LedgerEvent};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// By the worker's clock a call begins so little earlier than by the provider's.
const SAME_CALL: Duration = Duration::from_secs(5);

/// What both sides have, in figures, and what nothing explains.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    /// Paid calls, by the provider's log.
    pub(crate) paid: usize,
    /// Those of them that the ledger has by their ids.
    pub(crate) known: usize,
    /// Those that were in the air at a kill, each with its entry.
    pub(crate) in_the_air: usize,
    /// Those that were in the air at a kill and have no entry of their own: a worker can die twice with
    /// a job, or with one copy of it, and the ledger lists at most one call for each death.
    pub(crate) unmarked: usize,
    /// Those that were answered after the worker had given up, each with its entry.
    pub(crate) too_late: usize,
    /// Those that the breaker made to find out whose fault a streak is: they belong to no job.
    pub(crate) control_calls: usize,
    /// Those of turns that the stream did not take, as a worker's log says.
    pub(crate) not_taken: usize,
    /// Those of a worker that was killed with one copy of a message, while another copy was answered:
    /// the ledger takes both for the same turn.
    pub(crate) of_copies: usize,
    /// Entries for calls that dead workers may have made, and that the log does not have.
    pub(crate) not_made: usize,
    pub(crate) charges: Vec<Charge>,
}

/// An entry of the ledger: a call, and the event that tells of it.
type Entry<'a> = (&'a LedgerEvent, &'a LedgerCall);

/// What else is known of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// When the log begins to count.
    pub(crate) began: Timestamp,
    pub(crate) workers: &'a LogCounts,
}

/// Calls and entries about one picture that have no partner with the same id.
#[derive(Debug, Default)]
struct Unmatched<'a> {
    /// Calls that are paid, and others that may be.
    calls: Vec<&'a SandboxCall>,
    /// When the calls began of which the ledger says that they had no answer.
    unanswered: Vec<Timestamp>,
    /// Entries for calls of dead workers.
    lost: usize,
}

/// By stage and the picture's SHA-256. `None`: which picture the entry is about is not known.
type BySubject<'a> = BTreeMap<(Stage, Option<String>), Unmatched<'a>>;

/// `log` are the provider's calls.
pub(crate) fn reconcile<'a>(
    evidence: &Evidence,
    log: impl Iterator<Item = &'a SandboxCall>,
    events: &[LedgerEvent],
    circumstances: Circumstances<'_>,
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
            unmatched.entry(subject).or_default().calls.push(call);
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
                if call.is_lost() {
                    of.lost += 1;
                } else {
                    of.unanswered.push(call.at);
                }
            }
            Billed::Yes | Billed::Unknown | Billed::No => {}
        }
    }
    let lacking = both.explain(evidence, &unmatched, circumstances.began);
    let untold = untold(evidence, events, circumstances.workers);
    let is_untold = |call: &&SandboxCall| {
        let picture = call.subject.as_ref();
        picture.is_some_and(|picture| untold.contains(picture))
    };
    let (not_taken, lacking): (Vec<_>, Vec<_>) = lacking.into_iter().partition(is_untold);
    let is_of_a_copy = |call: &&SandboxCall| is_of_a_copy(evidence, call);
    let (of_copies, missing): (Vec<_>, Vec<_>) = lacking.into_iter().partition(is_of_a_copy);
    both.of_copies = of_copies.len();
    both.not_taken = not_taken.len();
    let jobs = |call: &SandboxCall| {
        let subject = call.subject.as_deref().unwrap_or("?");
        let jobs = jobs_about(evidence, subject).join(", ");
        format!("{} {subject} asked at {:.1?} ({jobs})", call.stage, call.at)
    };
    let mut missing: Vec<String> = missing.into_iter().map(jobs).collect();
    both.control_calls = missing.len().min(circumstances.workers.control_calls());
    missing.drain(..both.control_calls);
    let more = unmatched
        .iter()
        .filter(|(_, of)| of.unanswered.len() > of.calls.len());
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
    /// The calls that no entry without an answer is about: each entry is that of the call that began
    /// next to it.
    fn without_entry(&self, began: Timestamp) -> Vec<&'a SandboxCall> {
        let mut pairs: Vec<(Duration, usize, usize)> = Vec::new();
        for (call, asked) in self.calls.iter().enumerate() {
            for (entry, told) in self.unanswered.iter().enumerate() {
                let told = Duration::try_from(told.duration_since(began)).unwrap_or_default();
                pairs.push((told.abs_diff(asked.at), call, entry));
            }
        }
        pairs.retain(|(apart, ..)| *apart < SAME_CALL);
        pairs.sort_unstable();
        let (mut calls, mut entries) = (BTreeSet::new(), BTreeSet::new());
        for (_, call, entry) in pairs {
            if !calls.contains(&call) && !entries.contains(&entry) {
                calls.insert(call);
                entries.insert(entry);
            }
        }
        let all = self.calls.iter().enumerate();
        let without = all.filter(|(call, _)| !calls.contains(call));
        without.map(|(_, call)| *call).collect()
    }
}

impl Reconciliation {
    /// Pairs what is left, picture by picture, and returns the paid calls that nothing explains.
    fn explain<'a>(
        &mut self,
        evidence: &Evidence,
        unmatched: &BySubject<'a>,
        began: Timestamp,
    ) -> Vec<&'a SandboxCall> {
        let mut unexplained = Vec::new();
        for ((stage, picture), of) in unmatched {
            let key = picture.clone().map(|picture| (*stage, picture));
            let account = key.and_then(|key| evidence.accounts.get(&key)).cloned();
            let account: Account = account.unwrap_or_default();
            let is_paid = |call: &&&SandboxCall| call.billed == Billed::Yes;
            let without = of.without_entry(began);
            let paid = without.iter().filter(is_paid).count();
            self.too_late += of.calls.iter().filter(is_paid).count() - paid;
            let mut lost = of.lost;
            for call in without.iter().filter(is_paid) {
                let is_met = evidence.is_met(&account, call.at, Duration::MAX);
                if is_met && take(&mut lost) {
                    self.in_the_air += 1;
                } else if is_met {
                    self.unmarked += 1;
                } else {
                    unexplained.push(*call);
                }
            }
            self.not_made += lost;
        }
        unexplained
    }
}

/// The pictures of runs of which a worker's log has more turns than the ledger, where a worker says
/// that the ledger could not be written.
fn untold(evidence: &Evidence, events: &[LedgerEvent], workers: &LogCounts) -> BTreeSet<String> {
    if !workers.could_not_write() {
        return BTreeSet::new();
    }
    let mut told: HashMap<&str, usize> = HashMap::new();
    for event in events {
        *told.entry(&event.run).or_default() += 1;
    }
    let sheets = evidence.sheets.values();
    let untold = sheets.filter(|sheet| {
        let told = told.get(sheet.run.as_str()).copied().unwrap_or_default();
        workers.turns.get(&sheet.run).copied().unwrap_or_default() > told
    });
    untold.filter_map(|sheet| sheet.sha256.clone()).collect()
}

/// Whether a message about this picture was, or may have been, submitted twice at the same time, and a
/// worker was killed after the call.
fn is_of_a_copy(evidence: &Evidence, call: &SandboxCall) -> bool {
    let picture = call.subject.clone().unwrap_or_default();
    let copies = evidence.allowed.get(&(Stage::Recognition, picture));
    let is_twice = copies.is_some_and(|copies| *copies > 1);
    is_twice && evidence.kills.iter().any(|kill| *kill >= call.at)
}

fn jobs_about<'a>(evidence: &'a Evidence, picture: &str) -> Vec<&'a str> {
    let sheets = evidence.sheets.values();
    let about = sheets.filter(|sheet| sheet.sha256.as_deref() == Some(picture));
    about.map(|sheet| sheet.order.job_id.as_str()).collect()
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
