//! What a worker says in its metrics, its log and the names of its connections: scraped from the
//! program, and asked of its broker.

use crate::harness::eventually::eventually;
use crate::harness::program::ConfigFile;
use crate::harness::rabbitmq::Node;
use crate::harness::system::{On, Setup};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Each series that has to be there before anything has happened, with its value.
const FROM_THE_START: &[(&str, f64)] = &[
    (
        "invoice_jobs_total{status=\"completed\",verdict=\"genuine\"}",
        0.0,
    ),
    (
        "invoice_jobs_total{status=\"completed\",verdict=\"recognized\"}",
        0.0,
    ),
    (
        "invoice_jobs_total{status=\"undetermined\",verdict=\"none\"}",
        0.0,
    ),
    (
        "invoice_jobs_total{status=\"invalid_job\",verdict=\"none\"}",
        0.0,
    ),
    ("invoice_jobs_in_flight", 0.0),
    (
        "invoice_job_duration_seconds_count{status=\"undetermined\"}",
        0.0,
    ),
    (
        "invoice_job_duration_seconds_bucket{status=\"completed\",le=\"1209600\"}",
        0.0,
    ),
    (
        "invoice_provider_calls_total{stage=\"recognition\",code=\"200\",billed=\"yes\"}",
        0.0,
    ),
    (
        "invoice_provider_calls_total{stage=\"verification\",code=\"316\",billed=\"yes\"}",
        0.0,
    ),
    (
        "invoice_provider_calls_total{stage=\"verification\",code=\"connect\",billed=\"no\"}",
        0.0,
    ),
    (
        "invoice_provider_call_duration_seconds_bucket{stage=\"recognition\",le=\"660\"}",
        0.0,
    ),
    (
        "invoice_provider_wait_seconds_bucket{stage=\"verification\",le=\"660\"}",
        0.0,
    ),
    (
        "invoice_provider_quota_per_second{stage=\"recognition\"}",
        7.0,
    ),
    (
        "invoice_provider_quota_per_second{stage=\"verification\"}",
        5.0,
    ),
    (
        "invoice_parked_total{stage=\"verification\",code=\"316\"}",
        0.0,
    ),
    (
        "invoice_returned_total{stage=\"verification\",code=\"316\"}",
        0.0,
    ),
    (
        "invoice_parked_total{stage=\"storage\",code=\"connect\"}",
        0.0,
    ),
    ("invoice_stage_closed{stage=\"recognition\"}", 0.0),
    ("invoice_stage_closed{stage=\"verification\"}", 0.0),
    (
        "invoice_closed_until_timestamp_seconds{scope=\"verification\"}",
        0.0,
    ),
    (
        "invoice_next_probe_timestamp_seconds{stage=\"storage\"}",
        0.0,
    ),
    ("invoice_nearest_deadline_timestamp_seconds", 0.0),
    ("invoice_checkpoint_hits_total{kind=\"verification\"}", 0.0),
    ("invoice_redelivered_total", 0.0),
    ("invoice_poison_total", 0.0),
    ("invoice_seal_refused_total{kind=\"progress\"}", 0.0),
    ("invoice_control_calls_total{stage=\"recognition\"}", 0.0),
    (
        "invoice_publish_confirm_seconds_count{kind=\"result\"}",
        0.0,
    ),
    (
        "invoice_publish_confirm_seconds_bucket{kind=\"parked\",le=\"660\"}",
        0.0,
    ),
    ("invoice_broker_reconnects_total", 0.0),
    ("invoice_settle_lost_total", 0.0),
    ("invoice_results_returned_total", 0.0),
    ("invoice_workers_alive", 1.0),
];

/// Every series with its value.
async fn scrape(telemetry: &str) -> BTreeMap<String, f64> {
    let answer = reqwest::get(format!("{telemetry}/metrics")).await.unwrap();
    let text = answer.text().await.unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

async fn body(telemetry: &str) -> Value {
    let answer = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_counter_begins_at_zero_and_a_bucket_is_beyond_each_timeout() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    system.config.recognition.rate_per_second = 7.0;
    system.config.verification.rate_per_second = 5.0;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let metrics = scrape(&telemetry).await;
    for (series, value) in FROM_THE_START {
        assert_eq!(metrics.get(*series), Some(value), "{series}: {metrics:#?}");
    }
    let build = metrics
        .iter()
        .find(|(series, _)| series.starts_with("invoice_build_info{"));
    let (series, value) = build.expect("the build is named");
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(series.contains(&version) && series.contains("commit=\""));
    assert!((value - 1.0).abs() < f64::EPSILON);
    assert_eq!(program.stop().await.code, Some(0));
}

/// Verification answers that the province is in maintenance, and recognition that it fails.
#[tokio::test]
async fn what_is_closed_is_told_with_its_time() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nsample = \"02-henan-inpatient\"\n\
                  [[fault]]\nstage = \"recognition\"\nanswer = \"500\"\nsample = \"01-beijing-outpatient\"\n";
    let system = Setup::new(On::RabbitMq)
        .await
        .faults(faults)
        .prepare()
        .await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let henan = system.sample("02-henan-inpatient").await;
    system.submit(&system.job("henan", &henan)).await;
    let parked = program.event("job parked").await;
    assert_eq!(parked["code"], "316");
    let province = "province 河南";
    let metrics = scrape(&telemetry).await;
    let of = |metrics: &BTreeMap<String, f64>, name: &str| metrics.get(name).copied();
    assert_eq!(
        of(&metrics, "invoice_province_closed{province=\"河南\"}"),
        Some(1.0)
    );
    let until = format!("invoice_closed_until_timestamp_seconds{{scope=\"{province}\"}}");
    let now = Timestamp::now().as_duration().as_secs_f64();
    assert!(of(&metrics, &until).unwrap() > now, "{metrics:#?}");
    let closed = body(&telemetry).await["closed"].clone();
    assert_eq!(closed[0]["province"], "河南", "{closed}");
    assert_eq!(closed[0]["code"], "316");
    let told: Timestamp = closed[0]["until"].as_str().unwrap().parse().unwrap();
    assert!((told.as_duration().as_secs_f64() - of(&metrics, &until).unwrap()).abs() < 0.001);

    let beijing = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("beijing", &beijing)).await;
    eventually("a closed stage", async || {
        of(
            &scrape(&telemetry).await,
            "invoice_stage_closed{stage=\"recognition\"}",
        ) == Some(1.0)
    })
    .await;
    let metrics = scrape(&telemetry).await;
    let until = "invoice_closed_until_timestamp_seconds{scope=\"recognition\"}";
    assert!(of(&metrics, until).unwrap() > now);
    let body = body(&telemetry).await;
    assert_eq!(
        (&body["ready"], &body["state"]),
        (&true.into(), &"consuming".into())
    );
    let scopes = body["closed"].as_array().unwrap();
    assert!(scopes.iter().any(|scope| scope["stage"] == "recognition"));
    assert_eq!(scopes.len(), 2, "{body}");
    assert_eq!(program.stop().await.code, Some(0));
}

#[tokio::test]
async fn store_broker_and_deadlines_are_measured() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"slow\"\ndelay = \"20s\"\n";
    let setup = Setup::new(On::RabbitMq).await.faults(faults);
    let system = setup.prepare().await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("job", &key);
    let deadline = Timestamp::now() + jiff::SignedDuration::from_hours(2);
    let text =
        format!(r#"{{"job_id": "job", "image": {{"key": "{key}"}}, "deadline": "{deadline}"}}"#);
    job.body = text.into();
    system.submit(&job).await;
    system
        .hand_out_and_lose(&system.config.broker.jobs_queue)
        .await;
    let missing = system.job("missing", "nothing.jpg");
    system.submit(&missing).await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[("INVOICE_WORKER__WORKER__REDELIVERY_WAIT", "1ms")]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let answered = program.event("job answered").await;
    assert_eq!(answered["error.code"], "image.not_found");
    let deadline = deadline.as_duration().as_secs_f64();
    eventually("the deadline of the job in hand", async || {
        let metrics = scrape(&telemetry).await;
        let nearest = metrics["invoice_nearest_deadline_timestamp_seconds"];
        (nearest - deadline).abs() < 0.01
    })
    .await;
    let metrics = scrape(&telemetry).await;
    assert!(metrics["invoice_redelivered_total"] >= 1.0);
    for series in [
        "invoice_store_request_duration_seconds_count{operation=\"get\",code=\"ok\"}",
        "invoice_store_request_duration_seconds_count{operation=\"get\",code=\"NoSuchKey\"}",
        "invoice_store_request_duration_seconds_count{operation=\"put\",code=\"ok\"}",
        "invoice_publish_confirm_seconds_count{kind=\"result\"}",
        "invoice_publish_confirm_seconds_count{kind=\"failed\"}",
        "invoice_publish_confirm_seconds_count{kind=\"heartbeat\"}",
    ] {
        assert!(
            metrics.get(series).is_some_and(|count| *count >= 1.0),
            "{series}: {metrics:#?}"
        );
    }
    program.signal("KILL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_lists_its_connections_as_the_log_names_the_worker() {
    let (node, _) = Node::start_managed().await;
    let mut setup = Setup::new(On::Memory).await;
    setup.config.broker = invoice_worker::broker::Config {
        urls: vec![invoice_worker::settings::secret::Secret::new(&node.url())],
        ..invoice_worker::broker::Config::default()
    };
    let system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let event = program.event("consuming").await;
    let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let (id, host, version) = (field("worker.id"), field("host"), field("version"));
    assert_eq!(id.len(), 16, "{event}");
    assert!(!host.is_empty() && version == env!("CARGO_PKG_VERSION"));
    let instance = format!("worker {id} on {host}, version {version}");
    let listed = node.ctl(&["list_connections", "client_properties"]).await;
    for purpose in ["consuming", "publishing"] {
        let name = format!("invoice-worker {purpose}, {instance}");
        assert!(listed.contains(&name), "{name}: {listed}");
    }
    let ended = program.stop().await;
    for line in ended.stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["worker.id"], id.as_str(), "{line}");
    }
}
