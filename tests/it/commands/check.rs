//! `check`: one line for each thing that the worker needs, and a status that a script can go by.

use crate::harness::otherwise::declare_otherwise;
use crate::harness::program::{ConfigFile, output};
use crate::harness::rabbitmq::free_port;
use crate::harness::system::{On, Setup, System};
use invoice_worker::config::WorkerConfig;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use serde_json::{Value, json};

async fn check(file: &ConfigFile, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let ended = output(&["check", "-c", &file.path()], environment).await;
    assert_eq!(ended.stderr, "");
    (ended.code, ended.stdout)
}

/// As a worker is configured: the other tests wait less for a redelivered job than is safe.
async fn safe() -> System {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.worker = WorkerConfig::default();
    setup.prepare().await
}

fn lines<'a>(text: &'a str, verdict: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| line.starts_with(verdict))
        .collect()
}

#[tokio::test]
async fn a_system_that_is_in_order_passes_line_by_line() {
    let system = safe().await;
    let (code, text) = check(&ConfigFile::of(&system), &[]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(lines(&text, "ok").len(), text.lines().count(), "{text}");
    for about in [
        "configuration",
        "policy",
        "broker.urls",
        "queues",
        "storage.bucket",
        "checkpoints",
        "recognition.url",
        "verification.url",
    ] {
        assert!(
            text.lines().any(|line| line.contains(about)),
            "{about}: {text}"
        );
    }
    assert!(text.contains("honours conditional writes"), "{text}");
    let calls = system.sandbox.calls();
    assert_eq!(
        calls.count(Stage::Recognition).calls + calls.count(Stage::Verification).calls,
        0,
        "nothing is paid for"
    );
}

#[tokio::test]
async fn missing_queues_are_no_mistake_unless_declare_topology_is_false() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    system.config.broker.results_queue.push_str(".another");
    let file = ConfigFile::of(&system);
    let (code, text) = check(&file, &[]).await;
    assert!(
        code == Some(0) && text.contains("1 are not there yet"),
        "{text}"
    );
    let (code, text) = check(
        &file,
        &[("INVOICE_WORKER__BROKER__DECLARE_TOPOLOGY", "false")],
    )
    .await;
    assert_eq!((code, lines(&text, "FAILED").len()), (Some(1), 1), "{text}");
    assert!(text.contains("does not exist; declare it"), "{text}");
}

#[tokio::test]
async fn everything_that_is_wrong_is_reported_with_its_mend_and_without_secrets() {
    const PASSWORD: &str = "a-password-nobody-may-see";
    let mut system = safe().await;
    let closed = Secret::new(&format!(
        "amqp://guest:{PASSWORD}@127.0.0.1:{}/%2f",
        free_port()
    ));
    system.config.broker.urls.insert(0, closed);
    system.config.storage.bucket = "nobodys-bucket".to_owned();
    system.config.verification.url = format!("http://127.0.0.1:{}/", free_port());
    let (code, text) = check(&ConfigFile::of(&system), &[]).await;
    let failed = lines(&text, "FAILED");
    assert_eq!(
        (code, failed.len(), lines(&text, "warning").len()),
        (Some(1), 3, 1),
        "{text}"
    );
    for told in ["create the bucket", "the way to it open?"] {
        assert!(
            failed.iter().any(|line| line.contains(told)),
            "{told}: {text}"
        );
    }
    assert!(!text.contains(PASSWORD), "{text}");
    assert!(
        text.contains("ok      broker.urls"),
        "the other one answers: {text}"
    );
}

#[tokio::test]
async fn offline_connects_nothing() {
    let mut system = safe().await;
    system.config.broker.urls = vec![Secret::new(&format!(
        "amqp://127.0.0.1:{}/%2f",
        free_port()
    ))];
    let ended = output(
        &["check", "--offline", "-c", &ConfigFile::of(&system).path()],
        &[],
    )
    .await;
    assert_eq!(
        (ended.code, ended.stdout.lines().count()),
        (Some(0), 2),
        "{ended:?}"
    );
}

#[tokio::test]
async fn an_unsafe_setting_is_a_warning_with_its_remedy() {
    let mut system = safe().await;
    system.config.worker.redelivery_wait = span("30s");
    let queues = &system.config.broker;
    for (queue, changes) in [
        (&queues.failed_queue, &[("x-delivery-limit", None)][..]),
        (
            &queues.jobs_queue,
            &[
                ("x-delivery-limit", None),
                ("x-max-length", Some(1_000_000)),
            ],
        ),
    ] {
        system.session.delete_queue(queue).await.unwrap();
        declare_otherwise(queues, queue, true, changes).await;
    }
    let (code, text) = check(&ConfigFile::of(&system), &[]).await;
    let warnings = lines(&text, "warning");
    assert_eq!(
        (code, warnings.len(), lines(&text, "FAILED").len()),
        (Some(0), 3, 0),
        "{text}"
    );
    assert!(
        warnings[..2]
            .iter()
            .all(|line| line.contains("worker.redelivery_wait: 30s is not longer than")),
        "{text}"
    );
    let limit = format!(
        "queue {} has x-delivery-limit none instead of 1000000, and is used as it is; from RabbitMQ 4",
        queues.failed_queue
    );
    assert!(
        warnings[2].contains(&limit) && warnings[2].contains("a policy gives it a delivery-limit"),
        "{text}"
    );
    for argument in [
        "x-delivery-limit none instead of 20",
        "x-max-length 1000000 instead of none",
    ] {
        assert!(
            lines(&text, "ok")
                .iter()
                .any(|line| line.contains(&queues.jobs_queue) && line.contains(argument)),
            "{argument}: {text}"
        );
    }
}

/// A worker says something every two seconds, and `check` listens for longer.
#[tokio::test]
async fn workers_of_another_fleet_or_seal_on_the_same_exchange_are_reported() {
    let mut system = Setup::new(On::RabbitMq).await.start().await;
    let file = ConfigFile::of(&system);
    let (_, text) = check(&file, &[]).await;
    assert!(!text.contains("broker.control_exchange"), "{text}");
    let (_, text) = check(
        &file,
        &[(
            "INVOICE_WORKER__SEAL__KEY",
            "a-key-that-the-running-worker-does-not-have",
        )],
    )
    .await;
    assert!(text.contains("have no valid seal of ours"), "{text}");
    let jobs = format!("{}.other", system.config.broker.jobs_queue);
    let (_, text) = check(&file, &[("INVOICE_WORKER__BROKER__JOBS_QUEUE", &jobs)]).await;
    assert!(
        text.contains("workers with other queues or accounts use"),
        "{text}"
    );
    system.drain().await;
}

#[tokio::test]
async fn findings_are_for_programs_too_and_a_warning_counts_where_none_is_allowed() {
    let mut system = safe().await;
    let sound = ConfigFile::of(&system);
    system.config.worker.redelivery_wait = span("30s");
    let doubtful = ConfigFile::of(&system);
    for (file, arguments, code, worst) in [
        (
            &sound,
            &["--offline", "--json", "--deny-warnings"][..],
            0,
            "passed",
        ),
        (&doubtful, &["--offline", "--json"], 0, "warning"),
        (
            &doubtful,
            &["--offline", "--json", "--deny-warnings"],
            1,
            "warning",
        ),
        (&sound, &["--json"], 0, "passed"),
    ] {
        let path = file.path();
        let ended = output(&[&["check", "-c", &path], arguments].concat(), &[]).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        let told: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(told["outcome"], worst, "{told}");
        let findings = told["findings"].as_array().unwrap();
        assert_eq!(findings[0]["about"], "configuration");
        let outcomes: Vec<&Value> = findings.iter().map(|finding| &finding["outcome"]).collect();
        assert_eq!(outcomes.contains(&&json!("warning")), worst == "warning");
    }
    let ended = output(
        &[
            "check",
            "--offline",
            "--deny-warnings",
            "-c",
            &doubtful.path(),
        ],
        &[],
    )
    .await;
    assert!(
        ended.code == Some(1) && ended.stdout.contains("warning configuration"),
        "{ended:?}"
    );
}
