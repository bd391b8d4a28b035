//! `run`: jobs are answered, and log and metrics tell of it without telling what is in them.

use crate::harness::eventually::eventually;
use crate::harness::program::ConfigFile;
use crate::harness::system::{On, Setup, System};
use invoice_worker::dev::sandbox::{Sample, samples};
use serde_json::Value;
use std::collections::BTreeSet;

/// What both providers say about a person or a bill: every text that could be recognised again.
fn private(sample: &Sample) -> BTreeSet<String> {
    fn gather(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(found.insert(text.clone())),
            Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
            Value::Object(values) => values.values().for_each(|value| gather(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    gather(
        &serde_json::from_str(sample.answers_json).unwrap(),
        &mut found,
    );
    // Shorter ones are everywhere: a sum, a sex, a number of days.
    found.retain(|text| text.chars().count() >= if text.is_ascii() { 8 } else { 3 });
    found
}

fn secrets(system: &System) -> Vec<String> {
    let credentials = system.sandbox.credentials();
    let mut secrets = vec![
        credentials.app_secret,
        credentials.api_secret,
        credentials.secret_access_key,
        "guest:guest".to_owned(),
    ];
    secrets.extend(
        [
            "Signature=",
            "X-Sdk-Date",
            "Authorization",
            "AWS4-HMAC-SHA256",
            "SDK-HMAC-SHA256",
        ]
        .map(str::to_owned),
    );
    secrets
}

/// Lines of the exposition format: comments, or a name with labels and a number.
fn names(exposition: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in exposition.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            assert!(
                comment.starts_with("HELP ") || comment.starts_with("TYPE "),
                "{line}"
            );
            continue;
        }
        let (series, value) = line
            .rsplit_once(' ')
            .unwrap_or_else(|| panic!("no value: {line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap();
        assert!(
            name.chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '_'),
            "{line}"
        );
        names.insert(name.to_owned());
    }
    names
}

#[tokio::test]
async fn jobs_are_answered_and_logged_without_their_content() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    // The loudest log there is.
    let prices = r#"[{ from = "2026-01-01", price = "0.25" }, { from = 2999-01-01, price = "9" }]"#;
    let mut program = file.run(&[
        (
            "INVOICE_WORKER__TELEMETRY__LOG",
            "trace,lapin=trace,hyper=trace,aws_sigv4=trace",
        ),
        ("INVOICE_WORKER__RECOGNITION__PRICE", prices),
        ("INVOICE_WORKER__VERIFICATION__PRICE", "1.5"),
    ]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    eventually("ready", async || {
        reqwest::get(format!("{telemetry}/readyz"))
            .await
            .unwrap()
            .status()
            == 200
    })
    .await;
    let ready = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    assert_eq!(
        ready.json::<Value>().await.unwrap(),
        serde_json::json!({ "ready": true, "state": "consuming" })
    );
    assert_eq!(
        reqwest::get(format!("{telemetry}/livez"))
            .await
            .unwrap()
            .status(),
        200
    );

    let key = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("CLM-1", &key)).await;
    assert_eq!(result["verdict"], "genuine");
    let event = program.event("job answered").await;
    assert_eq!(
        (&event["job.id"], &event["status"], &event["verdict"]),
        (&"CLM-1".into(), &"completed".into(), &"genuine".into())
    );
    assert_eq!(event["calls.codes"], "recognition 200, verification OK");
    assert_eq!(
        (&event["calls.made"], &event["calls.billed"]),
        (&2.into(), &2.into())
    );
    assert_eq!(event["job.run"].as_str().unwrap().len(), 64);
    assert!(
        event["turn_ms"].is_u64() && event["age_ms"].is_u64(),
        "{event}"
    );

    // A result that comes back is what a broker's library likes to log.
    let mut orphan = system.job("CLM-2", &key);
    orphan.properties.reply_to = Some("nobodys-queue".to_owned());
    system.submit(&orphan).await;
    program.event("job answered").await;

    let metrics = reqwest::get(format!("{telemetry}/metrics")).await.unwrap();
    assert!(
        metrics.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    let metrics = metrics.text().await.unwrap();
    let names = names(&metrics);
    for name in [
        "invoice_jobs_total",
        "invoice_jobs_in_flight",
        "invoice_job_duration_seconds_bucket",
        "invoice_provider_calls_total",
        "invoice_provider_call_duration_seconds_bucket",
        "invoice_provider_wait_seconds_bucket",
        "invoice_provider_rate_limit_per_second",
        "invoice_checkpoint_hits_total",
        "invoice_broker_reconnects_total",
        "invoice_settle_lost_total",
        "invoice_results_returned_total",
        "invoice_image_memory_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(names.contains(name), "{name} is missing: {metrics}");
    }
    let answered = "invoice_jobs_total{status=\"completed\",verdict=\"genuine\"} 2";
    assert!(metrics.lines().any(|line| line == answered), "{metrics}");
    for (account, cost) in [("recognition", "0.25"), ("verification", "1.5")] {
        let labels = format!("account=\"{account}\",billed=\"yes\",currency=\"CNY\"");
        let cost = format!("invoice_cost_total{{{labels}}} {cost}");
        assert!(metrics.lines().any(|line| line == cost), "{metrics}");
    }

    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in ended.stderr.lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok(),
            "not JSON: {line}"
        );
    }
    // A code of S3, which is a label from the start.
    let metrics = metrics.replace("AuthorizationHeaderMalformed", "");
    let private = private(samples::named("01-beijing-outpatient").unwrap());
    assert!(private.len() > 20 && private.contains("张样例") && private.contains("0103815274"));
    for text in private.into_iter().chain(secrets(&system)) {
        assert!(
            !ended.stderr.contains(&text) && !metrics.contains(&text),
            "{text} is told: {}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_parked_job_is_counted_out_and_in() {
    let setup = Setup::new(On::RabbitMq)
        .await
        .faults("[[fault]]\nstage = \"verification\"\nanswer = \"316\"\ncalls = [1]\n");
    let mut system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let rules = r#"
        [[rule]]
        stage = "verification"
        code = ["316"]
        do = [{ action = "park", delays = ["1s"], attempts = 2 }, { action = "fail" }]
        scope = "province"
        billed = "yes"
        reason = "the province is in maintenance"
    "#;
    std::fs::write(file.file("rules.toml"), rules).unwrap();
    let mut program = file.run(&[(
        "INVOICE_WORKER__POLICY__FILE",
        &file.file("rules.toml").display().to_string(),
    )]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("CLM-1", &key)).await;
    assert_eq!(result["verdict"], "genuine");
    let metrics = reqwest::get(format!("{telemetry}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for name in ["invoice_parked_total", "invoice_returned_total"] {
        let line = format!("{name}{{stage=\"verification\",code=\"316\"}} 1");
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}: {metrics}"
        );
    }
    assert_eq!(program.stop().await.code, Some(0));
}
