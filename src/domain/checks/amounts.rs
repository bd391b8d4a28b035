//! Do a bill's amounts add up?

use super::comparison::{Comparison, same_amount, shown};
use crate::domain::amount::to_the_fen;
use crate::domain::invoice::{Invoice, Money, Sum};
use crate::domain::payment::{Payment, PaymentKind};
use crate::domain::reading::Reading;
use crate::domain::spelling;
use rust_decimal::Decimal;

/// Titles of rows that repeat a sum of the others.
const SUM_ROWS: [&str; 10] = [
    "合计",
    "总计",
    "小计",
    "共计",
    "合计金额",
    "金额合计",
    "总金额",
    "费用合计",
    "总费用",
    "合计(元)",
];
/// More amounts are not tried in combination.
const MAX_COMBINED: usize = 10;
pub(super) fn total_equals_words(invoice: &Invoice) -> Comparison {
    let words = invoice.total_cost_from_words.as_ref();
    if words.is_none() {
        // Words that were printed, but not understood.
        return Comparison::skipped(
            invoice.total_cost_in_words.clone(),
            invoice.total_cost.as_ref().map(shown),
        );
    }
    same_amount(words, invoice.total_cost.as_ref())
}

pub(super) fn total_equals_categories(invoice: &Invoice) -> Comparison {
    let rows = invoice.cost_categories.iter();
    let rows = rows.map(|row| (row.name.as_deref(), row.amount.as_ref()));
    total_equals_sum(invoice, "cost_categories", &rows.collect::<Vec<_>>())
}

pub(super) fn total_equals_details(invoice: &Invoice) -> Comparison {
    let rows = invoice.cost_details.iter();
    let rows = rows.map(|row| (row.name.as_deref(), row.amount.as_ref()));
    total_equals_sum(invoice, "cost_details", &rows.collect::<Vec<_>>())
}

/// A line's name and amount.
pub(super) type AmountRow<'a> = (Option<&'a str>, Option<&'a Money>);

/// One amount that is missing or cannot be read makes the sum unknown, and so does a line that was
/// not kept.
fn total_equals_sum(invoice: &Invoice, list: &str, rows: &[AmountRow<'_>]) -> Comparison {
    let (kept, total) = (rows.len(), invoice.total_cost.as_ref());
    if let Some(left_out) = invoice.left_out.get(list) {
        let sent = u64::try_from(kept)
            .unwrap_or(u64::MAX)
            .saturating_add(*left_out);
        return Comparison::skipped(None, total.map(shown)).noted(format!(
            "{left_out} of {sent} lines were left out: nothing is added up"
        ));
    }
    same_amount(sum_of(rows, total).map(Reading::Value).as_ref(), total)
}

/// The sum without the rows that repeat it: `合计`, and a last row without a name that is the sum of
/// the others and the total. `None` where an amount is not known.
pub(super) fn sum_of(rows: &[AmountRow<'_>], total: Option<&Money>) -> Option<Decimal> {
    let lines: Vec<&AmountRow<'_>> = rows.iter().filter(|(name, _)| !is_sum_row(*name)).collect();
    let (last, others) = lines.split_last()?;
    let repeats_the_total = || {
        let before = add_up(others)?;
        let is_sum = last.0.is_none() && last.1?.value() == Some(&before);
        (is_sum && total?.value() == Some(&before)).then_some(before)
    };
    repeats_the_total().or_else(|| add_up(&lines))
}

fn add_up(lines: &[&AmountRow<'_>]) -> Option<Decimal> {
    let mut amounts = lines.iter().map(|(_, amount)| *amount);
    amounts.try_fold(Decimal::ZERO, |sum, amount| {
        sum.checked_add(*amount?.value()?)
    })
}

/// `合计` and the like.
pub(super) fn is_sum_row(name: Option<&str>) -> bool {
    let compact = spelling::compact(name.unwrap_or_default());
    SUM_ROWS.contains(&compact.trim_end_matches(':'))
}

/// The payments of those who paid make the total: the fund, the account and the patient in money,
/// and, in any combination, other funds and reliefs, which some provinces print as parts of them.
pub(super) fn payments_add_up(invoice: &Invoice) -> Comparison {
    let total = invoice.total_cost.as_ref();
    let skipped = || Comparison::skipped(None, total.map(shown));
    let Some(value) = total.and_then(Reading::value) else {
        return skipped();
    };
    let of = |kinds: &[PaymentKind]| -> Vec<&Payment> {
        let payments = invoice.payments.iter();
        payments
            .filter(|payment| payment.kind.is_some_and(|kind| kinds.contains(&kind)))
            .collect()
    };
    let cash = of(&[PaymentKind::Cash]);
    let fund = of(&[PaymentKind::Fund]);
    let account = of(&[PaymentKind::Account]);
    let others = of(&[
        PaymentKind::AdditionalFund,
        PaymentKind::SeriousIllness,
        PaymentKind::Relief,
        PaymentKind::Prepaid,
        PaymentKind::ToppedUp,
    ]);
    let is_whole = !invoice.left_out.contains_key("payments")
        && (cash.len(), fund.len()) == (1, 1)
        && [&cash, &fund, &account, &others]
            .iter()
            .all(|payments| payments.iter().all(|payment| payment.value().is_some()));
    if !is_whole {
        return skipped();
    }
    let values = |payments: &[&Payment]| -> Vec<Decimal> {
        payments
            .iter()
            .filter_map(|payment| payment.value())
            .collect()
    };
    let base = [&cash[..], &fund[..]].concat();
    let base: Decimal = values(&base).into_iter().sum();
    let optional: Vec<Decimal> = values(&[&account[..], &others[..]].concat())
        .into_iter()
        .filter(|amount| !amount.is_zero())
        .collect();
    if optional.len() > MAX_COMBINED {
        return skipped();
    }
    let sums = (0_u32..1 << optional.len()).map(|chosen| {
        let parts = optional.iter().enumerate();
        let parts = parts.filter(|(index, _)| chosen >> index & 1 == 1);
        parts.fold(base, |sum, (_, amount)| sum + amount)
    });
    let (total, all) = (to_the_fen(*value), base + optional.iter().sum::<Decimal>());
    let fits = sums.map(to_the_fen).any(|sum| sum == total);
    Comparison::of(fits, if fits { total } else { all }, total)
}

/// The provider's own finding when it added the bill up.
pub(super) fn checksum(sum: Option<Sum>) -> Comparison {
    match sum {
        Some(Sum::Passed) => Comparison::of(true, "passed", "passed"),
        Some(Sum::Failed) => Comparison::of(false, "passed", "failed"),
        Some(Sum::Unchecked) => {
            Comparison::skipped(Some("passed".to_owned()), Some("unchecked".to_owned()))
        }
        None => Comparison::skipped(Some("passed".to_owned()), None),
    }
}
