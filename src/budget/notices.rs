//! What log, metrics and `/readyz` say about budgets: once when most of one is spent, once when it
//! is used up, and once when it is open again.

use super::admission::{Admission, BudgetStanding, FleetPart};
use super::book::{BudgetBook, FleetView};
use super::period::BudgetWindow;
use super::terms::BudgetTerms;
use crate::telemetry::health::ClosedScope;
use crate::telemetry::metric;
use jiff::Timestamp;
use rust_decimal::Decimal;

/// The part of an amount at which there is a warning: 80 %.
const MOST_OF_IT: Decimal = Decimal::from_parts(8, 0, 0, false, 1);

/// The notices that were given, budget by budget.
#[derive(Debug)]
pub(super) struct BudgetNotices(Vec<Noticed>);

#[derive(Clone, Copy, Debug, Default)]
struct Noticed {
    /// The start of the period in which most was spent.
    nearly: Option<Timestamp>,
    /// The start of the period in which it was used up, and when that was noticed.
    used_up: Option<(Timestamp, Timestamp)>,
}

impl BudgetNotices {
    pub(super) fn about(budgets: usize) -> Self {
        Self(vec![Noticed::default(); budgets])
    }

    /// Says what has changed since the last time.
    pub(super) fn note(&mut self, book: &BudgetBook, now: Timestamp, fleet: &FleetView) {
        let standings = book.standings(now, fleet);
        for (noticed, (terms, window, standing)) in self.0.iter_mut().zip(standings) {
            let is_used_up = is_used_up(book, terms, &standing, now);
            let spent = standing.spent.saturating_add(standing.ours);
            metric::budget(&terms.name, standing.amount, spent, is_used_up);
            noticed.note(terms, window, &standing, is_used_up, now);
        }
    }

    /// The budgets that are used up.
    pub(super) fn closed(
        &self,
        book: &BudgetBook,
        now: Timestamp,
        fleet: &FleetView,
    ) -> Vec<ClosedScope> {
        let standings = book.standings(now, fleet).into_iter();
        let closed = standings.zip(&self.0).filter_map(|(known, noticed)| {
            let (terms, window, standing) = known;
            is_used_up(book, terms, &standing, now).then(|| ClosedScope {
                stage: terms.account,
                province: None,
                code: super::BUDGET.to_owned(),
                reason: format!("{} of {terms} is spent", standing.spent),
                since: noticed.used_up.map_or(now, |(_, since)| since),
                until: window.end,
            })
        });
        closed.collect()
    }
}

impl Noticed {
    fn note(
        &mut self,
        terms: &BudgetTerms,
        window: BudgetWindow,
        standing: &BudgetStanding,
        is_used_up: bool,
        now: Timestamp,
    ) {
        let (budget, amount) = (terms.name.as_str(), terms.amount.to_string());
        let spent = standing.spent.saturating_add(standing.ours);
        let is_nearly = spent >= standing.amount.saturating_mul(MOST_OF_IT);
        if is_nearly && self.nearly != Some(window.start) {
            self.nearly = Some(window.start);
            tracing::warn!(budget, amount, %spent, period.ends = %window.end, "80 % of a budget is spent");
        }
        match self.used_up {
            Some((start, _)) if is_used_up && start == window.start => {}
            _ if is_used_up => {
                self.used_up = Some((window.start, now));
                tracing::warn!(
                    budget, amount, %spent, opens = %window.end,
                    mend = "nothing, or a larger budget.amount and a restart",
                    "a budget is used up: its jobs wait until it opens"
                );
            }
            Some(_) => {
                self.used_up = None;
                tracing::info!(budget, amount, "a budget that was used up is open again");
            }
            None => {}
        }
    }
}

/// Not even its cheapest call is paid for.
fn is_used_up(
    book: &BudgetBook,
    terms: &BudgetTerms,
    standing: &BudgetStanding,
    now: Timestamp,
) -> bool {
    let cheapest = book.cheapest(terms, now);
    standing.admits(cheapest, FleetPart::WHOLE) == Admission::UsedUp
}
