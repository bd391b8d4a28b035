//! The bill's QR code, read here: a claim beside what was read and what the registry holds.

use crate::harness::system::{On, Setup, System};
use invoice_worker::config::ReadQr;
use serde_json::Value;
use std::time::Duration;

promises![
    where_the_accounts_leave_time_the_code_of_an_original_is_read,
    where_they_do_not_only_that_of_a_picture_that_is_made,
    no_code_is_read_where_that_is_configured,
];

/// The checks of the code, by outcome.
fn checks(result: &Value, outcome: &str) -> Vec<String> {
    let checks = result["checks"].as_array().unwrap();
    let of_the_code = checks
        .iter()
        .filter(|check| check["outcome"] == outcome)
        .filter_map(|check| check["id"].as_str())
        .filter(|id| id.starts_with("qr_equals_"));
    of_the_code.map(str::to_owned).collect()
}

async fn ask(system: &mut System, stem: &str, job: &str) -> Value {
    let key = system.sample(stem).await;
    let result = system.ask(&system.job(job, &key)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    result
}

async fn where_the_accounts_leave_time_the_code_of_an_original_is_read(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.recognition.rate_per_second = 5.0;
    setup.config.verification.rate_per_second = 5.0;
    // Longer than the reading takes on a machine that has other things to do.
    setup.scenario.recognition.latency = Duration::from_secs(5);
    let mut system = setup.start().await;
    let result = ask(&mut system, "01-beijing-outpatient", "job 1").await;
    assert_eq!(checks(&result, "failed"), [""; 0], "{}", result["checks"]);
    let passed = checks(&result, "passed");
    for id in [
        "qr_equals_recognized.note_no",
        "qr_equals_recognized.total_cost",
        "qr_equals_recognized.billing_date",
        "qr_equals_verified.note_code",
        "qr_equals_verified.note_no",
        "qr_equals_verified.check_code",
        "qr_equals_verified.total_cost",
        "qr_equals_verified.billing_date",
    ] {
        assert!(passed.contains(&id.to_owned()), "{id} of {passed:?}");
    }
    // A pen stroke made 939.48 be read as 1939.48; the code knows better, and is no verdict.
    let result = ask(&mut system, "09-beijing-outpatient-misread", "job 2").await;
    assert_eq!(
        checks(&result, "failed"),
        ["qr_equals_recognized.total_cost"]
    );
    // Nothing is asked about it any more, and nothing decoded.
    let result = ask(&mut system, "01-beijing-outpatient", "job 3").await;
    assert_eq!(checks(&result, "passed"), [""; 0]);
}

async fn where_they_do_not_only_that_of_a_picture_that_is_made(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let result = ask(&mut system, "01-beijing-outpatient", "job 1").await;
    assert_eq!(checks(&result, "passed"), [""; 0]);
    // It is turned upright for recognition.
    let result = ask(&mut system, "11-tianjin-outpatient-photo", "job 2").await;
    let passed = checks(&result, "passed");
    assert!(
        passed.contains(&"qr_equals_verified.note_no".to_owned()),
        "{passed:?}"
    );
}

async fn no_code_is_read_where_that_is_configured(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.worker.read_qr = ReadQr::Never;
    let mut system = setup.start().await;
    let result = ask(&mut system, "11-tianjin-outpatient-photo", "job 1").await;
    assert_eq!(checks(&result, "passed"), [""; 0]);
}
