mod queues;
mod secrets;
mod spending;
mod validation;

use super::*;
use std::path::PathBuf;

const SHIPPED: &str = include_str!("../../config/invoice-worker.toml");

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_folder, path) = file(text);
    Config::load(
        Some(&path),
        environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

/// The keys that a usable configuration adds to the defaults.
const USABLE: &str = r#"
[storage]
bucket = "claims"
[recognition]
url = "https://gateway.example.com/ocr"
app_key = "key"
app_secret = "secret"
[verification]
api_id = "id"
api_secret = "secret"
"#;

#[test]
fn the_shipped_file_shows_every_key_with_its_default() {
    let shipped = load(SHIPPED, &[]).unwrap();
    assert_eq!(shipped, Config::default());
    let keys = |table: toml::Table| -> Vec<String> {
        table
            .into_iter()
            .flat_map(|(section, keys)| {
                keys.as_table()
                    .cloned()
                    .unwrap_or_default()
                    .into_iter()
                    .map(move |(key, _)| format!("{section}.{key}"))
            })
            .collect()
    };
    let mut written = keys(SHIPPED.parse().unwrap());
    let mut known = keys(toml::Table::try_from(Config::default()).unwrap());
    written.sort();
    known.sort();
    assert_eq!(written, known);
}

#[test]
fn without_a_file_the_defaults_hold() {
    assert_eq!(
        Config::load(None, [("", ""); 0]).unwrap(),
        Config::default()
    );
}

#[test]
fn the_environment_overrides_the_file() {
    let config = load(
        "[recognition]\nrate_per_second = 5\nburst = 2\n",
        &[
            ("INVOICE_WORKER__RECOGNITION__RATE_PER_SECOND", "2.5"),
            ("INVOICE_WORKER__BROKER__RETRY_DELAYS", r#"["1s", "10s"]"#),
            ("INVOICE_WORKER__STORAGE__PATH_STYLE", "true"),
            ("INVOICE_WORKER__STORAGE__BUCKET", "claims"),
            ("INVOICE_WORKER__WORKER__MAX_IN_FLIGHT", "8"),
            ("INVOICE_WORKER_CONFIG", "not a key"),
            ("PATH", "/usr/bin"),
        ],
    )
    .unwrap();
    assert!((config.recognition.rate_per_second - 2.5).abs() < f64::EPSILON);
    assert_eq!(config.recognition.burst, 2);
    assert_eq!(
        config
            .broker
            .retry_delays
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["1s", "10s"]
    );
    assert!(config.storage.path_style);
    assert_eq!(config.storage.bucket, "claims");
    assert_eq!(config.worker.max_in_flight, 8);
}

#[test]
fn every_mistake_names_its_key_and_its_line_and_never_a_value() {
    let cases = [
        (
            "[storage]\nbukket = \"x\"",
            "line 2: storage.bukket: no such key; did you mean bucket? [storage] has",
        ),
        (
            "[storeage]\nbucket = \"x\"",
            "storeage.bucket: no such section; did you mean storage? there are broker",
        ),
        (
            "[elsewhere]\nbucket = \"x\"",
            "elsewhere.bucket: no such section; there are broker",
        ),
        (
            "[worker]\nimage_memory = 512",
            "line 2: worker.image_memory: expected text, found a whole number; write \"512MiB\"",
        ),
        (
            "[storage]\nbucket = \"claims\\n\"",
            "line 2: storage.bucket: ends with a line break",
        ),
        (
            "[storage]\nbucket = \"x\"\n\n[worker]\n[storage]\n",
            "line 5: [storage] stands twice, first in line 1",
        ),
        (
            "[storage]\nbucket = \"x\"\n[worker]\n[storage]\nregion = \"y\"\n",
            "line 4: [storage] stands twice, first in line 1",
        ),
        (
            "[storage]\nregion = \"x\"\nbucket = \"x\"\nregion = \"y\"",
            "line 4: storage.region stands twice, first in line 2",
        ),
        (
            "[recognition]\n\napp_secret = 4711",
            "line 3: recognition.app_secret: expected text, found a whole number",
        ),
        (
            "[recognition]\nauth = \"password\"",
            "line 2: recognition.auth: unknown variant",
        ),
        (
            "[broker]\nurls = \"amqp://h\"",
            "line 2: broker.urls: expected a list, found text; write [\"amqp://…\"]",
        ),
        (
            "[broker]\nretry_delays = \"5s\"",
            "line 2: broker.retry_delays: expected a list, found text; write [\"5s\", \"30s\"",
        ),
        (
            "[broker]\nurls = [1]",
            "line 2: broker.urls: expected a list of texts, found a whole number in it",
        ),
        (
            "[worker]\njob_deadline = \"96 parsecs\"",
            "line 2: worker.job_deadline: \"96 parsecs\" is not a duration",
        ),
        (
            "[worker]\nimage_memory = \"lots\"",
            "line 2: worker.image_memory: \"lots\" is not a size",
        ),
        (
            "[worker]\nmax_in_flight = -1",
            "line 2: worker.max_in_flight",
        ),
        (
            "bucket = \"x\"",
            "line 1: bucket: not a key of the configuration",
        ),
        ("[storage\nbucket = 1", "line 1"),
    ];
    for (text, says) in cases {
        let error = load(text, &[]).unwrap_err().to_string();
        assert!(error.contains(says), "{text:?}: {error}");
        assert!(!error.contains("4711"), "{error}");
    }
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let cases = [
        (
            "INVOICE_WORKER__STORAGE__BUKKET",
            "x",
            "did you mean INVOICE_WORKER__STORAGE__BUCKET?",
        ),
        (
            "INVOICE_WORKER__STORAGE",
            "x",
            "names no key; [storage] has access_key_id",
        ),
        (
            "INVOICE_WORKER__WORKER__MAX_IN_FLIGHT",
            "many",
            "expected a whole number, found text",
        ),
        (
            "INVOICE_WORKER__BROKER__URLS",
            "amqp://user:hidden@h",
            "expected a list, found text; write [\"amqp://…\"]",
        ),
        (
            "INVOICE_WORKER__STORAGE__ACCESS_KEY_ID",
            "hidden\n",
            "storage.access_key_id: ends with a line break",
        ),
        (
            "INVOICE_WORKER__STORAGE__REGION",
            "us-east-1\r\n",
            "storage.region: ends with a line break",
        ),
        (
            "INVOICE_WORKER__BROKER__URLS",
            "[\"amqp://user:hidden@h\\n\"]",
            "broker.urls: ends with a line break",
        ),
    ];
    for (name, value, says) in cases {
        let error = load("", &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(says), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let error = load(
        "[storage]\nbukket = \"x\"\n[worker]\nmax_in_flight = \"x\"",
        &[],
    )
    .unwrap_err()
    .to_string();
    assert!(error.starts_with("2 problems in the configuration:\n"));
    assert_eq!(error.lines().count(), 3, "{error}");
}
