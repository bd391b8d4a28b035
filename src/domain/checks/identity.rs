//! Do two sources speak of the same bill, and does it look like one?

use super::comparison::{Check, Comparison, ComparisonOutcome, same_amount, same_day, same_text};
use super::subject::Subject;
use crate::domain::invoice::{Day, Money};
use crate::domain::reading::Reading;
use crate::domain::{province, spelling};

const CODE_DIGITS: usize = 8;
const NUMBER_DIGITS: usize = 10;
const CHECK_CHARACTERS: usize = 6;

/// What was read from the picture, beside what the registry holds.
pub(super) fn recognized_equals_verified(subject: &Subject<'_>) -> Vec<Check> {
    let recognised = subject.recognised;
    let named = |field: &str, comparison: Comparison| {
        comparison.named(&format!("recognized_equals_verified.{field}"))
    };
    let number = same_text(
        subject.registered_text(
            |invoice| invoice.note_no.as_ref(),
            |registry| registry.note_no.as_ref(),
        ),
        recognised.and_then(|invoice| invoice.note_no.as_ref()),
        spelling::number,
    );
    let patient = same_text(
        subject
            .verified
            .and_then(|invoice| invoice.patient_name.as_ref()),
        recognised.and_then(|invoice| invoice.patient_name.as_ref()),
        spelling::person,
    );
    let total = same_amount(
        subject.registered_total(),
        recognised.and_then(|invoice| invoice.total_cost.as_ref()),
    );
    let date = same_day(
        subject.registered_date(),
        recognised.and_then(|invoice| invoice.billing_date.as_ref()),
    );
    let hospital = same_text(
        subject
            .verified
            .and_then(|invoice| invoice.hospital_name.as_ref()),
        recognised.and_then(|invoice| invoice.hospital_name.as_ref()),
        spelling::hospital,
    );
    vec![
        named("note_no", number),
        named("patient_name", patient),
        named("total_cost", total),
        named("billing_date", date),
        named("hospital_name", hospital),
    ]
}

/// The two results of one answer, field by field. What differs is shown.
pub(super) fn registry_agrees_with_itself(subject: &Subject<'_>) -> Comparison {
    let (Some(invoice), Some(registry)) = (subject.verified, subject.registry) else {
        return Comparison::skipped(None, None);
    };
    let text = |one: &Option<String>, other: &Option<String>| {
        same_text(one.as_ref(), other.as_ref(), spelling::number)
    };
    let total = same_amount(invoice.total_cost.as_ref(), registry.total_cost.as_ref());
    let date = same_day(
        invoice.billing_date.as_ref(),
        registry.billing_date.as_ref(),
    );
    let fields = [
        ("note_code", text(&invoice.note_code, &registry.note_code)),
        ("note_no", text(&invoice.note_no, &registry.note_no)),
        (
            "check_code",
            text(&invoice.check_code, &registry.check_code),
        ),
        ("total_cost", total),
        ("billing_date", date),
    ];
    Comparison::all_of(&fields)
}

/// The QR code's claims beside what was recognised.
pub(super) fn qr_equals_recognized(subject: &Subject<'_>) -> Vec<Check> {
    let (Some(claim), Some(invoice)) = (subject.qr, subject.recognised) else {
        return Vec::new();
    };
    let (total, day) = claimed(subject);
    let number = same_text(
        claim.note_no.as_ref(),
        invoice.note_no.as_ref(),
        spelling::number,
    );
    vec![
        number.named("qr_equals_recognized.note_no"),
        same_amount(total.as_ref(), invoice.total_cost.as_ref())
            .named("qr_equals_recognized.total_cost"),
        same_day(day.as_ref(), invoice.billing_date.as_ref())
            .named("qr_equals_recognized.billing_date"),
    ]
}

/// The QR code's claims beside what the registry holds.
pub(super) fn qr_equals_verified(subject: &Subject<'_>) -> Vec<Check> {
    let Some(claim) = subject.qr.filter(|_| subject.verified.is_some()) else {
        return Vec::new();
    };
    let (total, day) = claimed(subject);
    let code = subject.registered_text(
        |invoice| invoice.note_code.as_ref(),
        |registry| registry.note_code.as_ref(),
    );
    let number = subject.registered_text(
        |invoice| invoice.note_no.as_ref(),
        |registry| registry.note_no.as_ref(),
    );
    let check = subject.registered_text(
        |invoice| invoice.check_code.as_ref(),
        |registry| registry.check_code.as_ref(),
    );
    let text = |claimed: &Option<String>, held: Option<&String>| {
        same_text(held, claimed.as_ref(), spelling::number)
    };
    vec![
        text(&claim.note_code, code).named("qr_equals_verified.note_code"),
        text(&claim.note_no, number).named("qr_equals_verified.note_no"),
        text(&claim.check_code, check).named("qr_equals_verified.check_code"),
        same_amount(subject.registered_total(), total.as_ref())
            .named("qr_equals_verified.total_cost"),
        same_day(subject.registered_date(), day.as_ref()).named("qr_equals_verified.billing_date"),
    ]
}

fn claimed(subject: &Subject<'_>) -> (Option<Money>, Option<Day>) {
    let total = subject.qr.and_then(|claim| claim.total_cost);
    let day = subject.qr.and_then(|claim| claim.billing_date);
    (total.map(Reading::Value), day.map(Reading::Value))
}

/// Code, number and check code as they are on today's bills. Older ones are shorter.
pub(super) fn numbers_are_shaped(subject: &Subject<'_>) -> Comparison {
    let recognised = subject
        .recognised
        .and_then(|invoice| invoice.note_no.as_ref());
    let code = subject.registered_text(
        |invoice| invoice.note_code.as_ref(),
        |registry| registry.note_code.as_ref(),
    );
    let number = subject.registered_text(
        |invoice| invoice.note_no.as_ref(),
        |registry| registry.note_no.as_ref(),
    );
    let check = subject.registered_text(
        |invoice| invoice.check_code.as_ref(),
        |registry| registry.check_code.as_ref(),
    );
    let shaped = |name, text: Option<&String>, length: usize, are_digits: bool| {
        let bare = text.and_then(|text| {
            // A check code may begin with the letters of a label.
            if are_digits {
                spelling::bare_number(text)
            } else {
                spelling::name(text).filter(|code| !code.contains("xx"))
            }
        });
        let comparison = bare.map_or_else(
            || Comparison::skipped(None, None),
            |bare| {
                let kind = if are_digits {
                    "digits"
                } else {
                    "letters or digits"
                };
                let is_shaped = bare.len() == length
                    && bare.bytes().all(|byte| {
                        byte.is_ascii_digit() || !are_digits && byte.is_ascii_alphanumeric()
                    });
                Comparison::of(is_shaped, format_args!("{length} {kind}"), bare)
            },
        );
        (name, comparison)
    };
    Comparison::all_of(&[
        shaped("note_code", code, CODE_DIGITS, true),
        shaped("note_no", number.or(recognised), NUMBER_DIGITS, true),
        shaped("check_code", check, CHECK_CHARACTERS, false),
    ])
}

/// The first two digits of a bill's code are its province.
pub(super) fn province_equals_note_code(subject: &Subject<'_>) -> Comparison {
    let code = subject
        .registered_text(
            |invoice| invoice.note_code.as_ref(),
            |registry| registry.note_code.as_ref(),
        )
        .or_else(|| subject.qr?.note_code.as_ref());
    let bare = code.and_then(|code| spelling::bare_number(code));
    let of_code = bare
        .filter(|code| code.len() == CODE_DIGITS)
        .and_then(|code| province::known(code.get(..2)?));
    let named = [subject.verified, subject.recognised]
        .into_iter()
        .flatten()
        .find_map(|invoice| province::known(invoice.province.as_deref()?));
    match (of_code, named) {
        (Some(of_code), Some(named)) => Comparison::of(of_code == named, of_code, named),
        (of_code, named) => {
            Comparison::skipped(of_code.map(str::to_owned), named.map(str::to_owned))
        }
    }
}

/// Whether number, total or patient of the paper are not the registry's.
pub(super) fn differs(checks: &[Check]) -> bool {
    const IDS: [&str; 5] = [
        "recognized_equals_verified.note_no",
        "recognized_equals_verified.total_cost",
        "recognized_equals_verified.patient_name",
        "qr_equals_verified.note_no",
        "qr_equals_verified.total_cost",
    ];
    checks
        .iter()
        .any(|check| check.outcome == ComparisonOutcome::Failed && IDS.contains(&check.id.as_str()))
}
