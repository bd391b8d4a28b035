mod amounts;
mod dates;
mod identity;
mod lines;

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
