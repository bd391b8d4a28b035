mod dates;

use super::*;
use crate::domain::invoice::{
    Checksum, CostDetail, Invoice, NamedAmount, Registry, RegistryStatus, StatusAnswer, Sum,
};
use crate::domain::job::Expectations;
use crate::domain::payment::Payment;
use crate::domain::qr::QrClaim;
use crate::domain::reading::Reading;
use crate::domain::{amount, date};
use jiff::tz::TimeZone;

fn compare(
    recognised: Option<&Invoice>,
    verified: Option<&Invoice>,
    registry: Option<&Registry>,
) -> Vec<Check> {
    check(&Subject {
        recognised,
        verified,
        registry,
        today: jiff::civil::date(2026, 11, 29),
        ..Subject::default()
    })
}

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
    line(&compare(Some(invoice), None, None), id)
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
    let ids: Vec<String> = compare(None, None, None)
        .into_iter()
        .map(|check| check.id)
        .collect();
    let expected = [
        "total_equals_words",
        "total_equals_categories",
        "total_equals_details",
        "payments_add_up",
        "details_within_categories",
        "unit_price_times_quantity",
        "dates_in_order",
        "hospital_days_plausible",
        "not_in_future",
        "numbers_are_shaped",
        "province_equals_note_code",
        "recognized_equals_verified.note_no",
        "recognized_equals_verified.patient_name",
        "recognized_equals_verified.total_cost",
        "recognized_equals_verified.billing_date",
        "recognized_equals_verified.hospital_name",
        "registry_agrees_with_itself",
        "checksum_categories",
        "checksum_details",
        "not_voided",
        "not_red_lettered",
        "not_posted",
    ];
    assert_eq!(ids, expected);
    assert!(
        compare(None, None, None)
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
    let checks = compare(Some(&one), Some(&other), None);
    assert_eq!(
        line(&checks, "recognized_equals_verified.total_cost"),
        "passed 207 / 207.00"
    );
    assert_eq!(
        note(&checks, "recognized_equals_verified.total_cost").as_deref(),
        Some("rounded to the fen")
    );
    let checks = compare(Some(&invoice("207.01")), Some(&other), None);
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
    let checks = compare(Some(&cut), None, None);
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

fn named(name: Option<&str>, text: &str) -> NamedAmount {
    NamedAmount {
        name: name.map(str::to_owned),
        amount: amount::from_text(text),
    }
}

#[test]
fn a_row_that_repeats_the_sum_is_not_added() {
    let id = "total_equals_categories";
    for rows in [
        vec![
            named(Some("西药费"), "837.73"),
            named(Some("检查费"), "101.75"),
            named(Some("合计"), "939.48"),
        ],
        vec![
            named(Some("西药费"), "837.73"),
            named(Some("检查费"), "101.75"),
            named(Some("合 计："), "939.48"),
        ],
        vec![
            named(Some("西药费"), "837.73"),
            named(Some("检查费"), "101.75"),
            named(None, "939.48"),
        ],
        vec![
            named(Some("西药费"), "939.48"),
            named(Some("小计"), "939.48"),
            named(Some("总计"), "939.48"),
        ],
    ] {
        let bill = Invoice {
            cost_categories: rows,
            ..invoice("939.48")
        };
        assert_eq!(alone(&bill, id), "passed 939.48 / 939.48");
    }
}

fn paid(payments: &[(&str, &str)]) -> Invoice {
    let payments = payments.iter().map(|(name, text)| {
        let name = Some((*name).to_owned());
        Payment::named(
            name,
            || amount::from_text(text),
            || Some((*text).to_owned()),
        )
    });
    Invoice {
        payments: payments.collect(),
        ..invoice("939.48")
    }
}

#[test]
fn the_payments_of_those_who_paid_make_the_total() {
    for (payments, expected) in [
        (
            vec![
                ("基金支付", "101.75"),
                ("个人支付金额", "837.73"),
                ("自付一", "795.06"),
                ("门诊大额支付", "83.79"),
            ],
            "passed 939.48 / 939.48",
        ),
        (
            vec![
                ("医保统筹基金支付", "500"),
                ("其他支付", "39.48"),
                ("个人账户支付", "300"),
                ("个人现金支付", "100"),
                ("个人自付", "400"),
            ],
            "passed 939.48 / 939.48",
        ),
        (
            vec![
                ("医保统筹基金支付", "500"),
                ("个人账户支付", "300"),
                ("个人现金支付", "100"),
            ],
            "failed 900 / 939.48",
        ),
        (
            vec![("医保统筹基金支付", "500"), ("个人现金支付", "?")],
            "skipped - / 939.48",
        ),
        (vec![("个人现金支付", "100")], "skipped - / 939.48"),
        (vec![], "skipped - / 939.48"),
    ] {
        assert_eq!(
            alone(&paid(&payments), "payments_add_up"),
            expected,
            "{payments:?}"
        );
    }
}

fn detail(fields: [&str; 4], category: Option<&str>) -> CostDetail {
    let [name, price, quantity, cost] = fields;
    CostDetail {
        name: Some(name.to_owned()),
        unit_price: amount::from_text(price),
        quantity: amount::from_text(quantity),
        amount: amount::from_text(cost),
        category: category.map(str::to_owned),
        ..CostDetail::default()
    }
}

#[test]
fn details_cost_no_more_than_their_category() {
    let bill = |details: Vec<CostDetail>| Invoice {
        cost_categories: vec![
            named(Some("西药费"), "100.00"),
            named(Some("检查费"), "50.00"),
        ],
        cost_details: details,
        ..invoice("150.00")
    };
    let id = "details_within_categories";
    let outcome = |details| {
        alone(&bill(details), id)
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    let drug = |cost, category| detail(["药", "", "", cost], category);
    assert_eq!(
        outcome(vec![
            drug("60.00", Some("西药费")),
            drug("40.01", Some("西药费"))
        ]),
        "passed"
    );
    assert_eq!(
        outcome(vec![
            drug("60.00", Some("西药费")),
            drug("41.00", Some("西药费"))
        ]),
        "failed"
    );
    assert_eq!(
        outcome(vec![
            drug("100.00", None),
            drug("49.00", None),
            drug("149.00", None)
        ]),
        "failed"
    );
    assert_eq!(
        outcome(vec![drug("100.00", None), drug("49.00", None)]),
        "passed"
    );
    assert_eq!(outcome(vec![drug("?", None)]), "skipped");
    assert_eq!(outcome(vec![]), "skipped");
}

#[test]
fn a_price_times_its_quantity_is_the_amount_as_printers_round_it() {
    let id = "unit_price_times_quantity";
    let bill = |lines: &[[&str; 4]]| Invoice {
        cost_details: lines.iter().map(|line| detail(*line, None)).collect(),
        ..invoice("1")
    };
    for (line, is_fitting) in [
        (["药", "29.3200", "10", "293.20"], true),
        (["药", "0.33", "3", "1.00"], true),
        (["药", "29.32", "10", "295.00"], false),
        (["药", "29.32", "-1", "-29.32"], true),
        (["药", "29.32", "1", "-29.32"], true),
        (["药", "12.5", "2", "125"], false),
    ] {
        let read = alone(&bill(&[line]), id);
        assert_eq!(read.starts_with("passed"), is_fitting, "{line:?}: {read}");
    }
    let herbs = CostDetail {
        unit: Some("g".to_owned()),
        ..detail(["黄芪", "0.10", "30", "21.00"], None)
    };
    let bill_of_herbs = Invoice {
        cost_details: vec![herbs],
        ..invoice("1")
    };
    assert!(
        alone(&bill_of_herbs, id).starts_with("passed"),
        "seven doses"
    );
    assert_eq!(alone(&bill(&[["药", "", "1", "1"]]), id), "skipped - / -");
    assert_eq!(
        alone(
            &bill(&[["药", "1", "1", "1"], ["药", "2.00", "3", "7.00"]]),
            id
        ),
        "failed line 2: 2.00 * 3 = 6 / 7.00"
    );
}

#[test]
fn a_bill_is_not_of_the_future() {
    let id = "not_in_future";
    assert_eq!(
        alone(&stay("", "", "2026-11-29", ""), id),
        "passed <= 2026-11-29 / 2026-11-29"
    );
    assert!(
        alone(&stay("", "", "2026-11-30", ""), id).starts_with("passed"),
        "another zone's day"
    );
    assert_eq!(
        alone(&stay("2026-11-01", "2026-12-02", "2026-11-29", ""), id),
        "failed discharge_date <= 2026-11-29 / 2026-12-02"
    );
    assert_eq!(alone(&stay("", "", "", ""), id), "skipped - / -");
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
fn the_providers_own_sums_are_findings() {
    let bill = Invoice {
        checksum: Some(Checksum {
            categories: Some(Sum::Failed),
            details: Some(Sum::Unchecked),
        }),
        ..invoice("1")
    };
    let checks = compare(None, Some(&bill), None);
    assert_eq!(
        line(&checks, "checksum_categories"),
        "failed passed / failed"
    );
    assert_eq!(
        line(&checks, "checksum_details"),
        "skipped passed / unchecked"
    );
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

#[test]
fn what_the_job_expects_is_checked_and_nothing_else() {
    let bill = Invoice {
        patient_name: Some("姓名：张 三".to_owned()),
        hospital_name: Some("北京（协和）医院".to_owned()),
        treatment_date: date::from_text("2026-06-03", &TimeZone::UTC),
        billing_date: date::from_text("2026-07-03", &TimeZone::UTC),
        ..invoice("939.48")
    };
    let checked = |expect: Expectations| {
        let checks = check(&Subject {
            verified: Some(&bill),
            expect: Some(&expect),
            ..Subject::default()
        });
        let of_job = checks
            .iter()
            .skip_while(|check| check.id != "not_posted")
            .skip(1);
        of_job
            .map(|found| format!("{} {:?}", found.id, found.outcome).to_lowercase())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let day = |text: &str| Some(text.parse().unwrap());
    let whole = |name: &str, until, hospital: &str, limit: &str| Expectations {
        patient_name: Some(name.to_owned()),
        from: day("2026-01-01"),
        until: day(until),
        hospitals: vec!["某医院".to_owned(), hospital.to_owned()],
        total_at_most: Some(limit.parse().unwrap()),
    };
    assert_eq!(
        checked(whole("张三", "2026-06-30", "北京(协和)医院", "939.48")),
        "insured_is_patient passed, treated_within_policy passed, hospital_is_listed passed, total_within_limit passed"
    );
    assert_eq!(
        checked(whole("李四", "2026-06-02", "浙江医院", "939.47")),
        "insured_is_patient failed, treated_within_policy failed, hospital_is_listed failed, total_within_limit failed"
    );
    assert_eq!(checked(Expectations::default()), "");
}

/// Every sample: what its folder says has failed, and no other check.
#[test]
fn no_check_gives_a_false_alarm_on_the_samples() {
    use crate::provider::{deepfinch, huawei};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/invoices");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{name}")).unwrap()).unwrap()
    };
    for sample in read("index.json").as_array().unwrap() {
        let name = sample.as_str().unwrap();
        let answers = read(&format!("{name}.answers.json"));
        let body = serde_json::json!({"code": 200, "data": answers["recognition"]});
        let recognised = huawei::read_answer(200, body.to_string().as_bytes());
        let body = serde_json::json!({"status": "OK", "data": answers["verification"]});
        let verified = deepfinch::read_answer(200, body.to_string().as_bytes());
        let (recognised, verified) = (recognised.ok().unwrap(), verified.ok().unwrap());
        let checks = check(&Subject {
            recognised: Some(&recognised.answer),
            verified: Some(&verified.answer.invoice),
            registry: Some(&verified.answer.registry),
            qr: QrClaim::read(answers["qr"].as_str().unwrap()).as_ref(),
            expect: None,
            today: jiff::civil::date(2026, 11, 29),
        });
        let failed: Vec<&str> = checks
            .iter()
            .filter(|check| check.outcome == ComparisonOutcome::Failed)
            .map(|check| check.id.as_str())
            .filter(|id| !id.starts_with("qr_equals_recognized"))
            .collect();
        let expected = read(&format!("{name}.expected.json"));
        let mut expected: Vec<&str> = expected["failed_checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        expected.sort_by_key(|id| checks.iter().position(|check| check.id == **id));
        assert_eq!(failed, expected, "{name}");
    }
}
