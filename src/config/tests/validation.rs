//! Values that are refused, and values that work and are not safe.

use super::*;

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
