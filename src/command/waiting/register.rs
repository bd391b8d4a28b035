//! Which runs wait, and for what: what the latest event of each says. Pure, and bounded in memory by
//! the number of those that wait.

use crate::domain::failure::cut;
use crate::ledger::{LedgerEvent, Wait};
use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Codes, provinces and accounts are few, unless someone else writes to the stream.
const MOST_GROUPS: usize = 10_000;
const MOST_GROUP_BYTES: usize = 80;
const ALL_OTHERS: &str = "(all others)";
const NOT_KNOWN: &str = "(not known)";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WaitingBy {
    /// Stage and code that they wait for
    Code,
    /// The province of the bill
    Province,
    /// The account that they wait for
    Account,
}

/// The runs that wait.
#[derive(Debug)]
pub(super) struct WaitRegister {
    by: Option<WaitingBy>,
    hasher: RandomState,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    runs: HashMap<u64, WaitingRun>,
}

/// Times in seconds, so that a million take 86 MiB.
#[derive(Clone, Copy, Debug)]
struct WaitingRun {
    group: u32,
    until: i64,
    deadline: Option<i64>,
}

/// How many wait for the same, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct WaitingGroup {
    pub(super) group: String,
    pub(super) jobs: u64,
    /// Those of them whose time has come: they are in the due queue, or in hand.
    pub(super) due: u64,
    /// When the next and the last of the others come back.
    pub(super) next: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) nearest_deadline: Option<Timestamp>,
}

impl WaitingBy {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Province => "province",
            Self::Account => "account",
        }
    }
}

impl WaitRegister {
    pub(super) fn new(by: Option<WaitingBy>) -> Self {
        Self {
            by,
            hasher: RandomState::new(),
            names: Vec::new(),
            numbers: HashMap::new(),
            runs: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, event: &LedgerEvent) {
        let run = self.hasher.hash_one(&event.run);
        let Some(wait) = &event.parked else {
            self.runs.remove(&run);
            return;
        };
        let name = match self.by {
            None => String::new(),
            Some(WaitingBy::Code) => format!("{} {}", wait.stage, wait.code),
            Some(WaitingBy::Province) => event.province.clone().unwrap_or_else(|| NOT_KNOWN.into()),
            Some(WaitingBy::Account) => account(event, wait),
        };
        let waiting = WaitingRun {
            group: self.number(cut(&name, MOST_GROUP_BYTES)),
            until: wait.until.as_second(),
            deadline: wait.deadline.map(Timestamp::as_second),
        };
        self.runs.insert(run, waiting);
    }

    /// The number of a group, which is a new one where there is none yet.
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.names.len() > MOST_GROUPS {
            return self.number_of_others();
        }
        self.insert(name)
    }

    fn number_of_others(&mut self) -> u32 {
        let known = self.numbers.get(ALL_OTHERS).copied();
        known.unwrap_or_else(|| self.insert(ALL_OTHERS))
    }

    fn insert(&mut self, name: &str) -> u32 {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// All together, and the groups, the largest first.
    pub(super) fn end(&self, now: Timestamp) -> (WaitingGroup, Vec<WaitingGroup>) {
        let mut groups: Vec<WaitingGroup> = self
            .names
            .iter()
            .map(|name| WaitingGroup::of(name))
            .collect();
        let mut all = WaitingGroup::of("all");
        for run in self.runs.values() {
            all.add(run, now);
            if let Some(group) = groups.get_mut(run.group as usize) {
                group.add(run, now);
            }
        }
        groups.retain(|group| group.jobs > 0);
        groups.sort_by(|one, other| {
            let by_number = other.jobs.cmp(&one.jobs);
            by_number.then_with(|| one.group.cmp(&other.group))
        });
        if self.by.is_none() {
            groups.clear();
        }
        (all, groups)
    }
}

impl WaitingGroup {
    fn of(name: &str) -> Self {
        Self {
            group: name.to_owned(),
            ..Self::default()
        }
    }

    fn add(&mut self, run: &WaitingRun, now: Timestamp) {
        self.jobs += 1;
        let until = Timestamp::from_second(run.until).ok();
        match until {
            Some(until) if until > now => {
                self.next = self.next.into_iter().chain([until]).min();
                self.last = self.last.max(Some(until));
            }
            _ => self.due += 1,
        }
        let deadline = run.deadline.and_then(|at| Timestamp::from_second(at).ok());
        self.nearest_deadline = self.nearest_deadline.into_iter().chain(deadline).min();
    }
}

/// An account is called as its stage is, or is that of the stage's latest call.
fn account(event: &LedgerEvent, wait: &Wait) -> String {
    let latest = event.calls.last().filter(|call| call.code == wait.code);
    latest.map_or_else(
        || wait.stage.as_str().to_owned(),
        |call| call.account.to_string(),
    )
}
