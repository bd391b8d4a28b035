//! Is the bill what its submitter expects? The registry's reading goes before the picture's.

use super::comparison::{Check, Comparison, ComparisonOutcome, same_text, shown};
use super::dates::within;
use super::subject::Subject;
use crate::domain::amount::to_the_fen;
use crate::domain::invoice::Invoice;
use crate::domain::job::Expectations;
use crate::domain::reading::Reading;
use crate::domain::spelling;

/// The checks of what the job brought, and of nothing else.
pub(super) fn expected(subject: &Subject<'_>) -> Vec<Check> {
    let Some(expect) = subject.expect else {
        return Vec::new();
    };
    let either = |compare: &dyn Fn(&Invoice) -> Comparison| {
        let sources = [subject.verified, subject.recognised];
        Comparison::first_made(sources.into_iter().flatten().map(compare))
    };
    let mut checks = Vec::new();
    if let Some(name) = &expect.patient_name {
        let insured = either(&|invoice| {
            same_text(Some(name), invoice.patient_name.as_ref(), spelling::person)
        });
        checks.push(insured.named("insured_is_patient"));
    }
    if expect.from.is_some() || expect.until.is_some() {
        let treated = either(&|invoice| within(invoice, expect.from, expect.until));
        checks.push(treated.named("treated_within_policy"));
    }
    if !expect.hospitals.is_empty() {
        let listed = either(&|invoice| is_listed(invoice, expect));
        checks.push(listed.named("hospital_is_listed"));
    }
    if let Some(limit) = expect.total_at_most {
        let limited = either(&|invoice| {
            let total = invoice.total_cost.as_ref();
            match total.and_then(Reading::value) {
                Some(value) => Comparison::of(
                    to_the_fen(*value) <= limit,
                    format_args!("at most {limit}"),
                    value,
                ),
                None => Comparison::skipped(Some(format!("at most {limit}")), total.map(shown)),
            }
        });
        checks.push(limited.named("total_within_limit"));
    }
    checks
}

/// By the hospital's name or the unit that charged.
fn is_listed(invoice: &Invoice, expect: &Expectations) -> Comparison {
    let count = format!("one of {}", expect.hospitals.len());
    let names = [&invoice.hospital_name, &invoice.charging_unit];
    let names: Vec<&String> = names.into_iter().flatten().collect();
    let Some(shown) = names.first() else {
        return Comparison::skipped(Some(count), None);
    };
    let found = names.iter().any(|name| {
        let is_same = |listed: &String| {
            same_text(Some(listed), Some(name), spelling::hospital).outcome
                == ComparisonOutcome::Passed
        };
        expect.hospitals.iter().any(is_same)
    });
    if !found && names.iter().all(|name| spelling::hospital(name).is_none()) {
        return Comparison::skipped(Some(count), Some((*shown).clone()));
    }
    Comparison::of(found, count, shown)
}
