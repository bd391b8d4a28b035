//! Comparisons of what is known about a bill: what agrees and what does not. A failed check is
//! never a verdict.

mod amounts;
mod comparison;
mod dates;
mod expected;
mod identity;
mod lines;
mod subject;

pub use comparison::{Check, ComparisonOutcome};
pub use subject::Subject;

use super::invoice::Invoice;
use comparison::{Comparison, not};

/// Every check of the contract, in its order. Those of the QR code and of what the job expects are
/// there only where there is one.
///
/// What is asked of one invoice is asked of the recognised one, because that is what was printed;
/// of the verified one where the recognised one cannot tell. `expected` is what the words, the
/// parts or the registry say, `actual` what stands there as figures.
pub fn check(subject: &Subject<'_>) -> Vec<Check> {
    let one = |id, compare: fn(&Invoice) -> Comparison| {
        let sources = [subject.recognised, subject.verified];
        Comparison::first_made(sources.into_iter().flatten().map(compare)).named(id)
    };
    let today = subject.today;
    let sources = [subject.recognised, subject.verified].into_iter().flatten();
    let future = sources.map(|invoice| dates::not_in_future(invoice, today));
    let status = subject.registry.and_then(|registry| registry.status);
    let sums = subject.verified.and_then(|invoice| invoice.checksum);
    let mut checks = vec![
        one("total_equals_words", amounts::total_equals_words),
        one("total_equals_categories", amounts::total_equals_categories),
        one("total_equals_details", amounts::total_equals_details),
        one("payments_add_up", amounts::payments_add_up),
        one(
            "details_within_categories",
            lines::details_within_categories,
        ),
        one(
            "unit_price_times_quantity",
            lines::unit_price_times_quantity,
        ),
        one("dates_in_order", dates::dates_in_order),
        one("hospital_days_plausible", dates::hospital_days_plausible),
        Comparison::first_failed(future).named("not_in_future"),
        identity::numbers_are_shaped(subject).named("numbers_are_shaped"),
        identity::province_equals_note_code(subject).named("province_equals_note_code"),
    ];
    checks.extend(identity::recognized_equals_verified(subject));
    checks.extend(identity::qr_equals_recognized(subject));
    checks.extend(identity::qr_equals_verified(subject));
    checks.extend([
        identity::registry_agrees_with_itself(subject).named("registry_agrees_with_itself"),
        amounts::checksum(sums.and_then(|sums| sums.categories)).named("checksum_categories"),
        amounts::checksum(sums.and_then(|sums| sums.details)).named("checksum_details"),
        not(status.map(|status| status.voided)).named("not_voided"),
        not(status.map(|status| status.red_lettered)).named("not_red_lettered"),
        not(status.map(|status| status.posted)).named("not_posted"),
    ]);
    checks.extend(expected::expected(subject));
    checks
}

/// Whether number, total or patient of the paper are not those of the registry.
pub fn differs_from_registry(checks: &[Check]) -> bool {
    identity::differs(checks)
}

#[cfg(test)]
mod tests;
