//! Our calls held against a statement: which are only ours, only theirs, or differ. Pure.

use super::statement::StatementRow;
use crate::domain::account::AccountName;
use crate::domain::failure::Billed;
use crate::ledger::reading::{LedgerPeriod, LostCalls};
use crate::ledger::{LedgerCall, LedgerEvent};
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Serialize;

/// More differences than a person reads; the sums are of all.
const MOST_LISTED: usize = 10_000;

/// Which id of a call the statement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StatementId {
    /// The provider's own, as in a result's calls
    RequestId,
    /// The ledger's
    CallId,
}

/// The calls to compare, and how.
#[derive(Clone, Debug)]
pub(super) struct Comparing {
    pub(super) id: StatementId,
    /// `None`: calls with any account.
    pub(super) account: Option<AccountName>,
    pub(super) period: LedgerPeriod,
    /// Times that differ by no more are the same.
    pub(super) tolerance: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DifferenceKind {
    OnlyOurs,
    OnlyTheirs,
    Differing,
}

/// A call that is not the same in the ledger and in the statement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct CallDifference {
    pub(super) kind: DifferenceKind,
    pub(super) id: String,
    pub(super) why: String,
    pub(super) code: Option<String>,
    pub(super) at: Option<Timestamp>,
    pub(super) their_time: Option<Timestamp>,
    #[serde(serialize_with = "as_text")]
    pub(super) price: Option<Decimal>,
    #[serde(serialize_with = "as_text")]
    pub(super) their_price: Option<Decimal>,
    /// The line of the statement.
    pub(super) line: Option<usize>,
}

/// How many, and what they come to on either side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct SideSums {
    pub(super) calls: u64,
    #[serde(serialize_with = "decimal_text")]
    pub(super) ours: Decimal,
    #[serde(serialize_with = "decimal_text")]
    pub(super) theirs: Decimal,
}

#[derive(Debug)]
pub(super) struct Reconciliation<'a> {
    comparing: &'a Comparing,
    rows: &'a [StatementRow],
    /// The rows in the order of their ids, those of one id as they are in the statement. A map would
    /// take several times as much memory, and a statement may have millions of rows.
    by_id: Vec<usize>,
    /// For each row, whether a call was found for it.
    is_found: Vec<bool>,
    lost: LostCalls<Option<Decimal>>,
    pub(super) matching: SideSums,
    pub(super) only_ours: SideSums,
    pub(super) only_theirs: SideSums,
    pub(super) differing: SideSums,
    pub(super) differences: Vec<CallDifference>,
    /// Differences that are not listed.
    pub(super) unlisted: u64,
    /// Our paid calls without the id by which they could be found.
    pub(super) without_id: SideSums,
    /// Calls of which it is not known whether they are billed, and that the statement does not have.
    pub(super) unknown: SideSums,
}

impl<'a> Reconciliation<'a> {
    pub(super) fn new(comparing: &'a Comparing, rows: &'a [StatementRow]) -> Self {
        let mut by_id: Vec<usize> = (0..rows.len()).collect();
        by_id.sort_by_key(|index| &rows[*index].id);
        Self {
            comparing,
            rows,
            by_id,
            is_found: vec![false; rows.len()],
            lost: LostCalls::default(),
            matching: SideSums::default(),
            only_ours: SideSums::default(),
            only_theirs: SideSums::default(),
            differing: SideSums::default(),
            differences: Vec::new(),
            unlisted: 0,
            without_id: SideSums::default(),
            unknown: SideSums::default(),
        }
    }

    pub(super) fn add(&mut self, event: &LedgerEvent) {
        self.lost.note(event);
        let account = self.comparing.account;
        let concerned = |call: &&LedgerCall| account.is_none_or(|account| call.account == account);
        for call in event.calls.iter().filter(concerned) {
            let is_within = self.comparing.period.contains(call.at);
            let price = call.price.as_ref().map(|price| price.price);
            if call.is_lost() {
                if is_within && let Some(price) = self.lost.keep(event, price) {
                    self.unknown.add(price, None);
                }
                continue;
            }
            let id = match self.comparing.id {
                StatementId::RequestId => call.request_id.as_deref(),
                StatementId::CallId => Some(call.id.as_str()),
            };
            match id.and_then(|id| self.first_row(id)) {
                Some(index) if !self.is_found[index] => {
                    self.is_found[index] = true;
                    self.compare(call, price, &self.rows[index]);
                }
                _ if is_within => self.missing(call, id, price),
                _ => {}
            }
        }
    }

    /// The first row of this id.
    fn first_row(&self, id: &str) -> Option<usize> {
        let rows = self.rows;
        let place = self.by_id.partition_point(|index| *rows[*index].id < *id);
        let index = *self.by_id.get(place)?;
        (*rows[index].id == *id).then_some(index)
    }

    fn compare(&mut self, call: &LedgerCall, price: Option<Decimal>, row: &StatementRow) {
        let mut why = Vec::new();
        if call.billed == Billed::No {
            why.push("is billed, and should be free");
        }
        let is_paid = call.billed != Billed::No;
        if is_paid
            && price
                .zip(row.price)
                .is_some_and(|(ours, theirs)| ours != theirs)
        {
            why.push("another price");
        }
        let far = |time: Timestamp| time.duration_since(call.at).abs() > self.comparing.tolerance;
        if row.time.is_some_and(far) {
            why.push("another time");
        }
        let ours = price.filter(|_| is_paid);
        if why.is_empty() {
            self.matching.add(ours, row.price);
            return;
        }
        self.differing.add(ours, row.price);
        let why = why.join(", ");
        self.list(
            DifferenceKind::Differing,
            &row.id,
            &why,
            Some((call, ours)),
            Some(row),
        );
    }

    /// The statement does not have our call, or has it for another one.
    fn missing(&mut self, call: &LedgerCall, id: Option<&str>, price: Option<Decimal>) {
        match (call.billed, id) {
            (Billed::No, _) => {}
            (Billed::Unknown, _) => self.unknown.add(price, None),
            (Billed::Yes, None) => self.without_id.add(price, None),
            (Billed::Yes, Some(id)) => {
                self.only_ours.add(price, None);
                let why = "is not in the statement";
                self.list(DifferenceKind::OnlyOurs, id, why, Some((call, price)), None);
            }
        }
    }

    /// All is read: what no call was found for is only theirs.
    pub(super) fn end(&mut self) {
        let rows = self.rows;
        for (index, row) in rows.iter().enumerate() {
            let why = match self.first_row(&row.id) {
                Some(first) if first != index => "is listed twice",
                _ if !self.is_found[index] => "is not in the ledger",
                _ => continue,
            };
            self.only_theirs.add(None, row.price);
            self.list(DifferenceKind::OnlyTheirs, &row.id, why, None, Some(row));
        }
        let (lost, _) = std::mem::take(&mut self.lost).end();
        for price in lost {
            self.unknown.add(price, None);
        }
        self.differences.sort_by_key(|difference| difference.kind);
    }

    fn list(
        &mut self,
        kind: DifferenceKind,
        id: &str,
        why: &str,
        ours: Option<(&LedgerCall, Option<Decimal>)>,
        theirs: Option<&StatementRow>,
    ) {
        if self.differences.len() == MOST_LISTED {
            self.unlisted += 1;
            return;
        }
        self.differences.push(CallDifference {
            kind,
            id: id.to_owned(),
            why: why.to_owned(),
            code: ours.map(|(call, _)| call.code.clone()),
            at: ours.map(|(call, _)| call.at),
            their_time: theirs.and_then(|row| row.time),
            price: ours.and_then(|(_, price)| price),
            their_price: theirs.and_then(|row| row.price),
            line: theirs.map(|row| row.line),
        });
    }

    pub(super) fn agrees(&self) -> bool {
        let differing = [self.only_ours, self.only_theirs, self.differing];
        differing.iter().all(|sums| sums.calls == 0)
    }
}

impl SideSums {
    fn add(&mut self, ours: Option<Decimal>, theirs: Option<Decimal>) {
        self.calls += 1;
        self.ours = self.ours.saturating_add(ours.unwrap_or_default());
        self.theirs = self.theirs.saturating_add(theirs.unwrap_or_default());
    }
}

impl DifferenceKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::OnlyOurs => "only ours",
            Self::OnlyTheirs => "only theirs",
            Self::Differing => "differing",
        }
    }
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn as_text<S: serde::Serializer>(price: &Option<Decimal>, to: S) -> Result<S::Ok, S::Error> {
    match price {
        Some(price) => to.collect_str(price),
        None => to.serialize_none(),
    }
}

fn decimal_text<S: serde::Serializer>(price: &Decimal, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(price)
}
