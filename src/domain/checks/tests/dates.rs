//! Dates and days in hospital.

use super::*;

#[test]
fn dates_that_go_backwards_are_found() {
    let id = "dates_in_order";
    let order = "admission_date <= discharge_date <= billing_date";
    assert_eq!(
        alone(&stay("2020-06-01", "2020-06-03", "2020-06-03", ""), id),
        format!("passed {order} / 2020-06-01, 2020-06-03, 2020-06-03")
    );
    assert_eq!(
        alone(&stay("2020-06-04", "2020-06-03", "2020-06-05", ""), id),
        format!("failed {order} / 2020-06-04, 2020-06-03, 2020-06-05")
    );
    assert_eq!(
        alone(&stay("2020-06-04", "2020-06-3x", "", ""), id),
        "skipped - / 2020-06-04"
    );
    let outpatient = Invoice {
        treatment_date: date::from_text("2020-06-05", &TimeZone::UTC),
        ..stay("", "", "2020-06-04", "")
    };
    assert_eq!(
        alone(&outpatient, id),
        "failed treatment_date <= billing_date / 2020-06-05, 2020-06-04"
    );
}

#[test]
fn days_in_hospital_count_the_last_day_or_do_not() {
    let id = "hospital_days_plausible";
    for (days, outcome) in [
        ("1", "failed"),
        ("2", "passed"),
        ("3.0", "passed"),
        ("4", "failed"),
        ("2.5", "failed"),
    ] {
        assert_eq!(
            alone(&stay("2020-05-31", "2020-06-02", "", days), id),
            format!("{outcome} 2 or 3 / {days}")
        );
    }
    assert_eq!(
        alone(&stay("2020-06-02", "2020-05-31", "", "2"), id),
        "skipped - / 2"
    );
    assert_eq!(
        alone(&stay("2020-06-02", "", "", "many"), id),
        "skipped - / many"
    );
}
