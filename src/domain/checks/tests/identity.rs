//! Numbers, names, status and code of the bill.

use super::*;

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
        let checks = compare(Some(&named(one)), Some(&named(other)), None);
        for check in checks.iter().filter(|check| check.id.ends_with("_name")) {
            assert_eq!(check.outcome, outcome, "{one} {other}");
            assert_eq!(check.note.is_some(), outcome == ComparisonOutcome::Skipped);
        }
    }
    let registry = Registry {
        note_no: Some("0103152099".to_owned()),
        ..Registry::default()
    };
    let masked = compare(
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
        let checks = compare(Some(&numbered(one)), Some(&numbered(other)), None);
        let number = checks
            .iter()
            .find(|check| check.id == "recognized_equals_verified.note_no");
        assert_eq!(number.unwrap().outcome, outcome, "{one} {other}");
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
            &compare(Some(&invoice("2.00")), Some(&verified), None),
            "total_equals_categories"
        ),
        "passed 1.00 / 1.00"
    );
    assert_eq!(
        line(
            &compare(None, Some(&verified), None),
            "total_equals_categories"
        ),
        "passed 1.00 / 1.00"
    );
    assert_eq!(
        line(
            &compare(Some(&invoice("2.00")), None, None),
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
    let checks = compare(
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
    let checks = compare(None, None, Some(&registry));
    assert_eq!(line(&checks, "not_voided"), "failed no / yes");
    assert_eq!(line(&checks, "not_red_lettered"), "skipped no / unknown");
    assert_eq!(line(&checks, "not_posted"), "passed no / no");
    let silent = compare(None, None, Some(&Registry::default()));
    assert_eq!(line(&silent, "not_voided"), "skipped no / -");
}

#[test]
fn the_two_results_of_one_answer_agree_or_it_is_said() {
    let id = "registry_agrees_with_itself";
    let standard = Invoice {
        note_no: Some("0103815274".to_owned()),
        check_code: Some("a1B2c3".to_owned()),
        ..invoice("207.0")
    };
    let additional = |number: &str, total: &str| Registry {
        note_no: Some(number.to_owned()),
        check_code: Some("A1b2c3".to_owned()),
        total_cost: amount::from_text(total),
        ..Registry::default()
    };
    let read = |registry: &Registry| line(&compare(None, Some(&standard), Some(registry)), id);
    assert_eq!(
        read(&additional("103815274", "207")),
        "passed note_no 0103815274, check_code a1b2c3, total_cost 207.0 / note_no 103815274, check_code a1b2c3, total_cost 207"
    );
    assert_eq!(
        read(&additional("0103815275", "208")),
        "failed note_no 0103815274, total_cost 207.0 / note_no 0103815275, total_cost 208"
    );
    assert_eq!(read(&Registry::default()), "skipped - / -");
}

#[test]
fn numbers_have_their_shape_and_the_code_its_province() {
    let bill = |code: &str, number: &str, check: &str| Invoice {
        note_code: Some(code.to_owned()),
        note_no: Some(number.to_owned()),
        check_code: Some(check.to_owned()),
        province: Some("河南省".to_owned()),
        ..Invoice::default()
    };
    let read = |bill: &Invoice, id| line(&compare(None, Some(bill), None), id);
    let sound = bill("41060121", "票据号码：0103815274", "no12ab");
    assert!(read(&sound, "numbers_are_shaped").starts_with("passed"));
    assert_eq!(
        read(&sound, "province_equals_note_code"),
        "passed 河南 / 河南"
    );
    let short = bill("410601", "0103815274", "a1b2c3");
    assert_eq!(
        read(&short, "numbers_are_shaped"),
        "failed note_code 8 digits / note_code 410601"
    );
    assert_eq!(
        read(&short, "province_equals_note_code"),
        "skipped - / 河南"
    );
    let elsewhere = bill("11060121", "0103815274", "a1b2c3");
    assert_eq!(
        read(&elsewhere, "province_equals_note_code"),
        "failed 北京 / 河南"
    );
    let masked = bill("4106****", "1031XXXX7250", "XXXXX");
    assert_eq!(read(&masked, "numbers_are_shaped"), "skipped - / -");
}

#[test]
fn the_qr_code_is_a_claim_beside_both() {
    let claim = QrClaim {
        note_code: Some("41060121".to_owned()),
        note_no: Some("0103815274".to_owned()),
        check_code: Some("a1B2c3".to_owned()),
        total_cost: Some("207.50".parse().unwrap()),
        billing_date: Some(jiff::civil::date(2026, 6, 3)),
    };
    let paper = Invoice {
        note_no: Some("0103815274".to_owned()),
        billing_date: date::from_text("2026-06-03", &TimeZone::UTC),
        ..invoice("207.5")
    };
    let held = Invoice {
        note_code: Some("41060121".to_owned()),
        check_code: Some("zzzzzz".to_owned()),
        ..invoice("1207.50")
    };
    let checks = check(&Subject {
        recognised: Some(&paper),
        verified: Some(&held),
        qr: Some(&claim),
        ..Subject::default()
    });
    for (id, expected) in [
        (
            "qr_equals_recognized.note_no",
            "passed 0103815274 / 0103815274",
        ),
        ("qr_equals_recognized.total_cost", "passed 207.50 / 207.5"),
        (
            "qr_equals_recognized.billing_date",
            "passed 2026-06-03 / 2026-06-03",
        ),
        ("qr_equals_verified.note_code", "passed 41060121 / 41060121"),
        ("qr_equals_verified.note_no", "skipped - / 0103815274"),
        ("qr_equals_verified.check_code", "failed zzzzzz / a1b2c3"),
        ("qr_equals_verified.total_cost", "failed 1207.50 / 207.50"),
        ("qr_equals_verified.billing_date", "skipped - / 2026-06-03"),
    ] {
        assert_eq!(line(&checks, id), expected, "{id}");
    }
    assert!(differs_from_registry(&checks));
    let alone = check(&Subject {
        recognised: Some(&paper),
        ..Subject::default()
    });
    assert!(
        !alone.iter().any(|check| check.id.starts_with("qr_")) && !differs_from_registry(&alone)
    );
}
