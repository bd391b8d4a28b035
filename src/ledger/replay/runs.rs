//! Brings the events of a ledger together by run, in bounded memory: a run is handed on once it is
//! answered, and the others at the end.

use super::record::{RunAnswer, RunCall, RunEntry, RunRecord, RunWait};
use crate::domain::account::AccountName;
use crate::domain::failure::Stage;
use crate::domain::result::Status;
use crate::ledger::event::{CallPrice, Ending, LedgerCall, LedgerEvent, Wait};
use crate::ledger::reading::{LedgerPeriod, LostCalls};
use crate::seen_ids::SeenIds;
use jiff::SignedDuration;
use std::collections::HashMap;
use std::rc::Rc;

/// Runs that are not answered yet.
const MOST_OPEN: usize = 100_000;
/// Their calls and waits together.
const MOST_ENTRIES: usize = 500_000;
/// Texts that are kept once for all runs: codes, reasons.
const SHARED_TEXTS: usize = 1_000;
const SHARED_PRICES: usize = 16;
/// The stage of an account that the configuration does not have: no call is made at it.
const UNKNOWN_STAGE: Stage = Stage::Worker;

/// Why a run cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOutReason {
    /// Its first turn was before the period.
    BeganBefore,
    /// The ledger does not have each of its turns.
    TurnMissing,
    /// A job keeps its last fifty calls.
    CallsUnlisted,
    /// Two copies of the run were processed, and their calls cannot be told apart.
    TwoCopies,
    /// A call was made with an account that the configuration does not have.
    OtherAccount,
    /// There are too many jobs that are not answered.
    TooMany,
}

impl LeftOutReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeganBefore => "began_before",
            Self::TurnMissing => "turn_missing",
            Self::CallsUnlisted => "calls_unlisted",
            Self::TwoCopies => "two_copies",
            Self::OtherAccount => "other_account",
            Self::TooMany => "too_many",
        }
    }
}

/// The outcome of an event.
#[derive(Debug, PartialEq)]
pub enum RunNews {
    /// A run was answered.
    Ended(RunRecord),
    /// A run is left out from now on.
    LeftOut(LeftOutReason),
    /// Calls that are left out: of such a run, or made after its answer.
    CallsLeftOut(Vec<RunCall>),
}

/// The runs of a period.
#[derive(Debug)]
pub struct RunBook {
    period: LedgerPeriod,
    stages: Vec<(AccountName, Stage)>,
    /// The shortest delay of a parked job.
    shortest_delay: SignedDuration,
    open: HashMap<String, OpenRun>,
    entries: usize,
    /// Runs that were answered, and those that are left out.
    answered: SeenIds,
    left_out: SeenIds,
    lost: LostCalls<()>,
    texts: HashMap<String, Rc<str>>,
    prices: Vec<Rc<CallPrice>>,
}

#[derive(Debug)]
struct OpenRun {
    record: RunRecord,
    next_turn: u32,
}

impl RunBook {
    /// The runs that begin in this period, with the stage of each account. A wait that is longer
    /// than the shortest delay may be several hops, each of which counts as a turn.
    pub fn new(
        period: LedgerPeriod,
        stages: Vec<(AccountName, Stage)>,
        shortest_delay: SignedDuration,
    ) -> Self {
        Self {
            period,
            stages,
            shortest_delay,
            open: HashMap::new(),
            entries: 0,
            answered: SeenIds::default(),
            left_out: SeenIds::default(),
            lost: LostCalls::default(),
            texts: HashMap::new(),
            prices: Vec::new(),
        }
    }

    /// Takes one event, in the order of the ledger.
    pub fn add(&mut self, event: &LedgerEvent) -> Vec<RunNews> {
        self.lost.note(event);
        if !self.period.contains(event.at) {
            return Vec::new();
        }
        let (mut calls, mut lost) = (Vec::new(), Vec::new());
        for call in &event.calls {
            if call.is_lost() && !self.lost.is_void(event, call) {
                lost.push(self.call(call));
            } else if !call.is_lost() {
                calls.push(self.call(call));
            }
        }
        // Of a run that was answered the same bytes may be published again, or another copy be
        // dropped: what that cost is no matter of the policy.
        let is_over = self.left_out.contains(&event.run) || self.answered.contains(&event.run);
        if is_over || (event.ending == Ending::Dropped && calls.is_empty()) {
            calls.append(&mut lost);
            return calls_left_out(calls).into_iter().collect();
        }
        match self.problem(event, &calls) {
            Some(reason) => {
                calls.append(&mut lost);
                self.leave_out(&event.run, reason, calls)
            }
            None => self
                .take(event, calls, lost)
                .map(RunNews::Ended)
                .into_iter()
                .collect(),
        }
    }

    /// The runs that are not answered.
    pub fn end(self) -> impl Iterator<Item = RunRecord> {
        self.open.into_values().map(|run| run.record)
    }

    fn problem(&self, event: &LedgerEvent, calls: &[RunCall]) -> Option<LeftOutReason> {
        let open = self.open.get(&event.run);
        let next_turn = open.map_or(0, |run| run.next_turn);
        let is_told_again = event.turn < next_turn;
        let is_full = self.entries >= MOST_ENTRIES
            || (open.is_none() && self.open.len() >= MOST_OPEN && event.ending == Ending::Parked);
        let began_before = self.period.from.is_some_and(|from| event.first_seen < from);
        if began_before {
            Some(LeftOutReason::BeganBefore)
        } else if event.turn > next_turn && !open.is_some_and(|run| self.may_hop(run)) {
            Some(LeftOutReason::TurnMissing)
        } else if event.calls_left_out > 0 {
            Some(LeftOutReason::CallsUnlisted)
        } else if !calls.is_empty() && (is_told_again || event.ending == Ending::Dropped) {
            Some(LeftOutReason::TwoCopies)
        } else if calls.iter().any(|call| call.stage == UNKNOWN_STAGE) {
            Some(LeftOutReason::OtherAccount)
        } else {
            is_full.then_some(LeftOutReason::TooMany)
        }
    }

    fn may_hop(&self, run: &OpenRun) -> bool {
        let last = run.record.entries.last().and_then(RunEntry::as_wait);
        last.is_some_and(|wait| wait.until.duration_since(wait.at) > self.shortest_delay)
    }

    /// The calls that are known of the run so far are left out as well.
    fn leave_out(&mut self, run: &str, reason: LeftOutReason, calls: Vec<RunCall>) -> Vec<RunNews> {
        self.left_out.insert(&run);
        let mut all = Vec::new();
        if let Some(open) = self.open.remove(run) {
            self.entries -= open.record.entries.len();
            let RunRecord { entries, lost, .. } = open.record;
            all.extend(entries.into_iter().filter_map(RunEntry::into_call));
            all.extend(lost);
        }
        all.extend(calls);
        [RunNews::LeftOut(reason)]
            .into_iter()
            .chain(calls_left_out(all))
            .collect()
    }

    fn take(
        &mut self,
        event: &LedgerEvent,
        calls: Vec<RunCall>,
        lost: Vec<RunCall>,
    ) -> Option<RunRecord> {
        let wait = event.parked.as_ref().map(|wait| self.wait(event, wait));
        let wait = wait.map(|wait| RunEntry::Wait(Box::new(wait)));
        let entries: Vec<RunEntry> = calls.into_iter().map(RunEntry::Call).chain(wait).collect();
        let answer = self.answer(event);
        let mut run = self.open.remove(&event.run).unwrap_or_else(|| OpenRun {
            record: RunRecord {
                first_seen: event.first_seen,
                entries: Vec::new(),
                lost: Vec::new(),
                answer: None,
            },
            next_turn: 0,
        });
        self.entries -= run.record.entries.len();
        run.record.entries.extend(entries);
        run.record.lost.extend(lost);
        if answer.is_some() {
            self.answered.insert(&event.run);
            run.record.answer = answer;
            return Some(run.record);
        }
        run.next_turn = run.next_turn.max(event.turn.saturating_add(1));
        run.record.entries.shrink_to_fit();
        self.entries += run.record.entries.len();
        self.open.insert(event.run.clone(), run);
        None
    }

    fn answer(&mut self, event: &LedgerEvent) -> Option<RunAnswer> {
        if !matches!(event.ending, Ending::Answered | Ending::Replayed) {
            return None;
        }
        let error = event.error.as_ref();
        Some(RunAnswer {
            at: event.at,
            status: event.status.unwrap_or(Status::Undetermined),
            verdict: event.verdict,
            error: error.map(|error| (error.stage, self.text(&error.code))),
        })
    }

    fn call(&mut self, call: &LedgerCall) -> RunCall {
        let mut stages = self.stages.iter();
        let known = stages.find(|(account, _)| *account == call.account);
        RunCall {
            stage: known.map_or(UNKNOWN_STAGE, |(_, stage)| *stage),
            code: self.text(&call.code),
            at: call.at,
            duration_ms: call.duration_ms,
            billed: call.billed,
            price: call.price.as_ref().map(|price| self.price(price)),
        }
    }

    fn wait(&mut self, event: &LedgerEvent, wait: &Wait) -> RunWait {
        RunWait {
            stage: wait.stage,
            code: self.text(&wait.code),
            reason: self.text(&wait.reason),
            at: event.at,
            until: wait.until,
            deadline: wait.deadline,
        }
    }

    fn text(&mut self, text: &str) -> Rc<str> {
        if let Some(shared) = self.texts.get(text) {
            return Rc::clone(shared);
        }
        let shared: Rc<str> = text.into();
        if self.texts.len() < SHARED_TEXTS {
            self.texts.insert(text.to_owned(), Rc::clone(&shared));
        }
        shared
    }

    fn price(&mut self, price: &CallPrice) -> Rc<CallPrice> {
        if let Some(shared) = self.prices.iter().find(|shared| ***shared == *price) {
            return Rc::clone(shared);
        }
        let shared = Rc::new(price.clone());
        if self.prices.len() < SHARED_PRICES {
            self.prices.push(Rc::clone(&shared));
        }
        shared
    }
}

fn calls_left_out(calls: Vec<RunCall>) -> Option<RunNews> {
    (!calls.is_empty()).then_some(RunNews::CallsLeftOut(calls))
}
