//! Comparisons of two invoices: what agrees and what does not. A failed check is never a verdict.

use super::amount::to_the_fen;
use super::invoice::{Day, Invoice, Money, NamedAmount, Registry, StatusAnswer};
use super::reading::Reading;
use super::spelling;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub id: String,
    pub outcome: ComparisonOutcome,
    pub expected: Option<String>,
    pub actual: Option<String>,
    /// The way in which the two values were compared, or the reason why they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComparisonOutcome {
    Passed,
    Failed,
    /// A side is missing, or could not be read.
    Skipped,
}

/// Every check of the contract, in its order.
///
/// What is asked of one invoice is asked of the recognised one, because that is what was printed;
/// of the verified one where the recognised one cannot tell. `expected` is what the words, the
/// parts or the registry say, `actual` what stands there as figures.
pub fn check(
    recognised: Option<&Invoice>,
    verified: Option<&Invoice>,
    registry: Option<&Registry>,
) -> Vec<Check> {
    let one =
        |id, compare: fn(&Invoice) -> Comparison| either(recognised, verified, compare).named(id);
    let both =
        |field, compare: Comparison| compare.named(&format!("recognized_equals_verified.{field}"));
    let text = |field: fn(&Invoice) -> Option<&String>| {
        (recognised.and_then(field), verified.and_then(field))
    };

    let (note_no, verified_note_no) = text(|invoice| invoice.note_no.as_ref());
    // The registry's own, where the other is missing or masked.
    let whole = |number: &&String| spelling::number(number).is_some();
    let registered_note_no = registry.and_then(|registry| registry.note_no.as_ref());
    let verified_note_no = verified_note_no
        .filter(whole)
        .or(registered_note_no.filter(whole))
        .or(verified_note_no);
    let (patient, verified_patient) = text(|invoice| invoice.patient_name.as_ref());
    let (hospital, verified_hospital) = text(|invoice| invoice.hospital_name.as_ref());
    let total = recognised.and_then(|invoice| invoice.total_cost.as_ref());
    let verified_total = verified
        .and_then(|invoice| invoice.total_cost.as_ref())
        .or(registry.and_then(|registry| registry.total_cost.as_ref()));
    let date = recognised.and_then(|invoice| invoice.billing_date.as_ref());
    let verified_date = verified
        .and_then(|invoice| invoice.billing_date.as_ref())
        .or(registry.and_then(|registry| registry.billing_date.as_ref()));

    let status = registry.and_then(|registry| registry.status);
    vec![
        one("total_equals_words", total_equals_words),
        one("total_equals_categories", total_equals_categories),
        one("total_equals_details", total_equals_details),
        one("dates_in_order", dates_in_order),
        one("hospital_days_plausible", hospital_days_plausible),
        both(
            "note_no",
            same_text(verified_note_no, note_no, spelling::number),
        ),
        both(
            "patient_name",
            same_text(verified_patient, patient, spelling::name),
        ),
        both("total_cost", same_amount(verified_total, total)),
        both("billing_date", same_day(verified_date, date)),
        both(
            "hospital_name",
            same_text(verified_hospital, hospital, spelling::name),
        ),
        not(status.map(|status| status.voided)).named("not_voided"),
        not(status.map(|status| status.red_lettered)).named("not_red_lettered"),
        not(status.map(|status| status.posted)).named("not_posted"),
    ]
}

/// A check without its name.
struct Comparison {
    outcome: ComparisonOutcome,
    expected: Option<String>,
    actual: Option<String>,
    note: Option<String>,
}

impl Comparison {
    fn of(passed: bool, expected: impl Display, actual: impl Display) -> Self {
        let outcome = if passed {
            ComparisonOutcome::Passed
        } else {
            ComparisonOutcome::Failed
        };
        Self {
            outcome,
            expected: Some(expected.to_string()),
            actual: Some(actual.to_string()),
            note: None,
        }
    }

    /// A comparison that could not be made, with the values that exist.
    fn skipped(expected: Option<String>, actual: Option<String>) -> Self {
        Self {
            outcome: ComparisonOutcome::Skipped,
            expected,
            actual,
            note: None,
        }
    }

    fn noted(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }

    fn named(self, id: &str) -> Check {
        Check {
            id: id.to_owned(),
            outcome: self.outcome,
            expected: self.expected,
            actual: self.actual,
            note: self.note,
        }
    }
}

fn either(
    recognised: Option<&Invoice>,
    verified: Option<&Invoice>,
    compare: fn(&Invoice) -> Comparison,
) -> Comparison {
    let mut findings = recognised.into_iter().chain(verified).map(compare);
    let Some(first) = findings.next() else {
        return Comparison::skipped(None, None);
    };
    if first.outcome != ComparisonOutcome::Skipped {
        return first;
    }
    findings
        .find(|second| second.outcome != ComparisonOutcome::Skipped)
        .unwrap_or(first)
}

fn total_equals_words(invoice: &Invoice) -> Comparison {
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

fn total_equals_categories(invoice: &Invoice) -> Comparison {
    total_equals_sum(
        invoice,
        "cost_categories",
        invoice
            .cost_categories
            .iter()
            .map(|NamedAmount { amount, .. }| amount.as_ref()),
    )
}

fn total_equals_details(invoice: &Invoice) -> Comparison {
    total_equals_sum(
        invoice,
        "cost_details",
        invoice
            .cost_details
            .iter()
            .map(|detail| detail.amount.as_ref()),
    )
}

/// One amount that is missing or cannot be read makes the sum unknown, and so does a line that was
/// not kept.
fn total_equals_sum<'a>(
    invoice: &Invoice,
    list: &str,
    mut amounts: impl ExactSizeIterator<Item = Option<&'a Money>>,
) -> Comparison {
    let (kept, total) = (amounts.len(), invoice.total_cost.as_ref());
    if let Some(left_out) = invoice.left_out.get(list) {
        let sent = u64::try_from(kept)
            .unwrap_or(u64::MAX)
            .saturating_add(*left_out);
        return Comparison::skipped(None, total.map(shown)).noted(format!(
            "{left_out} of {sent} lines were left out: nothing is added up"
        ));
    }
    let sum = amounts
        .try_fold(Decimal::ZERO, |sum, amount| {
            sum.checked_add(*amount?.value()?)
        })
        .filter(|_| kept > 0);
    same_amount(sum.map(Reading::Value).as_ref(), total)
}

/// Admission, discharge, billing; for an outpatient treatment, billing.
fn dates_in_order(invoice: &Invoice) -> Comparison {
    let value = |day: &Option<Day>| day.as_ref().and_then(Reading::value).copied();
    let begin = value(&invoice.admission_date).map(|date| ("admission_date", date));
    let begin = begin.or(value(&invoice.treatment_date).map(|date| ("treatment_date", date)));
    let end = value(&invoice.discharge_date).map(|date| ("discharge_date", date));
    let billing = value(&invoice.billing_date).map(|date| ("billing_date", date));
    let known: Vec<(&str, Date)> = [begin, end, billing].into_iter().flatten().collect();
    let dates = known
        .iter()
        .map(|(_, date)| date.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    if known.len() < 2 {
        return Comparison::skipped(None, (!dates.is_empty()).then_some(dates));
    }
    let names = known
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(" <= ");
    Comparison::of(known.is_sorted_by_key(|(_, date)| *date), names, dates)
}

/// Hospitals count the day of discharge or do not.
fn hospital_days_plausible(invoice: &Invoice) -> Comparison {
    let days = invoice.hospital_days.as_ref();
    let admission = invoice.admission_date.as_ref().and_then(Reading::value);
    let discharge = invoice.discharge_date.as_ref().and_then(Reading::value);
    let stay = admission
        .zip(discharge)
        .map(|(from, to)| to.duration_since(*from).as_hours() / 24);
    match (stay, days.and_then(Reading::value)) {
        // A stay that ends before it begins is reported by `dates_in_order`.
        (Some(stay @ 0..), Some(days)) => {
            let plausible = [Decimal::from(stay), Decimal::from(stay + 1)];
            Comparison::of(
                plausible.contains(&to_the_fen(*days)),
                format_args!("{stay} or {}", stay + 1),
                days,
            )
        }
        _ => Comparison::skipped(None, days.map(shown)),
    }
}

/// Compares meanings, so that two spellings of one text are the same: see [`spelling`]. Incomplete
/// texts are not compared.
fn same_text(
    expected: Option<&String>,
    actual: Option<&String>,
    meaning: fn(&str) -> Option<String>,
) -> Comparison {
    let (Some(expected), Some(actual)) = (expected, actual) else {
        return Comparison::skipped(expected.cloned(), actual.cloned());
    };
    match (meaning(expected), meaning(actual)) {
        (Some(one), Some(other)) => Comparison::of(one == other, expected, actual),
        _ => Comparison::skipped(Some(expected.clone()), Some(actual.clone()))
            .noted("not compared: a part of it is masked or could not be read"),
    }
}

/// Compares to the fen, and notes it if rounding changed a value.
fn same_amount(expected: Option<&Money>, actual: Option<&Money>) -> Comparison {
    let (Some(one), Some(other)) = (
        expected.and_then(Reading::value),
        actual.and_then(Reading::value),
    ) else {
        return Comparison::skipped(expected.map(shown), actual.map(shown));
    };
    let rounded = (to_the_fen(*one), to_the_fen(*other));
    if rounded == (*one, *other) {
        return Comparison::of(one == other, one, other);
    }
    Comparison::of(rounded.0 == rounded.1, rounded.0, rounded.1).noted("rounded to the fen")
}

fn same_day(expected: Option<&Day>, actual: Option<&Day>) -> Comparison {
    match (
        expected.and_then(Reading::value),
        actual.and_then(Reading::value),
    ) {
        (Some(expected), Some(actual)) => Comparison::of(expected == actual, expected, actual),
        _ => Comparison::skipped(expected.map(shown), actual.map(shown)),
    }
}

fn not(answer: Option<StatusAnswer>) -> Comparison {
    match answer {
        Some(StatusAnswer::No) => Comparison::of(true, "no", "no"),
        Some(StatusAnswer::Yes) => Comparison::of(false, "no", "yes"),
        Some(StatusAnswer::Unknown) => {
            Comparison::skipped(Some("no".to_owned()), Some("unknown".to_owned()))
        }
        None => Comparison::skipped(Some("no".to_owned()), None),
    }
}

fn shown<T: Display>(reading: &Reading<T>) -> String {
    match reading {
        Reading::Value(value) => value.to_string(),
        Reading::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests;
