mod dates;

use super::*;
use crate::domain::invoice::{CostDetail, RegistryStatus};
use crate::domain::{amount, date};
use jiff::tz::TimeZone;

fn line(checks: &[Check], id: &str) -> String {
    let check = checks
        .iter()
        .find(|check| check.id == id)
        .expect("a check of this name");
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{:?} {} / {}",
        check.outcome,
        side(&check.expected),
        side(&check.actual)
    )
    .to_lowercase()
}

fn alone(invoice: &Invoice, id: &str) -> String {
    line(&check(Some(invoice), None, None), id)
}

fn invoice(total: &str) -> Invoice {
    Invoice {
        total_cost: amount::from_text(total),
        ..Invoice::default()
    }
}

fn categories(amounts: &[&str]) -> Vec<NamedAmount> {
    amounts
        .iter()
        .map(|text| NamedAmount {
            name: None,
            amount: amount::from_text(text),
        })
        .collect()
}

fn stay(admission: &str, discharge: &str, billing: &str, days: &str) -> Invoice {
    Invoice {
        admission_date: date::from_text(admission, &TimeZone::UTC),
        discharge_date: date::from_text(discharge, &TimeZone::UTC),
        billing_date: date::from_text(billing, &TimeZone::UTC),
        hospital_days: amount::from_text(days),
        ..Invoice::default()
    }
}

#[test]
fn every_check_is_there_in_the_contracts_order() {
    let ids: Vec<String> = check(None, None, None)
        .into_iter()
        .map(|check| check.id)
        .collect();
    let expected = [
        "total_equals_words",
        "total_equals_categories",
        "total_equals_details",
        "dates_in_order",
        "hospital_days_plausible",
        "recognized_equals_verified.note_no",
        "recognized_equals_verified.patient_name",
        "recognized_equals_verified.total_cost",
        "recognized_equals_verified.billing_date",
        "recognized_equals_verified.hospital_name",
        "not_voided",
        "not_red_lettered",
        "not_posted",
    ];
    assert_eq!(ids, expected);
    assert!(
        check(None, None, None)
            .iter()
            .all(|check| check.outcome == ComparisonOutcome::Skipped)
    );
}

#[test]
fn figures_that_the_words_contradict_are_found() {
    let words = |total: &str, words: &str| Invoice {
        total_cost_in_words: Some(words.to_owned()),
        total_cost_from_words: amount::from_words(words).map(Reading::Value),
        ..invoice(total)
    };
    let id = "total_equals_words";
    assert_eq!(
        alone(&words("1939.48", "玖佰叁拾玖元肆角捌分"), id),
        "failed 939.48 / 1939.48"
    );
    assert_eq!(
        alone(&words("939.480", "玖佰叁拾玖元肆角捌分"), id),
        "passed 939.48 / 939.480"
    );
    assert_eq!(
        alone(&words("939.48", "玖佰佰元"), id),
        "skipped 玖佰佰元 / 939.48"
    );
    assert_eq!(
        alone(&words("?39.48", "壹元整"), id),
        "skipped 1.00 / ?39.48"
    );
}

#[test]
fn a_total_is_compared_with_its_parts_only_where_all_are_known() {
    let id = "total_equals_categories";
    let with = |amounts: &[&str]| Invoice {
        cost_categories: categories(amounts),
        ..invoice("939.48")
    };
    assert_eq!(
        alone(&with(&["837.73", "101.75"]), id),
        "passed 939.48 / 939.48"
    );
    assert_eq!(
        alone(&with(&["837.73", "102.75", "-0.5"]), id),
        "failed 939.98 / 939.48"
    );
    assert_eq!(
        alone(&with(&["837.73", "1O1.75"]), id),
        "skipped - / 939.48"
    );
    assert_eq!(alone(&with(&[]), id), "skipped - / 939.48");
    let huge = "79228162514264337593543950335";
    assert_eq!(alone(&with(&[huge, huge]), id), "skipped - / 939.48");
    let detail = CostDetail {
        amount: amount::from_text("939.4"),
        ..CostDetail::default()
    };
    assert_eq!(
        alone(
            &Invoice {
                cost_details: vec![detail],
                ..invoice("939.48")
            },
            "total_equals_details"
        ),
        "failed 939.4 / 939.48"
    );
}

fn note(checks: &[Check], id: &str) -> Option<String> {
    checks
        .iter()
        .find(|check| check.id == id)
        .expect("a check of this name")
        .note
        .clone()
}

#[test]
fn amounts_are_compared_to_the_fen_and_it_is_said() {
    let id = "total_equals_categories";
    let noisy = Invoice {
        cost_categories: categories(&["191", "16.00000000000003"]),
        ..invoice("206.99999999999997")
    };
    assert_eq!(alone(&noisy, id), "passed 207.00 / 207.00");
    let (one, other) = (invoice("207.00000000000003"), invoice("207"));
    let checks = check(Some(&one), Some(&other), None);
    assert_eq!(
        line(&checks, "recognized_equals_verified.total_cost"),
        "passed 207 / 207.00"
    );
    assert_eq!(
        note(&checks, "recognized_equals_verified.total_cost").as_deref(),
        Some("rounded to the fen")
    );
    let checks = check(Some(&invoice("207.01")), Some(&other), None);
    assert_eq!(
        line(&checks, "recognized_equals_verified.total_cost"),
        "failed 207 / 207.01"
    );
    assert_eq!(note(&checks, "recognized_equals_verified.total_cost"), None);
    assert_eq!(
        alone(
            &stay("2020-05-31", "2020-06-02", "", "3.0000000000000004"),
            "hospital_days_plausible"
        )
        .split(' ')
        .next(),
        Some("passed")
    );
}

#[test]
fn a_sum_without_some_of_its_lines_is_not_compared() {
    let details = vec![
        CostDetail {
            amount: amount::from_text("1.00"),
            ..CostDetail::default()
        };
        3
    ];
    let whole = Invoice {
        cost_details: details,
        ..invoice("3.00")
    };
    assert_eq!(alone(&whole, "total_equals_details"), "passed 3.00 / 3.00");
    let cut = Invoice {
        left_out: [("cost_details".to_owned(), 2)].into(),
        ..whole
    };
    let checks = check(Some(&cut), None, None);
    assert_eq!(line(&checks, "total_equals_details"), "skipped - / 3.00");
    assert_eq!(
        note(&checks, "total_equals_details").as_deref(),
        Some("2 of 5 lines were left out: nothing is added up")
    );
    assert_eq!(alone(&cut, "total_equals_categories"), "skipped - / 3.00");
}

#[test]
fn texts_are_compared_by_meaning_and_only_where_they_were_read_whole() {
    let named = |name: &str| Invoice {
        patient_name: Some(name.to_owned()),
        hospital_name: Some(name.to_owned()),
        ..Invoice::default()
    };
    let numbered = |number: &str| Invoice {
        note_no: Some(number.to_owned()),
        ..Invoice::default()
    };
    for (one, other, outcome) in [
        (
            "阿卜杜拉·买买提",
            "阿卜杜拉・买买提",
            ComparisonOutcome::Passed,
        ),
        ("⽅⼀", "方一", ComparisonOutcome::Passed),
        ("JOHN", "Ｊｏｈｎ", ComparisonOutcome::Passed),
        ("张三", "李四", ComparisonOutcome::Failed),
        (
            "\u{fffd}\u{fffd}\u{fffd}",
            "\u{fffd}\u{fffd}\u{fffd}",
            ComparisonOutcome::Skipped,
        ),
        ("张\u{fffd}", "张三", ComparisonOutcome::Skipped),
        ("张*", "张*", ComparisonOutcome::Skipped),
    ] {
        let checks = check(Some(&named(one)), Some(&named(other)), None);
        for check in checks.iter().filter(|check| check.id.ends_with("_name")) {
            assert_eq!(check.outcome, outcome, "{one} {other}");
            assert_eq!(check.note.is_some(), outcome == ComparisonOutcome::Skipped);
        }
    }
    let registry = Registry {
        note_no: Some("0103152099".to_owned()),
        ..Registry::default()
    };
    let masked = check(
        Some(&numbered("103152099")),
        Some(&numbered("0103XXXX99")),
        Some(&registry),
    );
    assert_eq!(
        line(&masked, "recognized_equals_verified.note_no"),
        "passed 0103152099 / 103152099"
    );
    for (one, other, outcome) in [
        ("0103152099", "103152099", ComparisonOutcome::Passed),
        (
            "No.0103152099",
            "０１０３１５２０９９",
            ComparisonOutcome::Passed,
        ),
        ("0103152099", "0103152098", ComparisonOutcome::Failed),
        ("1031XXXX7250", "1031XXXX7250", ComparisonOutcome::Skipped),
    ] {
        let checks = check(Some(&numbered(one)), Some(&numbered(other)), None);
        assert_eq!(checks[5].outcome, outcome, "{one} {other}");
    }
}

#[test]
fn the_verified_invoice_decides_where_the_recognised_one_cannot() {
    let verified = Invoice {
        cost_categories: categories(&["1.00"]),
        ..invoice("1.00")
    };
    assert_eq!(
        line(
            &check(Some(&invoice("2.00")), Some(&verified), None),
            "total_equals_categories"
        ),
        "passed 1.00 / 1.00"
    );
    assert_eq!(
        line(
            &check(None, Some(&verified), None),
            "total_equals_categories"
        ),
        "passed 1.00 / 1.00"
    );
    assert_eq!(
        line(
            &check(Some(&invoice("2.00")), None, None),
            "total_equals_categories"
        ),
        "skipped - / 2.00"
    );
}

#[test]
fn both_invoices_are_compared_without_regard_to_width_and_blanks() {
    let named = |number: &str, name: &str| Invoice {
        note_no: Some(number.to_owned()),
        hospital_name: Some(name.to_owned()),
        billing_date: date::from_text("2020-06-01", &TimeZone::UTC),
        ..invoice("1.0")
    };
    let registry = Registry {
        total_cost: amount::from_text("1.00"),
        note_no: Some("9".to_owned()),
        ..Registry::default()
    };
    let verified = Invoice {
        total_cost: None,
        ..named("00123", "北京（协和） 医院")
    };
    let checks = check(
        Some(&named("００１２３", "北京(协和)医院")),
        Some(&verified),
        Some(&registry),
    );
    assert_eq!(
        line(&checks, "recognized_equals_verified.note_no"),
        "passed 00123 / ００１２３"
    );
    assert_eq!(
        line(&checks, "recognized_equals_verified.hospital_name"),
        "passed 北京（协和） 医院 / 北京(协和)医院"
    );
    assert_eq!(
        line(&checks, "recognized_equals_verified.total_cost"),
        "passed 1.00 / 1.0"
    );
    assert_eq!(
        line(&checks, "recognized_equals_verified.billing_date"),
        "passed 2020-06-01 / 2020-06-01"
    );
    assert_eq!(
        line(&checks, "recognized_equals_verified.patient_name"),
        "skipped - / -"
    );
}

#[test]
fn a_status_that_was_not_understood_is_never_clean() {
    let status = RegistryStatus {
        printed: StatusAnswer::Yes,
        red_lettered: StatusAnswer::Unknown,
        voided: StatusAnswer::Yes,
        posted: StatusAnswer::No,
    };
    let registry = Registry {
        status: Some(status),
        ..Registry::default()
    };
    let checks = check(None, None, Some(&registry));
    assert_eq!(line(&checks, "not_voided"), "failed no / yes");
    assert_eq!(line(&checks, "not_red_lettered"), "skipped no / unknown");
    assert_eq!(line(&checks, "not_posted"), "passed no / no");
    let silent = check(None, None, Some(&Registry::default()));
    assert_eq!(line(&silent, "not_voided"), "skipped no / -");
}
