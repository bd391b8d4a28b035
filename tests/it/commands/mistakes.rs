//! One clear error for each mistake, before anything is connected where it can be known by then;
//! never with a secret in it.

use crate::harness::program::{ConfigFile, Ended, output};
use crate::harness::system::{On, Setup, System};
use serde_json::Value;

const PASSWORD: &str = "a-password-nobody-may-see";

async fn refused(text: &str, environment: &[(&str, &str)]) -> Ended {
    let file = ConfigFile::with(text);
    let ended = output(&["run", "-c", &file.path()], environment).await;
    assert_eq!(ended.code, Some(64), "{text}: {ended:?}");
    assert!(ended.stdout.is_empty(), "{ended:?}");
    assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    ended
}

#[tokio::test]
async fn a_configuration_that_cannot_be_meant_is_refused_with_key_and_line() {
    let in_the_url = format!("[broker]\nurls = [\"http://me:{PASSWORD}@rabbit\"]\n");
    let in_the_endpoint =
        format!("[telemetry]\notlp_endpoint = \"http://me:{PASSWORD}@collector:4318\"\n");
    for (text, told) in [
        ("[broker]\nurlz = []\n", "line 2: broker.urlz: no such key"),
        (
            "[worker]\nmax_in_flight = \"many\"\n",
            "line 2: worker.max_in_flight: expected a whole number, found text",
        ),
        (
            "[worker]\nmax_in_flight = 0\n",
            "worker.max_in_flight: must be between 1 and 10000",
        ),
        ("[storage]\ntimeout = \"soon\"\n", "line 2: storage.timeout"),
        (
            "[policy]\nfile = \"/nowhere/rules.toml\"\n",
            "policy.file: /nowhere/rules.toml cannot be read",
        ),
        ("[telemetry]\nlisten = \"here\"\n", "telemetry.listen"),
        (
            "[telemetry]\notlp_endpoint = \"127.0.0.1:4318\"\n",
            "line 2: telemetry.otlp_endpoint: not the URL of a collector for OTLP over HTTP, such as http://127.0.0.1:4318",
        ),
        (
            "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4317\"\n",
            "line 2: telemetry.otlp_endpoint: has the port of OTLP over gRPC (4317); traces are sent over HTTP, usually to 4318",
        ),
        (
            &in_the_endpoint,
            "line 2: telemetry.otlp_endpoint: has a user or a password in it; put credentials into the variable OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "[ledger]\nstore = \"none\"\n[[budget]]\namount = 1\n",
            "line 3: budget[0].per: needs the ledger, and ledger.store is \"none\"",
        ),
        (
            "[[budget]]\namount = \"5 CNY\"\n",
            "line 2: budget[0].amount: is money, and recognition.price is empty",
        ),
        (&in_the_url, "broker.urls"),
        ("[broker\n", "line 1"),
    ] {
        let ended = refused(text, &[]).await;
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn several_mistakes_are_told_at_once_and_counted() {
    let text = "[telemetry]\nlog = 1\n[worker]\nmax_in_flight = \"many\"\n";
    let file = ConfigFile::with(text);
    let path = file.path();
    let commands: [&[&str]; 2] = [&["check", "--offline", "-c", &path], &["run", "-c", &path]];
    for arguments in commands {
        let ended = output(arguments, &[]).await;
        let told = format!(
            "error: 2 problems in the configuration:\n\
             {path}, line 2: telemetry.log: expected text, found a whole number; write \"info\"\n\
             {path}, line 4: worker.max_in_flight: expected a whole number, found text; write 64\n"
        );
        assert_eq!((ended.code, ended.stderr), (Some(64), told));
    }
    let one = ConfigFile::with("[telemetry]\nlog = 1\n");
    let ended = output(&["check", "-c", &one.path()], &[]).await;
    assert!(!ended.stderr.contains("problems"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_variable_that_cannot_be_meant_is_refused_by_its_name() {
    for (name, value) in [
        ("INVOICE_WORKER__WORKER__MAX_IN_FLIGHT", "many"),
        ("INVOICE_WORKER__BROKER__URLZ", PASSWORD),
    ] {
        let ended = refused("", &[(name, value)]).await;
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
}

/// Every command that reads a configuration, with what it needs beside it; none of them gets as far
/// as to use it.
const COMMANDS: [&[&str]; 6] = [
    &["run"],
    &["check"],
    &["check", "--offline"],
    &["process", "a.jpg"],
    &["failed", "list"],
    &["policy", "test", "a.toml"],
];

#[tokio::test]
async fn a_value_that_would_panic_in_a_library_silence_the_log_or_be_ignored_is_refused_by_every_command()
 {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("access_key_id");
    std::fs::write(&secret, "AKIA \n").unwrap();
    let secret = secret.to_str().unwrap();
    let cases = [
        (
            "INVOICE_WORKER__STORAGE__ACCESS_KEY_ID",
            "AKIA\n",
            "storage.access_key_id: ends with a line break",
        ),
        (
            "INVOICE_WORKER__STORAGE__REGION",
            "us-east-1\n",
            "storage.region: ends with a line break",
        ),
        (
            "INVOICE_WORKER__STORAGE__ACCESS_KEY_ID_FILE",
            secret,
            "storage.access_key_id_file: the secret in",
        ),
        (
            "INVOICE_WORKER__CHECKPOINT__PREFIX",
            "a\nb",
            "checkpoint.prefix: has a line break in it",
        ),
        (
            "INVOICE_WORKER__BROKER__JOBS_QUEUE",
            "jobs\t",
            "broker.jobs_queue: begins or ends with a blank",
        ),
        (
            "INVOICE_WORKER__VERIFICATION__API_SECRET",
            "s\u{7f}",
            "verification.api_secret: has a control character",
        ),
        (
            "INVOICE_WORKER__TELEMETRY__LOG",
            "warning",
            "telemetry.log: \"warning\" is not a level; did you mean warn?",
        ),
        (
            "INVOICE_WORKER__TELEMETRY__LOG",
            "",
            "telemetry.log: is empty",
        ),
        (
            "INVOICE_WORKER_BROKER_URLS",
            "[]",
            "did you mean INVOICE_WORKER__BROKER__URLS?",
        ),
    ];
    for (name, value, says) in cases {
        for command in COMMANDS {
            let ended = output(command, &[(name, value)]).await;
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (Some(64), ""),
                "{command:?} {name}: {ended:?}"
            );
            assert!(
                ended.stderr.contains(says) && ended.stderr.contains(name),
                "{command:?} {name}: {}",
                ended.stderr
            );
        }
    }
}

#[tokio::test]
async fn a_providers_address_without_tls_is_refused_unless_its_section_allows_it() {
    let system = System::start(On::Memory).await;
    let file = ConfigFile::of(&system);
    for section in ["RECOGNITION", "VERIFICATION"] {
        let url = (
            format!("INVOICE_WORKER__{section}__URL"),
            "http://gateway.example/ocr",
        );
        let ended = output(
            &["check", "--offline", "-c", &file.path()],
            &[(&url.0, url.1)],
        )
        .await;
        assert_eq!(ended.code, Some(64), "{ended:?}");
        assert!(
            ended.stderr.contains(&url.0) && ended.stderr.contains("is http:// to another machine"),
            "{}",
            ended.stderr
        );
        let allowed = [
            (url.0.as_str(), url.1),
            (
                &format!("INVOICE_WORKER__{section}__ALLOW_PLAINTEXT"),
                "true",
            ),
        ];
        let ended = output(&["check", "--offline", "-c", &file.path()], &allowed).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let warned = format!(
            "{}.url: is http:// to another machine",
            section.to_lowercase()
        );
        assert!(
            ended
                .stdout
                .lines()
                .any(|line| line.starts_with("warning") && line.contains(&warned)),
            "{}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn plaintext_to_broker_and_store_on_another_machine_is_a_warning() {
    let system = System::start(On::Memory).await;
    let file = ConfigFile::of(&system);
    let broker = (
        "INVOICE_WORKER__BROKER__URLS",
        r#"["amqp://me:a-password-nobody-may-see@rabbit.example"]"#,
    );
    let store = (
        "INVOICE_WORKER__STORAGE__ENDPOINT_URL",
        "http://minio.example:9000",
    );
    let ended = output(
        &["check", "--offline", "-c", &file.path()],
        &[broker, store],
    )
    .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for about in [
        "broker.urls[0]: amqp://rabbit.example:5672/%2f",
        "storage.endpoint_url: is http://",
    ] {
        assert!(
            ended
                .stdout
                .lines()
                .any(|line| line.starts_with("warning") && line.contains(about)),
            "{about}: {}",
            ended.stdout
        );
    }
    let refuse = ("INVOICE_WORKER__BROKER__ALLOW_PLAINTEXT", "false");
    let ended = output(
        &["check", "--offline", "-c", &file.path()],
        &[broker, refuse],
    )
    .await;
    assert!(
        ended.code == Some(64)
            && ended
                .stderr
                .contains("broker.allow_plaintext = false refuses"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let ended = output(
        &["check"],
        &[("INVOICE_WORKER_CONFIG", "/nowhere/worker.toml")],
    )
    .await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(
        ended.stderr.contains(
            "environment variable INVOICE_WORKER_CONFIG: /nowhere/worker.toml cannot be read"
        ),
        "{}",
        ended.stderr
    );
    let ended = output(&["run", "-c", "/nowhere/worker.toml"], &[]).await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("/nowhere/worker.toml: cannot be read"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_queue_that_is_otherwise_ends_the_worker_with_the_mend() {
    let system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    let program = file.run(&[("INVOICE_WORKER__BROKER__JOBS_QUEUE", &system.reply_to)]);
    let ended = program.end().await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    let last: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["level"], "ERROR", "{}", ended.stderr);
    let problem = last["problem"].as_str().unwrap();
    assert!(
        problem.contains(&system.reply_to) && problem.contains("broker.jobs_queue"),
        "{problem}"
    );
}

/// Runs with one setting changed, submits a job, and answers what the log tells of it, once it was
/// parked.
async fn parked(system: &System, name: &str, value: &str) -> Value {
    let file = ConfigFile::of(system);
    let mut program = file.run(&[(name, value)]);
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    let event = program.event("job parked").await;
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        !ended.stderr.contains(value) || name.ends_with("BUCKET"),
        "{}",
        ended.stderr
    );
    event
}

#[tokio::test]
async fn wrong_credentials_of_a_provider_park_the_job_with_code_and_message() {
    for (name, stage, code) in [
        (
            "INVOICE_WORKER__RECOGNITION__APP_SECRET",
            "recognition",
            "APIG.0303",
        ),
        (
            "INVOICE_WORKER__VERIFICATION__API_SECRET",
            "verification",
            "UNAUTHORIZED",
        ),
    ] {
        let system = Setup::new(On::RabbitMq).await.prepare().await;
        let event = parked(&system, name, PASSWORD).await;
        assert_eq!(
            (&event["stage"], &event["code"]),
            (&stage.into(), &code.into()),
            "{event}"
        );
        assert!(!event["reason"].as_str().unwrap().is_empty(), "{event}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_reported_at_the_start_and_parks_the_job() {
    for (name, value, code) in [
        (
            "INVOICE_WORKER__STORAGE__BUCKET",
            "nobodys-bucket",
            "NoSuchBucket",
        ),
        (
            "INVOICE_WORKER__STORAGE__SECRET_ACCESS_KEY",
            PASSWORD,
            "SignatureDoesNotMatch",
        ),
    ] {
        let system = Setup::new(On::RabbitMq).await.prepare().await;
        let file = ConfigFile::of(&system);
        let mut program = file.run(&[(name, value)]);
        let event = program
            .event("the store cannot be used yet; jobs wait as the policy says")
            .await;
        assert_eq!(
            (&event["level"], &event["about"]),
            (&"ERROR".into(), &"storage.bucket".into()),
            "{event}"
        );
        assert!(event["problem"].as_str().unwrap().contains(code), "{event}");
        assert!(
            event["mend"].as_str().unwrap().starts_with('c'),
            "it says how to mend: {event}"
        );
        let ended = program.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let event = parked(&system, name, value).await;
        assert_eq!(
            (&event["stage"], &event["code"]),
            (&"storage".into(), &code.into()),
            "{event}"
        );
    }
}
