//! What has been spent of each budget, and what is in the air. Pure.

use super::admission::{Admission, BudgetStanding, FleetPart};
use super::period::BudgetWindow;
use super::price::AccountPrice;
use super::terms::BudgetTerms;
use crate::domain::account::AccountName;
use crate::domain::failure::Billed;
use crate::seen_ids::SeenIds;
use crate::settings::tariff::Currency;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The ledger tells of a call at the end of its job's turn, which comes within minutes. A call that
/// it has not told by then counts as spent for this worker.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// A call that is told again is told again soon: by the worker that published it twice, or by the one
/// that was handed its job next. A set of so many takes some megabytes.
const CALLS_KNOWN: usize = 200_000;
/// Windows are kept for so long from their start: for longer than a month lasts.
const WINDOWS_KEPT: SignedDuration = SignedDuration::from_hours(70 * 24);
/// A worker whose clock is further off takes no jobs: a call of a later time was never made.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(10);

/// A call that the ledger tells of.
#[derive(Clone, Copy, Debug)]
pub struct ToldCall<'a> {
    pub id: &'a str,
    pub account: AccountName,
    pub submitter: &'a str,
    pub at: Timestamp,
    pub billed: Billed,
    pub price: Option<(Decimal, &'a Currency)>,
}

/// The account and the submitter of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallOf<'a> {
    pub(super) account: AccountName,
    pub(super) submitter: &'a str,
}

/// Why a call may not be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    NotNow,
    UsedUp {
        /// The budget that opens last.
        budget: usize,
        until: Timestamp,
    },
}

/// The other workers, as far as this one knows.
#[derive(Clone, Debug)]
pub(super) struct FleetView {
    pub(super) part: FleetPart,
    /// The cost of their calls in the air, by the name of the budget.
    pub(super) in_the_air: BTreeMap<String, Decimal>,
}

/// The spending of one budget in its windows.
#[derive(Debug)]
struct Spending {
    terms: BudgetTerms,
    /// The amounts by the start of their window.
    spent: BTreeMap<Timestamp, Decimal>,
}

#[derive(Debug)]
struct InTheAir {
    shares: Vec<CallShare>,
    /// Once it has ended.
    id: Option<String>,
    since: Timestamp,
}

/// The cost of a call, of one budget.
#[derive(Clone, Copy, Debug)]
struct CallShare {
    budget: usize,
    window: Timestamp,
    cost: Decimal,
}

#[derive(Debug)]
pub(super) struct BudgetBook {
    budgets: Vec<Spending>,
    prices: Vec<AccountPrice>,
    timezone: TimeZone,
    told: SeenIds,
    in_the_air: BTreeMap<u64, InTheAir>,
    next: u64,
}

impl BudgetBook {
    pub(super) fn new(
        terms: Vec<BudgetTerms>,
        prices: Vec<AccountPrice>,
        timezone: TimeZone,
    ) -> Self {
        let budgets = terms.into_iter().map(|terms| Spending {
            terms,
            spent: BTreeMap::new(),
        });
        Self {
            budgets: budgets.collect(),
            prices,
            timezone,
            told: SeenIds::at_least(CALLS_KNOWN),
            in_the_air: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = &BudgetTerms> {
        self.budgets.iter().map(|budget| &budget.terms)
    }

    /// From when on the ledger has to be read, to know what was spent by now.
    pub(super) fn reads_from(&self, now: Timestamp) -> Timestamp {
        let starts = self.terms().map(|terms| self.window(terms, now).start);
        starts.min().unwrap_or(now)
    }

    /// Whether a budget is for such calls.
    pub(super) fn concerns(&self, call: CallOf<'_>) -> bool {
        let mut terms = self.terms();
        terms.any(|terms| terms.concerns(call.account, call.submitter))
    }

    /// Counts a call that the ledger tells of, once. One of this worker is in the air no longer.
    pub(super) fn tell(&mut self, call: &ToldCall<'_>, now: Timestamp) {
        let is_to_come = call.at.duration_since(now) > CLOCKS_DIFFER_BY;
        if is_to_come || !self.told.insert(call.id) {
            return;
        }
        self.in_the_air
            .retain(|_, ours| ours.id.as_deref() != Some(call.id));
        if call.billed == Billed::No {
            return;
        }
        let (account, submitter) = (call.account, call.submitter);
        for share in self.shares(CallOf { account, submitter }, call.at, call.price) {
            self.spend(share, now);
        }
    }

    /// Whether a call may be made now.
    ///
    /// # Errors
    /// [`NotAdmitted`], with what keeps it from being made.
    pub(super) fn look(
        &self,
        call: CallOf<'_>,
        now: Timestamp,
        fleet: &FleetView,
    ) -> Result<(), NotAdmitted> {
        let mut refused = Ok(());
        for share in self.shares(call, now, None) {
            let standing = self.standing(share.budget, now, fleet);
            match (standing.admits(share.cost, fleet.part), &refused) {
                (Admission::Admitted, _) | (Admission::NotNow, Err(_)) => {}
                (Admission::NotNow, Ok(())) => refused = Err(NotAdmitted::NotNow),
                (Admission::UsedUp, before) => {
                    let until = self.window(&self.budgets[share.budget].terms, now).end;
                    let is_later = !matches!(before, Err(NotAdmitted::UsedUp { until: other, .. }) if *other >= until);
                    if is_later {
                        let budget = share.budget;
                        refused = Err(NotAdmitted::UsedUp { budget, until });
                    }
                }
            }
        }
        refused
    }

    /// Takes a call into account that is made now, and returns its number.
    ///
    /// # Errors
    /// As [`BudgetBook::look`].
    pub(super) fn begin(
        &mut self,
        call: CallOf<'_>,
        now: Timestamp,
        fleet: &FleetView,
    ) -> Result<u64, NotAdmitted> {
        self.look(call, now, fleet)?;
        let shares = self.shares(call, now, None);
        self.next += 1;
        let begun = InTheAir {
            shares,
            id: None,
            since: now,
        };
        self.in_the_air.insert(self.next, begun);
        Ok(self.next)
    }

    /// A call has ended. One that is not billed costs nothing; another is in the air until the
    /// ledger tells of it.
    pub(super) fn end(&mut self, number: u64, id: &str, billed: Billed) {
        if billed == Billed::No {
            self.in_the_air.remove(&number);
        } else if let Some(call) = self.in_the_air.get_mut(&number) {
            call.id = Some(id.to_owned());
        }
    }

    /// Counts calls as spent of which the ledger has told nothing for too long.
    pub(super) fn give_up_waiting(&mut self, now: Timestamp) {
        let is_late = |call: &InTheAir| now.duration_since(call.since) > TOLD_WITHIN;
        let late: Vec<u64> = self
            .in_the_air
            .iter()
            .filter(|(_, call)| is_late(call))
            .map(|(number, _)| *number)
            .collect();
        for number in late {
            let Some(call) = self.in_the_air.remove(&number) else {
                continue;
            };
            if let Some(id) = call.id {
                self.told.insert(id.as_str());
            }
            for share in call.shares {
                self.spend(share, now);
            }
        }
    }

    /// The window of a budget now, and its state.
    pub(super) fn standings(
        &self,
        now: Timestamp,
        fleet: &FleetView,
    ) -> Vec<(&BudgetTerms, BudgetWindow, BudgetStanding)> {
        let all = self.budgets.iter().enumerate();
        all.map(|(index, Spending { terms, .. })| {
            let window = self.window(terms, now);
            (terms, window, self.standing(index, now, fleet))
        })
        .collect()
    }

    /// The cost of the cheapest call, of a budget now.
    pub(super) fn cheapest(&self, terms: &BudgetTerms, now: Timestamp) -> Decimal {
        let accounts = self.prices.iter().map(|price| price.account);
        let concerned = accounts.filter(|account| terms.account.is_none_or(|own| own == *account));
        let costs = concerned.map(|account| terms.cost(account, now, None, self.prices()));
        costs.min().unwrap_or_default()
    }

    fn standing(&self, budget: usize, now: Timestamp, fleet: &FleetView) -> BudgetStanding {
        let Spending { terms, spent } = &self.budgets[budget];
        let window = self.window(terms, now).start;
        let ours = self
            .in_the_air
            .values()
            .flat_map(|call| &call.shares)
            .filter(|share| share.budget == budget && share.window == window)
            .fold(Decimal::ZERO, |sum, share| sum.saturating_add(share.cost));
        BudgetStanding {
            amount: terms.amount.number(),
            spent: spent.get(&window).copied().unwrap_or_default(),
            ours,
            of_others: fleet
                .in_the_air
                .get(&terms.name)
                .copied()
                .unwrap_or_default(),
        }
    }

    /// The cost of a call at this time, of each budget that it concerns.
    fn shares(
        &self,
        call: CallOf<'_>,
        at: Timestamp,
        told: Option<(Decimal, &Currency)>,
    ) -> Vec<CallShare> {
        let CallOf { account, submitter } = call;
        let concerned = self.budgets.iter().enumerate();
        let concerned = concerned.filter(|(_, budget)| budget.terms.concerns(account, submitter));
        let share = |(index, budget): (usize, &Spending)| CallShare {
            budget: index,
            window: self.window(&budget.terms, at).start,
            cost: budget.terms.cost(account, at, told, self.prices()),
        };
        concerned.map(share).collect()
    }

    fn spend(&mut self, share: CallShare, now: Timestamp) {
        let spent = &mut self.budgets[share.budget].spent;
        let sum = spent.entry(share.window).or_default();
        *sum = sum.saturating_add(share.cost);
        spent.retain(|start, _| now.duration_since(*start) < WINDOWS_KEPT);
    }

    fn window(&self, terms: &BudgetTerms, at: Timestamp) -> BudgetWindow {
        terms.period.window(at, &self.timezone)
    }

    fn prices(&self) -> (&[AccountPrice], &TimeZone) {
        (&self.prices, &self.timezone)
    }
}

#[cfg(test)]
mod tests;
