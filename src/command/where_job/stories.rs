//! The turns of the jobs that are looked for, by run. Pure, and bounded in memory.

use crate::command::money::MoneySum;
use crate::domain::failure::Billed;
use crate::ledger::reading::LostCalls;
use crate::ledger::{Ending, LedgerEvent, Wait};
use jiff::Timestamp;
use std::collections::VecDeque;

/// A job has a few turns, and a claim a few jobs.
const MOST_EVENTS: usize = 10_000;

/// Which jobs are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobSought {
    Id(String),
    /// A key of the metadata, and its value.
    Metadata(String, String),
}

/// The runs of the jobs that are looked for, in the order in which they began.
#[derive(Debug)]
pub(super) struct JobStories {
    sought: JobSought,
    pub(super) runs: Vec<RunStory>,
    /// Turns whose message was not looked at, because it had killed workers: whose they are is said
    /// by the run's other turns.
    nameless: VecDeque<LedgerEvent>,
    kept: usize,
    /// Turns beyond those that are kept.
    pub(super) left_out: usize,
}

/// One submission of a job.
#[derive(Debug)]
pub(super) struct RunStory {
    pub(super) run: String,
    /// In the order in which they ended.
    pub(super) turns: Vec<LedgerEvent>,
}

/// How a run stands after its latest turn.
#[derive(Debug, PartialEq)]
pub(super) enum RunStand<'a> {
    Answered,
    Waits(&'a Wait),
    /// Another copy was answered.
    Dropped,
}

/// The costs of a run.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RunCosts {
    pub(super) paid: u64,
    pub(super) money: MoneySum,
    pub(super) unknown: u64,
}

impl JobStories {
    pub(super) fn new(sought: JobSought) -> Self {
        Self {
            sought,
            runs: Vec::new(),
            nameless: VecDeque::new(),
            kept: 0,
            left_out: 0,
        }
    }

    pub(super) fn add(&mut self, event: LedgerEvent) {
        if event.job_id.is_none() && !self.has_run(&event.run) {
            if self.nameless.len() == MOST_EVENTS {
                self.nameless.pop_front();
            }
            self.nameless.push_back(event);
        } else if self.is_sought(&event) {
            self.keep(event);
        }
    }

    /// All is read: what had no name gets the one of its run.
    pub(super) fn end(&mut self) {
        for event in std::mem::take(&mut self.nameless) {
            if self.has_run(&event.run) {
                self.keep(event);
            }
        }
        for story in &mut self.runs {
            story.turns.sort_by_key(|turn| turn.at);
        }
        self.runs.sort_by_key(RunStory::first_seen);
    }

    fn is_sought(&self, event: &LedgerEvent) -> bool {
        let is_named = match &self.sought {
            JobSought::Id(id) => event.job_id.as_ref() == Some(id),
            JobSought::Metadata(key, value) => event.metadata.get(key) == Some(value),
        };
        is_named || event.job_id.is_none() && self.has_run(&event.run)
    }

    fn has_run(&self, run: &str) -> bool {
        self.runs.iter().any(|story| story.run == run)
    }

    fn keep(&mut self, event: LedgerEvent) {
        if self.kept == MOST_EVENTS {
            self.left_out += 1;
            return;
        }
        self.kept += 1;
        match self.runs.iter_mut().find(|story| story.run == event.run) {
            Some(story) => story.turns.push(event),
            None => self.runs.push(RunStory {
                run: event.run.clone(),
                turns: vec![event],
            }),
        }
    }
}

impl RunStory {
    pub(super) fn costs(&self) -> RunCosts {
        let (mut costs, mut lost) = (RunCosts::default(), LostCalls::<()>::default());
        for turn in &self.turns {
            lost.note(turn);
        }
        for turn in &self.turns {
            for call in &turn.calls {
                match call.billed {
                    Billed::Yes => {
                        costs.paid += 1;
                        if let Some(price) = &call.price {
                            costs.money.add(price);
                        }
                    }
                    Billed::Unknown => costs.unknown += u64::from(!lost.is_void(turn, call)),
                    Billed::No => {}
                }
            }
        }
        costs
    }

    pub(super) fn first_seen(&self) -> Option<Timestamp> {
        self.turns.iter().map(|turn| turn.first_seen).min()
    }

    pub(super) fn latest(&self) -> Option<&LedgerEvent> {
        self.turns.last()
    }

    /// The latest turn that says so, of all of them.
    pub(super) fn said<T>(&self, say: impl Fn(&LedgerEvent) -> Option<&T>) -> Option<&T> {
        self.turns.iter().rev().find_map(say)
    }

    pub(super) fn stand(&self) -> Option<RunStand<'_>> {
        let latest = self.latest()?;
        Some(match (latest.ending, &latest.parked) {
            (Ending::Parked, Some(wait)) => RunStand::Waits(wait),
            (Ending::Dropped, _) => RunStand::Dropped,
            (Ending::Answered | Ending::Replayed | Ending::Parked, _) => RunStand::Answered,
        })
    }
}
