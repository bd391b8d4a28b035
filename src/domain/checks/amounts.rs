//! Do a bill's amounts add up?

use super::comparison::{Comparison, same_amount, shown};
use crate::domain::amount::to_the_fen;
use crate::domain::invoice::{CostDetail, DetailKind, Invoice, Money, NamedAmount, Sum};
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
/// Amounts are printed to the fen, and their sum is off by no more than this for each of them.
const FEN: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
/// More amounts are not tried in combination.
const MAX_COMBINED: usize = 10;
/// No prescription of herbs has more doses.
const MAX_DOSES: i64 = 100;

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
    total_equals_sum(invoice, "cost_categories", rows.collect())
}

pub(super) fn total_equals_details(invoice: &Invoice) -> Comparison {
    let rows = invoice.cost_details.iter();
    let rows = rows.map(|row| (row.name.as_deref(), row.amount.as_ref()));
    total_equals_sum(invoice, "cost_details", rows.collect())
}

type AmountRow<'a> = (Option<&'a str>, Option<&'a Money>);

/// One amount that is missing or cannot be read makes the sum unknown, and so does a line that was
/// not kept.
fn total_equals_sum(invoice: &Invoice, list: &str, rows: Vec<AmountRow<'_>>) -> Comparison {
    let (kept, total) = (rows.len(), invoice.total_cost.as_ref());
    if let Some(left_out) = invoice.left_out.get(list) {
        let sent = u64::try_from(kept)
            .unwrap_or(u64::MAX)
            .saturating_add(*left_out);
        return Comparison::skipped(None, total.map(shown)).noted(format!(
            "{left_out} of {sent} lines were left out: nothing is added up"
        ));
    }
    same_amount(sum_of(&rows, total).map(Reading::Value).as_ref(), total)
}

/// The sum without the rows that repeat it: `合计`, and a last row without a name that is the sum of
/// the others and the total. `None` where an amount is not known.
fn sum_of(rows: &[AmountRow<'_>], total: Option<&Money>) -> Option<Decimal> {
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

fn is_sum_row(name: Option<&str>) -> bool {
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

/// The details of a category cost no more than it does; where no detail names its category, all of
/// them no more than all categories.
pub(super) fn details_within_categories(invoice: &Invoice) -> Comparison {
    let skipped = || Comparison::skipped(None, None);
    let is_whole = ["cost_categories", "cost_details"]
        .iter()
        .all(|list| !invoice.left_out.contains_key(*list));
    let details: Vec<&CostDetail> = invoice
        .cost_details
        .iter()
        .filter(|detail| !is_sum_row(detail.name.as_deref()))
        .collect();
    if !is_whole || details.is_empty() {
        return skipped();
    }
    let mut compared = 0;
    for category in &invoice.cost_categories {
        let Some((name, amount)) = known(category) else {
            continue;
        };
        let of_category = details.iter().filter(|detail| {
            let category = detail.category.as_deref().and_then(spelling::name);
            category.as_ref() == Some(&name)
        });
        let Some((sum, lines)) = add(of_category.copied()) else {
            continue;
        };
        if lines == 0 || same_name_twice(&invoice.cost_categories, &name) {
            continue;
        }
        compared += 1;
        if exceeds(sum, amount, lines) {
            let label = category.name.as_deref().unwrap_or_default();
            return Comparison::of(
                false,
                format_args!("{label} {amount}"),
                format_args!("{label} {sum}"),
            );
        }
    }
    let categories = invoice.cost_categories.iter();
    let rows: Vec<AmountRow<'_>> = categories
        .map(|row| (row.name.as_deref(), row.amount.as_ref()))
        .collect();
    let total = invoice.total_cost.as_ref();
    let value = total.and_then(Reading::value);
    match (sum_of(&rows, total), add(details.iter().copied())) {
        // Categories that do not make the total may miss one.
        (Some(categories), Some((sum, lines)))
            if compared > 0 || value.is_some_and(|total| to_the_fen(*total) == categories) =>
        {
            let holds = compared > 0 || !exceeds(sum, categories, lines);
            Comparison::of(holds, categories, sum)
        }
        _ => skipped(),
    }
}

fn known(category: &NamedAmount) -> Option<(String, Decimal)> {
    let name = spelling::name(category.name.as_deref()?)?;
    Some((name, *category.amount.as_ref()?.value()?))
}

fn same_name_twice(categories: &[NamedAmount], name: &str) -> bool {
    let of_name = categories.iter().filter(|category| {
        let other = category.name.as_deref().and_then(spelling::name);
        other.as_deref() == Some(name)
    });
    of_name.count() > 1
}

fn add<'a>(details: impl Iterator<Item = &'a CostDetail>) -> Option<(Decimal, i64)> {
    let mut lines = 0;
    let mut sum = Decimal::ZERO;
    for detail in details {
        sum = sum.checked_add(*detail.amount.as_ref()?.value()?)?;
        lines += 1;
    }
    Some((sum, lines))
}

fn exceeds(sum: Decimal, limit: Decimal, lines: i64) -> bool {
    sum > limit + FEN * Decimal::from(lines)
}

/// Of each detail; the first that does not fit is shown. Prices are rounded as they are printed, and
/// herbs are priced by the dose.
pub(super) fn unit_price_times_quantity(invoice: &Invoice) -> Comparison {
    let mut compared = 0_usize;
    for (index, detail) in invoice.cost_details.iter().enumerate() {
        let value = |reading: &Option<Money>| reading.as_ref().and_then(Reading::value).copied();
        let (Some(price), Some(quantity), Some(amount)) = (
            value(&detail.unit_price),
            value(&detail.quantity),
            value(&detail.amount),
        ) else {
            continue;
        };
        let Some(product) = price.checked_mul(quantity) else {
            continue;
        };
        compared += 1;
        if !fits(detail, [price, quantity, amount, product]) {
            return Comparison::of(
                false,
                format_args!(
                    "line {}: {price} * {quantity} = {}",
                    index + 1,
                    product.normalize()
                ),
                amount,
            );
        }
    }
    if compared == 0 {
        Comparison::skipped(None, None)
    } else {
        Comparison::of(
            true,
            "unit_price * quantity",
            format_args!("{compared} lines"),
        )
    }
}

fn fits(detail: &CostDetail, [price, quantity, amount, product]: [Decimal; 4]) -> bool {
    let half_of_last = |value: Decimal| Decimal::new(5, value.scale().min(27) + 1);
    let tolerance = [
        half_of_last(price).checked_mul(quantity.abs()),
        half_of_last(quantity)
            .checked_mul(price.abs())
            .filter(|_| quantity.scale() > 0),
    ]
    .into_iter()
    .flatten()
    .sum::<Decimal>()
        + FEN;
    let is_near = |product: Decimal| (product.abs() - amount.abs()).abs() <= tolerance;
    if is_near(product) {
        return true;
    }
    let by_dose = detail.kind == Some(DetailKind::ChineseMedicine)
        || detail
            .unit
            .as_deref()
            .is_some_and(|unit| matches!(unit.trim(), "g" | "G" | "克"));
    by_dose
        && (2..=MAX_DOSES).any(|doses| {
            product
                .checked_mul(Decimal::from(doses))
                .is_some_and(is_near)
        })
}

/// What the provider itself found when it added the bill up.
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
