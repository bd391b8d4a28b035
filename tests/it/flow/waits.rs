//! What is tried again, in place or parked, and for how long.

use super::{SHORT_316, codes};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{NOT_BEFORE, PROGRESS, run_id};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::telemetry::job_event::JobEvent;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

promises![
    a_passing_failure_is_retried_in_place,
    a_throttled_call_is_made_again_in_place_uncharged,
    a_province_in_maintenance_parks_the_job_and_recognition_is_not_bought_again,
    a_bill_without_checks_left_waits_for_the_next_day,
    a_url_that_the_provider_cannot_fetch_is_tried_again_and_given_up,
    a_call_with_too_old_a_signature_is_signed_anew,
    a_day_without_quota_is_waited_out,
    headers_too_large_to_be_parked_harm_no_other_job,
    a_job_that_returns_does_not_wait_behind_the_backlog,
];

async fn a_passing_failure_is_retried_in_place(on: On) {
    let setup = Setup::new(on).await.faults(
        r#"
        [[fault]]
        stage = "recognition"
        answer = "http.502"
        calls = [1]
        [[fault]]
        stage = "verification"
        answer = "INTERNAL_ERROR"
        calls = [1]
        [[fault]]
        stage = "storage"
        key = "samples/*"
        answer = "SlowDown"
        calls = [1]
        "#,
    );
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    assert_eq!(
        codes(&result),
        [
            "recognition http.502 no",
            "recognition 200 yes",
            "verification INTERNAL_ERROR no",
            "verification OK yes"
        ]
    );
    let JobEvent::Answered(event) = system.event().await else {
        panic!("answered, not parked")
    };
    assert_eq!(
        (
            event.totals.retries,
            event.totals.parked,
            event.totals.billed
        ),
        (3, 0, 2)
    );
}

async fn a_throttled_call_is_made_again_in_place_uncharged(on: On) {
    let faults = r#"
        [[fault]]
        stage = "recognition"
        answer = "APIG.0308"
        calls = [1]
        [[fault]]
        stage = "verification"
        answer = "RATE_LIMIT_EXCEEDED"
        calls = [1]
    "#;
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    let expected = [
        "recognition APIG.0308 no",
        "recognition 200 yes",
        "verification RATE_LIMIT_EXCEEDED no",
        "verification OK yes",
    ];
    assert_eq!(codes(&result), expected);
    let JobEvent::Answered(event) = system.event().await else {
        panic!("not parked")
    };
    assert_eq!((event.totals.retries, event.totals.parked), (0, 0));
}

async fn a_province_in_maintenance_parks_the_job_and_recognition_is_not_bought_again(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1, 2]\n";
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(SHORT_316)
        .start()
        .await;
    let key = system.sample("02-henan-inpatient").await;
    let mut job = system.job("job", &key);
    job.properties.headers.set_text("x-theirs", "kept");
    job.properties.priority = Some(3);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification 316 yes",
            "verification 316 yes",
            "verification OK yes"
        ]
    );
    assert_eq!(system.sandbox.calls().count(Stage::Recognition).calls, 1);
    let mut parked = 0;
    while let JobEvent::Parked(event) = system.event().await {
        assert_eq!(
            (event.stage, event.code.as_str()),
            (Stage::Verification, "316")
        );
        parked += 1;
    }
    assert_eq!(parked, 2);
    // Never before its time: 300 ms and 600 ms between the calls.
    let times: Vec<_> = system
        .sandbox
        .calls()
        .of(Stage::Verification)
        .iter()
        .map(|call| call.at.as_millis())
        .collect();
    assert!(
        times[1] - times[0] >= 300 && times[2] - times[1] >= 600,
        "{times:?}"
    );
}

async fn a_bill_without_checks_left_waits_for_the_next_day(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"313\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.broker.retry_delays.push("1h".parse().unwrap());
    let mut system = setup.start().await;
    let key = system.sample("10-henan-outpatient-scan").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let JobEvent::Parked(event) = system.event().await else {
        panic!("parked")
    };
    assert_is_tomorrow(event.until, &system);
    // The message that waits is the job itself, with its progress.
    let waiting = system.take(&system.longest_wait()).await;
    assert_eq!(waiting.body, job.body);
    assert_eq!(waiting.properties.reply_to, job.properties.reply_to);
    assert_eq!(
        waiting.properties.headers.number(NOT_BEFORE),
        Some(event.until.as_millisecond())
    );
    let progress: Value =
        serde_json::from_str(&waiting.properties.headers.text(PROGRESS).unwrap()).unwrap();
    assert_eq!(progress["run"], json!(run_id(&job)));
    assert_eq!(
        progress["totals"],
        json!({ "calls": 2, "billed": 2, "parked": 1, "retries": 0 })
    );
}

async fn a_url_that_the_provider_cannot_fetch_is_tried_again_and_given_up(on: On) {
    let rules = r#"
        [[rule]]
        stage = "verification"
        code = ["DOWNLOAD_ERROR"]
        do = [{ action = "inline" }, { action = "park", delays = ["100ms"], attempts = 2 }, { action = "fail" }]
        billed = "no"
        reason = "shortened"
    "#;
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"DOWNLOAD_ERROR\"\n";
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(rules)
        .start()
        .await;
    let key = system.sample("01-beijing-outpatient").await;
    // Nothing answers there: recognition cannot fetch it either.
    let url = format!(
        "{}/{BUCKET}/{key}?X-Signature=secret",
        system.sandbox.s3_url()
    );
    let job = system.message(
        "job",
        json!({ "job_id": "job", "image": { "url": url } }).to_string(),
    );
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["status"], &result["error"]["stage"]),
        (&json!("undetermined"), &json!("verification")),
        "{result}"
    );
    assert_eq!(
        result["image"],
        json!({ "url": url.split('?').next().unwrap() }),
        "without its query"
    );
    assert!(!result.to_string().contains("secret"), "{result}");
}

async fn a_call_with_too_old_a_signature_is_signed_anew(on: On) {
    let faults = "[[fault]]\nstage = \"recognition\"\nanswer = \"APIG.0303\"\nmessage = \"signature expired\"\ncalls = [1]\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(
        codes(&result),
        [
            "recognition APIG.0303 no",
            "recognition 200 yes",
            "verification OK yes"
        ]
    );
    let JobEvent::Answered(event) = system.event().await else {
        panic!("not parked")
    };
    assert_eq!((event.totals.retries, event.totals.parked), (0, 0));
}

async fn a_day_without_quota_is_waited_out(on: On) {
    let says = "policy user over ratelimit,limit:1000,time:1 day";
    let faults = format!(
        "[[fault]]\nstage = \"recognition\"\nanswer = \"APIG.0308\"\nmessage = \"{says}\"\n"
    );
    let mut system = Setup::new(on).await.faults(&faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked")
    };
    assert_eq!(
        (parked.stage, parked.code.as_str()),
        (Stage::Recognition, "APIG.0308")
    );
    assert_is_tomorrow(parked.until, &system);
}

async fn headers_too_large_to_be_parked_harm_no_other_job(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n";
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(SHORT_316)
        .start()
        .await;
    let key = system.sample("02-henan-inpatient").await;
    let mut job = system.job("heavy", &key);
    // Almost a frame of 128 KiB: it can be received, but not with our headers beside it.
    job.properties
        .headers
        .set_text("invoice-failure", &"x".repeat(124 * 1024));
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification 316 yes",
            "verification OK yes"
        ]
    );
}

/// Some time after midnight where the providers are.
fn assert_is_tomorrow(until: Timestamp, system: &System) {
    let zone = system.config.policy.timezone();
    let (now, until) = (
        Timestamp::now().to_zoned(zone.clone()),
        until.to_zoned(zone),
    );
    assert_eq!(until.date(), now.date().tomorrow().unwrap());
    let minutes = i32::from(until.hour()) * 60 + i32::from(until.minute());
    assert!((10..=120).contains(&minutes), "{until}");
}

async fn a_job_that_returns_does_not_wait_behind_the_backlog(on: On) {
    const BACKLOG: usize = 60;
    let faults =
        "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\ncalls = [1]\n";
    let mut setup = Setup::new(on).await.faults(faults).rules(SHORT_316);
    setup.scenario.recognition.latency = Duration::from_millis(300);
    // The backlog is in the queue, not in the worker.
    setup.config.worker.max_in_flight = 2;
    let mut system = setup.prepare().await;
    let key = system.sample("02-henan-inpatient").await;
    system.submit(&system.job("returns", &key)).await;
    let sample = samples::named("01-beijing-outpatient").unwrap();
    for number in 0..BACKLOG {
        // Behind the end of the picture: another file, the same bill.
        let picture = [sample.bytes, number.to_string().as_bytes()].concat();
        let key = format!("samples/{number}.jpg");
        system.sandbox.put(BUCKET, &key, picture).await.unwrap();
        system
            .submit(&system.job(&format!("backlog {number}"), &key))
            .await;
    }
    system.work().await;
    let mut before = 0;
    while system.result().await["job_id"] != "returns" {
        before += 1;
    }
    assert!(before < BACKLOG / 2, "{before} of the backlog came first");
}
