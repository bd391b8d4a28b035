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

/// What a usable configuration must add to the defaults.
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
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let (_folder, path) = file("from the file\n");
    let text = format!("[recognition]\napp_secret_file = \"{}\"", path.display());
    assert_eq!(
        load(&text, &[]).unwrap().recognition.app_secret.expose(),
        "from the file"
    );
    let twice = load(&format!("{text}\napp_secret = \"here\""), &[])
        .unwrap_err()
        .to_string();
    assert!(
        twice.contains("recognition.app_secret: given twice"),
        "{twice}"
    );
    let replaced = load(
        &text,
        &[(
            "INVOICE_WORKER__RECOGNITION__APP_SECRET",
            "from the environment",
        )],
    )
    .unwrap();
    assert_eq!(
        replaced.recognition.app_secret.expose(),
        "from the environment"
    );
    let missing = load("[recognition]\napp_secret_file = \"/nowhere/secret\"", &[])
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("recognition.app_secret_file: /nowhere/secret: cannot be read"),
        "{missing}"
    );
}

#[test]
fn a_secret_file_loses_one_line_break_and_anything_else_around_the_secret_is_reported() {
    for (text, expected) in [
        ("word", Ok("word")),
        ("word\n", Ok("word")),
        ("word\r\n", Ok("word")),
        ("word\n\n", Err("ends with a line break")),
        ("word \n", Err("begins or ends with a blank")),
        (" word", Err("begins or ends with a blank")),
        ("two\nlines\n", Err("has a line break in it")),
        ("\u{feff}word\n", Err("byte order mark")),
        ("", Err("is empty")),
        ("\n", Err("is empty")),
    ] {
        let (_folder, path) = file(text);
        let path = path.display().to_string();
        for key in [
            "storage.access_key_id",
            "recognition.app_code",
            "verification.api_secret",
            "http.proxy",
        ] {
            let (section, key) = key.split_once('.').unwrap();
            let loaded = load(&format!("[{section}]\n{key}_file = \"{path}\""), &[]);
            match (loaded, expected) {
                (Ok(config), Ok(secret)) => {
                    let secrets = [
                        &config.storage.access_key_id,
                        &config.recognition.app_code,
                        &config.verification.api_secret,
                        &config.http.proxy,
                    ];
                    assert!(
                        secrets.iter().any(|read| read.expose() == secret),
                        "{text:?}: {key}"
                    );
                }
                (Err(error), Err(says)) => {
                    let told = error.to_string();
                    assert!(
                        told.contains(says)
                            && told.contains(&path)
                            && told.contains(&format!("line 2: {section}.{key}_file")),
                        "{told}"
                    );
                    assert!(!told.contains("word"), "{told}");
                }
                (loaded, expected) => panic!("{text:?}: {expected:?}, found {loaded:?}"),
            }
        }
    }
}

#[test]
fn a_secret_from_a_file_that_no_header_can_carry_is_reported_with_its_file() {
    let (_folder, path) = file("wörd\n");
    let variable = (
        "INVOICE_WORKER__STORAGE__ACCESS_KEY_ID_FILE",
        path.to_str().unwrap(),
    );
    let error = load(USABLE, &[variable])
        .unwrap()
        .validate()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!(
            "{}: storage.access_key_id: has blanks or characters beyond ASCII",
            path.display()
        )),
        "{error}"
    );
}

#[test]
fn plaintext_to_another_machine_is_a_warning() {
    let told = |variables: &[(&str, &str)]| -> Vec<String> {
        let config = load(USABLE, variables).unwrap();
        config.validate().unwrap();
        config
            .warnings()
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| key != "seal.key")
            .collect()
    };
    assert_eq!(told(&[]), [""; 0]);
    assert_eq!(
        told(&[(
            "INVOICE_WORKER__BROKER__URLS",
            r#"["amqps://a", "amqp://b"]"#
        )]),
        ["broker.urls[1]"]
    );
    assert_eq!(
        told(&[("INVOICE_WORKER__STORAGE__ENDPOINT_URL", "http://minio:9000")]),
        ["storage.endpoint_url"]
    );
    for section in ["RECOGNITION", "VERIFICATION"] {
        let (url, allow) = (
            format!("INVOICE_WORKER__{section}__URL"),
            format!("INVOICE_WORKER__{section}__ALLOW_PLAINTEXT"),
        );
        assert_eq!(
            told(&[(&url, "http://gateway.example/ocr"), (&allow, "true")]),
            [format!("{}.url", section.to_lowercase())]
        );
        assert_eq!(told(&[(&url, "http://127.0.0.1:9/ocr")]), [""; 0]);
    }
}

#[test]
fn the_proxy_and_the_authorities_are_looked_at_with_the_rest() {
    let cases = [
        (
            "INVOICE_WORKER__HTTP__PROXY",
            "socks5://proxy",
            "environment variable INVOICE_WORKER__HTTP__PROXY: http.proxy: names a SOCKS proxy",
        ),
        (
            "https_proxy",
            "socks5://proxy",
            "http.proxy: environment variable https_proxy names a SOCKS proxy",
        ),
        (
            "INVOICE_WORKER__TLS__CA_FILE",
            "/nowhere/ca.pem",
            "tls.ca_file: /nowhere/ca.pem: cannot be read",
        ),
    ];
    for (name, value, says) in cases {
        let config = load(USABLE, &[(name, value)]).unwrap();
        for outcome in [config.validate(), config.validate_without_broker()] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(says), "{name}={value}: {error}");
        }
    }
}

#[test]
fn broker_urls_may_stand_in_a_file_of_their_own() {
    let (_folder, path) = file("amqp://a:b@one\n\n amqp://a:b@two \n");
    let config = load(
        &format!("[broker]\nurls_file = \"{}\"", path.display()),
        &[],
    )
    .unwrap();
    let urls: Vec<&str> = config
        .broker
        .urls
        .iter()
        .map(crate::settings::secret::Secret::expose)
        .collect();
    assert_eq!(urls, ["amqp://a:b@one", "amqp://a:b@two"]);
}

#[test]
fn debugging_a_configuration_shows_no_secret() {
    let text = USABLE.replace("\"secret\"", "\"hush\"");
    let shown = format!(
        "{:?}",
        load(
            &text,
            &[("INVOICE_WORKER__BROKER__URLS", r#"["amqp://u:hush@h"]"#)]
        )
        .unwrap()
    );
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn a_usable_configuration_is_accepted_and_the_bare_defaults_say_what_is_missing() {
    load(USABLE, &[]).unwrap().validate().unwrap();
    let error = Config::default().validate().unwrap_err().to_string();
    for key in [
        "recognition.url",
        "recognition.app_key",
        "verification.api_id",
        "checkpoint.bucket",
    ] {
        assert!(error.contains(key), "{key} is not named:\n{error}");
    }
}

#[test]
fn an_impossible_value_is_reported_with_its_line() {
    let error = load(&format!("{USABLE}\n[worker]\nmax_in_flight = 0\n"), &[])
        .unwrap()
        .validate()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 13: worker.max_in_flight: must be between"),
        "{error}"
    );
}

#[test]
fn impossible_values_are_refused_by_key() {
    let cases = [
        (
            "INVOICE_WORKER__WORKER__IMAGE_MEMORY",
            "1MiB",
            "worker.image_memory",
        ),
        (
            "INVOICE_WORKER__RECOGNITION__RATE_PER_SECOND",
            "0.0",
            "recognition.rate_per_second",
        ),
        (
            "INVOICE_WORKER__RECOGNITION__RATE_PER_SECOND",
            "nan",
            "recognition.rate_per_second",
        ),
        (
            "INVOICE_WORKER__VERIFICATION__TIMEOUT",
            "0s",
            "verification.timeout",
        ),
        (
            "INVOICE_WORKER__POLICY__TIMEZONE",
            "Asia/Atlantis",
            "policy.timezone",
        ),
        (
            "INVOICE_WORKER__TELEMETRY__LISTEN",
            "nine",
            "telemetry.listen",
        ),
        ("INVOICE_WORKER__TELEMETRY__LOG", "a=b=c", "telemetry.log"),
        (
            "INVOICE_WORKER__TELEMETRY__LOG",
            "warning",
            "telemetry.log: \"warning\" is not a level; did you mean warn?",
        ),
        (
            "INVOICE_WORKER__STORAGE__ACCESS_KEY_ID",
            "only",
            "storage.secret_access_key",
        ),
        (
            "INVOICE_WORKER__STORAGE__ENDPOINT_URL",
            "not a url",
            "storage.endpoint_url",
        ),
        (
            "INVOICE_WORKER__BROKER__URLS",
            r#"["http://h"]"#,
            "broker.urls",
        ),
        (
            "INVOICE_WORKER__BROKER__RETRY_DELAYS",
            "[]",
            "broker.retry_delays",
        ),
        (
            "INVOICE_WORKER__WORKER__MAX_IN_FLIGHT",
            "0",
            "worker.max_in_flight",
        ),
    ];
    for (name, value, key) in cases {
        let error = load(USABLE, &[(name, value)])
            .unwrap()
            .validate()
            .unwrap_err()
            .to_string();
        assert!(error.contains(key), "{name}={value}: {error}");
    }
}

#[test]
fn a_wait_that_may_be_over_before_a_paid_call_is_is_doubted() {
    let cases = [
        (&[][..], &[][..]),
        (
            &[("INVOICE_WORKER__WORKER__REDELIVERY_WAIT", "30s")][..],
            &["recognition.timeout = 30s", "verification.timeout = 30s"][..],
        ),
        (
            &[("INVOICE_WORKER__VERIFICATION__TIMEOUT", "1m")],
            &["verification.timeout = 1m"],
        ),
        (
            &[
                ("INVOICE_WORKER__VERIFICATION__TIMEOUT", "1m"),
                ("INVOICE_WORKER__WORKER__REDELIVERY_WAIT", "65s"),
            ],
            &[],
        ),
    ];
    for (variables, expected) in cases {
        let config = load(USABLE, variables).unwrap();
        config.validate().unwrap();
        let doubts = config.warnings();
        let told: Vec<_> = doubts
            .iter()
            .filter(|(key, _)| key.starts_with("worker."))
            .collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((key, problem), timeout) in told.into_iter().zip(expected) {
            assert!(
                key == "worker.redelivery_wait" && problem.contains(timeout),
                "{key}: {problem}"
            );
        }
    }
}

#[test]
fn a_seal_that_is_derived_from_secrets_is_doubted() {
    for (variables, is_doubted) in [
        (&[][..], true),
        (
            &[(
                "INVOICE_WORKER__SEAL__KEY",
                "0123456789abcdef0123456789abcdef",
            )],
            false,
        ),
    ] {
        let doubts = load(USABLE, variables).unwrap().warnings();
        assert_eq!(doubts.iter().any(|(key, _)| key == "seal.key"), is_doubted);
    }
}
