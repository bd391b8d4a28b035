//! The provider's own log: the sandbox's record of calls, copied from time to time, because it
//! forgets calls that are long past, and the judge wants all of them.

use super::faults::VERDICTS;
use invoice_worker::dev::sandbox::{CallLog, SandboxCall};
use invoice_worker::domain::failure::{Billed, Stage};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct ProviderLog(HashMap<(Duration, Stage, Option<String>, u32), SandboxCall>);

/// One good answer that was sent in full, and paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Purchase {
    pub(crate) asked: Duration,
    pub(crate) answered: Duration,
}

/// What was bought about one picture at one stage, in the order of asking, and when the first of it
/// was safe in the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) purchases: Vec<Purchase>,
    pub(crate) stored: Vec<Duration>,
    /// Calls that were given no answer for as long as somebody waited for one.
    pub(crate) unanswered: usize,
}

/// By stage and the picture's SHA-256.
pub(crate) type Accounts = BTreeMap<(Stage, String), Account>;

impl ProviderLog {
    pub(crate) fn copy(&mut self, calls: &CallLog) {
        for call in calls.all() {
            self.0
                .insert((call.at, call.stage, call.subject.clone(), call.nth), call);
        }
    }

    pub(crate) fn accounts(&self) -> Accounts {
        let mut accounts = Accounts::new();
        for call in self.0.values() {
            let Some(subject) = &call.subject else {
                continue;
            };
            let ended = call.at + call.took;
            match call.stage {
                Stage::Recognition | Stage::Verification if is_good(call) => {
                    let account = accounts.entry((call.stage, subject.clone())).or_default();
                    account.purchases.push(Purchase {
                        asked: call.at,
                        answered: ended,
                    });
                }
                Stage::Recognition | Stage::Verification if is_unanswered(call) => {
                    accounts
                        .entry((call.stage, subject.clone()))
                        .or_default()
                        .unanswered += 1;
                }
                _ => {}
            }
        }
        for (key, stored) in self.writes() {
            accounts.entry(key).or_default().stored.extend(stored);
        }
        for account in accounts.values_mut() {
            account.purchases.sort_unstable();
        }
        accounts
    }

    /// When a checkpoint of each key was written, in order.
    ///
    /// A write whose answer broke was carried out, or was refused because an object stood there
    /// already, which may be a stranger's. The next write tells: it is accepted only if the object
    /// that stands is none of ours.
    fn writes(&self) -> BTreeMap<(Stage, String), BTreeSet<Duration>> {
        let mut writes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for call in self.0.values().filter(|call| call.stage == Stage::Storage) {
            let is_broken = match call.answer.as_str() {
                "200" | "slow" => false,
                "closed" | "reset" | "timeout" => true,
                _ => continue,
            };
            if let Some(key) = call.subject.as_deref().and_then(checkpoint) {
                let write = (call.at + call.took, is_broken);
                writes.entry(key).or_default().insert(write);
            }
        }
        let stored = writes.into_iter().map(|(key, writes)| {
            let accepted = writes.iter().rfind(|(_, is_broken)| !is_broken);
            let last_accepted = accepted.map_or(Duration::ZERO, |(at, _)| *at);
            let is_stored = |(at, is_broken): &(Duration, bool)| !is_broken || *at > last_accepted;
            let stored = writes.into_iter().filter(is_stored).map(|(at, _)| at);
            (key, stored.collect())
        });
        stored.collect()
    }

    /// The calls of the providers.
    pub(crate) fn provider_calls(&self) -> impl Iterator<Item = &SandboxCall> {
        let calls = self.0.values();
        calls.filter(|call| matches!(call.stage, Stage::Recognition | Stage::Verification))
    }

    /// Stages of which the sandbox counted more calls than are known here.
    pub(crate) fn gaps(&self, calls: &CallLog) -> Vec<String> {
        let known = |stage| self.0.values().filter(|call| call.stage == stage).count() as u64;
        let counted =
            [Stage::Recognition, Stage::Verification].map(|stage| (stage, calls.count(stage)));
        let gaps = counted
            .into_iter()
            .filter(|(stage, count)| known(*stage) + u64::from(count.in_flight) < count.calls);
        gaps.map(|(stage, count)| format!("{} of {} {stage}", known(stage), count.calls))
            .collect()
    }

    /// Calls that were answered otherwise than they deserve, by stage and answer; and all calls by
    /// stage.
    pub(crate) fn faults(&self) -> (BTreeMap<(Stage, String), usize>, BTreeMap<Stage, usize>) {
        let (mut faults, mut calls) = (BTreeMap::new(), BTreeMap::new());
        for call in self.0.values() {
            *calls.entry(call.stage).or_default() += 1;
            let is_what_it_deserves = match call.stage {
                Stage::Storage => matches!(call.answer.as_str(), "200" | "204" | "404" | "412"),
                _ => is_good(call),
            };
            if !is_what_it_deserves {
                *faults.entry((call.stage, call.answer.clone())).or_default() += 1;
            }
        }
        (faults, calls)
    }
}

fn is_good(call: &SandboxCall) -> bool {
    match call.stage {
        Stage::Recognition => call.answer == "200",
        Stage::Verification => call.answer == "OK" || VERDICTS.contains(&call.answer.as_str()),
        Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => false,
    }
}

fn is_unanswered(call: &SandboxCall) -> bool {
    matches!(call.answer.as_str(), "timeout" | "abandoned")
}

/// `put checkpoints/verification/2026-11-22/<sha>.json`: whose purchase it keeps.
fn checkpoint(subject: &str) -> Option<(Stage, String)> {
    let name = subject
        .strip_prefix("put checkpoints/")?
        .strip_suffix(".json")?;
    let (kind, rest) = name.split_once('/')?;
    let sha256 = rest.rsplit('/').next()?.to_owned();
    match kind {
        "recognition" => Some((Stage::Recognition, sha256)),
        "verification" => Some((Stage::Verification, sha256)),
        _ => None,
    }
}

/// # Panics
/// A write that was refused counts as one that was carried out, or the other way round.
pub(crate) fn check() {
    for (answers, stored) in [
        (&["200"][..], &[1][..]),
        (&["closed"], &[1]),
        (&["closed", "412"], &[1]),
        (&["412", "200"], &[2]),
        (&["reset", "200"], &[2]),
        (&["slow", "timeout"], &[1, 2]),
        (&["500", "503"], &[]),
    ] {
        let writes = answers.iter().zip(1..).map(|(answer, second)| SandboxCall {
            stage: Stage::Storage,
            subject: Some("put checkpoints/recognition/abc.json".to_owned()),
            nth: second,
            answer: (*answer).to_owned(),
            billed: Billed::No,
            request_id: None,
            bytes: None,
            at: Duration::from_secs(second.into()),
            took: Duration::ZERO,
        });
        let keyed =
            writes.map(|call| ((call.at, call.stage, call.subject.clone(), call.nth), call));
        let accounts = ProviderLog(keyed.collect()).accounts();
        let found = accounts.into_values().flat_map(|account| account.stored);
        let seconds: Vec<_> = found.map(|at| at.as_secs()).collect();
        assert_eq!(seconds, stored, "{answers:?}");
    }
}
