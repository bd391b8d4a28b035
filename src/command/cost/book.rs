//! Adds up the events of a period: all together, and by one property of the calls. Pure, and
//! bounded in memory.

use crate::command::call_sums::{BookedCall, CallKind, CostSums};
use crate::domain::failure::{Billed, cut};
use crate::domain::result::Status;
use crate::ledger::reading::{LedgerPeriod, LostCalls};
use crate::ledger::{CallPrice, Ending, LedgerCall, LedgerEvent};
use crate::seen_ids::SeenIds;
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Days, accounts, codes and submitters are few, unless someone else writes to the stream.
const MOST_GROUPS: usize = 10_000;
const MOST_GROUP_BYTES: usize = 64;
/// Runs that had calls and are not answered yet.
const MOST_OPEN: usize = 250_000;
/// Prices that are kept once for all calls.
const SHARED_PRICES: usize = 16;
const ALL_OTHERS: &str = "(all others)";
const NOT_ANSWERED: &str = "not answered yet";
const NO_SUBMITTER: &str = "(none)";
const NO_CALL: &str = "(none: checkpoint)";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CostBy {
    /// The day of the call, in policy.timezone
    Day,
    Account,
    /// The code of the answer
    Code,
    Submitter,
    /// How the job ended
    Status,
}

impl CostBy {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Account => "account",
            Self::Code => "code",
            Self::Submitter => "submitter",
            Self::Status => "status",
        }
    }

    /// Whether what is paid is for the jobs that were answered.
    pub(super) fn has_answered(self) -> bool {
        self != Self::Code
    }
}

/// Collects the calls of a period.
#[derive(Debug)]
pub(super) struct CostBook {
    by: Option<CostBy>,
    period: LedgerPeriod,
    zone: TimeZone,
    sums: CostSums,
    groups: BTreeMap<String, CostSums>,
    /// The calls of runs that are not answered yet, where status groups them.
    open: HashMap<String, Vec<BookedCall>>,
    /// The ends of runs with lost calls, where status groups them.
    ended: HashMap<String, Option<Status>>,
    lost: LostCalls<LostBooking>,
    answered: SeenIds,
    prices: Vec<Rc<CallPrice>>,
    left_out: u64,
}

/// A call that may not have been made.
#[derive(Debug)]
struct LostBooking {
    run: String,
    group: String,
    call: BookedCall,
}

/// The sums of all.
#[derive(Debug)]
pub(super) struct CostReport {
    pub(super) by: Option<CostBy>,
    pub(super) sums: CostSums,
    pub(super) groups: BTreeMap<String, CostSums>,
    /// Lost calls that were not made.
    pub(super) void: u64,
    /// Calls that were made and are listed nowhere.
    pub(super) left_out: u64,
}

impl CostBook {
    pub(super) fn new(by: Option<CostBy>, period: LedgerPeriod, zone: TimeZone) -> Self {
        Self {
            by,
            period,
            zone,
            sums: CostSums::default(),
            groups: BTreeMap::new(),
            open: HashMap::new(),
            ended: HashMap::new(),
            lost: LostCalls::default(),
            answered: SeenIds::default(),
            prices: Vec::new(),
            left_out: 0,
        }
    }

    pub(super) fn add(&mut self, event: &LedgerEvent) {
        self.lost.note(event);
        for call in &event.calls {
            if self.period.contains(call.at) {
                self.add_call(event, call);
            }
        }
        let is_answered = is_answer(event) && self.answered.insert(&event.run);
        if self.period.contains(event.at) {
            self.left_out += u64::from(event.calls_left_out);
            for hit in &event.hits {
                let group = self.group(event, &hit.account.to_string(), NO_CALL, event.at);
                let call = BookedCall {
                    kind: CallKind::Saved,
                    price: self.shared(hit.saved.as_ref()),
                };
                self.book(&event.run, &group, call);
            }
            if is_answered {
                self.sums.answered += 1;
                if self
                    .by
                    .is_some_and(|by| !matches!(by, CostBy::Code | CostBy::Account))
                {
                    let group = self.group(event, "", "", event.at);
                    self.group_sums(&group).answered += 1;
                }
            }
        }
        if let Some(status) = event.status.filter(|_| self.by == Some(CostBy::Status)) {
            for call in self.open.remove(&event.run).unwrap_or_default() {
                self.group_sums(status.as_str()).add(&call);
            }
            if let Some(ended) = self.ended.get_mut(&event.run) {
                *ended = Some(status);
            }
        }
    }

    fn add_call(&mut self, event: &LedgerEvent, call: &LedgerCall) {
        let group = self.group(event, &call.account.to_string(), &call.code, call.at);
        let booked = BookedCall {
            kind: match call.billed {
                Billed::Yes => CallKind::Paid,
                Billed::No => CallKind::Free,
                Billed::Unknown => CallKind::Unknown,
            },
            price: self.shared(call.price.as_ref()),
        };
        if !call.is_lost() {
            return self.book(&event.run, &group, booked);
        }
        if self.by == Some(CostBy::Status) && self.ended.len() < MOST_OPEN {
            self.ended.insert(event.run.clone(), event.status);
        }
        let lost = LostBooking {
            run: event.run.clone(),
            group,
            call: booked,
        };
        if let Some(lost) = self.lost.keep(event, lost) {
            self.book_lost(lost);
        }
    }

    /// The group of a call; empty where it is known once its job is answered.
    fn group(&self, event: &LedgerEvent, account: &str, code: &str, at: Timestamp) -> String {
        let group = match self.by {
            None => "",
            Some(CostBy::Day) => return at.to_zoned(self.zone.clone()).date().to_string(),
            Some(CostBy::Account) => account,
            Some(CostBy::Code) => code,
            Some(CostBy::Submitter) => event.submitter.as_deref().unwrap_or(NO_SUBMITTER),
            Some(CostBy::Status) => event.status.map_or("", Status::as_str),
        };
        cut(group, MOST_GROUP_BYTES).to_owned()
    }

    fn book(&mut self, run: &str, group: &str, call: BookedCall) {
        self.sums.add(&call);
        match self.by {
            None => {}
            Some(CostBy::Status) if group.is_empty() => {
                if self.open.len() < MOST_OPEN || self.open.contains_key(run) {
                    self.open.entry(run.to_owned()).or_default().push(call);
                } else {
                    self.group_sums(NOT_ANSWERED).add(&call);
                }
            }
            Some(_) => self.group_sums(group).add(&call),
        }
    }

    fn book_lost(&mut self, lost: LostBooking) {
        let LostBooking { run, group, call } = lost;
        let ended = self.ended.get(&run).copied().flatten();
        let group = if group.is_empty() {
            ended.map_or("", Status::as_str)
        } else {
            &group
        };
        self.book(&run, group, call);
    }

    fn group_sums(&mut self, group: &str) -> &mut CostSums {
        let is_full = self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(group);
        let group = if is_full { ALL_OTHERS } else { group };
        self.groups.entry(group.to_owned()).or_default()
    }

    /// A price is kept once for many calls.
    fn shared(&mut self, price: Option<&CallPrice>) -> Option<Rc<CallPrice>> {
        let price = price?;
        if let Some(shared) = self.prices.iter().find(|shared| ***shared == *price) {
            return Some(Rc::clone(shared));
        }
        let shared = Rc::new(price.clone());
        if self.prices.len() < SHARED_PRICES {
            self.prices.push(Rc::clone(&shared));
        }
        Some(shared)
    }

    pub(super) fn end(mut self) -> CostReport {
        let (lost, void) = std::mem::take(&mut self.lost).end();
        for lost in lost {
            self.book_lost(lost);
        }
        for call in std::mem::take(&mut self.open).into_values().flatten() {
            self.group_sums(NOT_ANSWERED).add(&call);
        }
        if self.by == Some(CostBy::Account) {
            let answered = self.sums.answered;
            for sums in self.groups.values_mut() {
                sums.answered = answered;
            }
        }
        CostReport {
            by: self.by,
            sums: self.sums,
            groups: self.groups,
            void,
            left_out: self.left_out,
        }
    }
}

/// Whether a run was answered in this turn, or in one whose worker died before it had told of it.
fn is_answer(event: &LedgerEvent) -> bool {
    let is_late = event.ending == Ending::Replayed && event.redelivered;
    event.ending == Ending::Answered || is_late
}
