//! Totals, their parts and those who paid them.

use super::*;

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
