//! What a job may try is counted, travels with it, and comes to an end.

use super::{codes, text};
use crate::harness::system::{On, Setup};
use invoice_worker::domain::failure::Stage;
use invoice_worker::telemetry::job_event::JobEvent;
use invoice_worker::worker::Drained;
use serde_json::json;

promises![
    an_unknown_code_fails_the_job_and_is_reported_as_it_came,
    a_worker_that_takes_over_goes_on_counting
];

/// The rules for what no rule names, in a hurry.
const UNKNOWN: &str = r##"
    [[rule]]
    stage = "verification"
    code = ["#"]
    do = [{ action = "park", delays = ["100ms"], attempts = 2 }, { action = "fail" }]
    billed = "yes"
    reason = "shortened"
    [[rule]]
    stage = "verification"
    code = ["*"]
    do = [{ action = "park", delays = ["100ms"], attempts = 2 }, { action = "fail" }]
    billed = "unknown"
    reason = "shortened"
    [[rule]]
    stage = "recognition"
    code = ["*"]
    do = [{ action = "park", delays = ["100ms"], attempts = 2 }, { action = "fail" }]
    billed = "yes"
    reason = "shortened"
"##;

async fn an_unknown_code_fails_the_job_and_is_reported_as_it_came(on: On) {
    let cases = [
        (
            Stage::Verification,
            "SOMETHING_NEW",
            "http_status = 400\nmessage = \"as never before\"",
            "unknown",
        ),
        (
            Stage::Verification,
            "9999",
            "message = \"as never before\"",
            "yes",
        ),
        (
            Stage::Recognition,
            "1",
            "message = \"as never before\"",
            "yes",
        ),
    ];
    for (stage, code, more, billed) in cases {
        let faults = format!("[[fault]]\nstage = \"{stage}\"\nanswer = \"{code}\"\n{more}\n");
        let mut system = Setup::new(on)
            .await
            .faults(&faults)
            .rules(UNKNOWN)
            .start()
            .await;
        let key = system.sample("01-beijing-outpatient").await;
        let job = json!({ "job_id": code, "image": { "key": key }, "verify": stage == Stage::Verification });
        let job = system.message(code, job.to_string());
        let result = system.ask(&job).await;
        assert_eq!(result["status"], "undetermined", "{result}");
        let error = &result["error"];
        assert_eq!(
            (
                text(&error["stage"]),
                text(&error["code"]),
                &error["attempts"]
            ),
            (stage.as_str(), code, &json!(3))
        );
        assert!(
            text(&error["message"]).contains("as never before"),
            "{error}"
        );
        let asked: Vec<String> = codes(&result)
            .into_iter()
            .filter(|call| call.starts_with(stage.as_str()))
            .collect();
        assert_eq!(asked, vec![format!("{stage} {code} {billed}"); 3]);
        assert_eq!(system.sandbox.calls().count(stage).calls, 3);
        system.drain().await;
    }
}

async fn a_worker_that_takes_over_goes_on_counting(on: On) {
    let rules = r#"
        [[rule]]
        stage = "verification"
        code = ["198"]
        do = [{ action = "retry", attempts = 1, backoff = "10ms" }, { action = "park", delays = ["2s", "100ms"], attempts = 2 }, { action = "fail" }]
        billed = "yes"
        reason = "shortened"
    "#;
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"198\"\n";
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(rules)
        .start()
        .await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked")
    };
    assert_eq!(
        (
            parked.totals.calls,
            parked.totals.retries,
            parked.totals.parked
        ),
        (3, 1, 1)
    );
    assert_eq!(system.drain().await, Drained::Yes);
    system.work().await;
    let result = system.result().await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("undetermined"), &json!("198")),
        "{result}"
    );
    let asked = [
        "recognition 200 yes",
        "verification 198 yes",
        "verification 198 yes",
        "verification 198 yes",
        "verification 198 yes",
    ];
    assert_eq!(codes(&result), asked);
    let calls = system.sandbox.calls();
    assert_eq!(
        (
            calls.count(Stage::Recognition).calls,
            calls.count(Stage::Verification).calls
        ),
        (1, 4)
    );
}
