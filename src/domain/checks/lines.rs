//! Do a bill's lines agree with themselves and their categories?

use super::amounts::{AmountRow, is_sum_row, sum_of};
use super::comparison::Comparison;
use crate::domain::amount::to_the_fen;
use crate::domain::invoice::{CostDetail, DetailKind, Invoice, Money, NamedAmount};
use crate::domain::reading::Reading;
use crate::domain::spelling;
use rust_decimal::Decimal;

/// Amounts are printed to the fen, and their sum is off by no more than this for each of them.
const FEN: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
/// No prescription of herbs has more doses.
const MAX_DOSES: i64 = 100;

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

/// Compares each detail; the first that does not fit is shown. Prices are rounded as they are printed, and
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
