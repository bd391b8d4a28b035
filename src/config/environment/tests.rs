use super::super::Config;
use super::*;

fn told(name: &str) -> String {
    let error = Config::load(None, [(name, "x")]).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("environment variable {name}: ")),
        "{error}"
    );
    error
}

#[test]
fn an_unknown_variable_is_an_error_that_says_which_was_meant() {
    for (name, meant) in [
        ("INVOICE_WORKER_BROKER_URLS", "INVOICE_WORKER__BROKER__URLS"),
        (
            "INVOICE_WORKER__BROKER_URLS",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER_BROKER__URLS",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER__BROKER__URL",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER__BROKR__URLS",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER___BROKER__URLS",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER__BROKER__URLS__FILE",
            "INVOICE_WORKER__BROKER__URLS_FILE",
        ),
        (
            "INVOICE__WORKER__BROKER__URLS",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICEWORKER__BROKER__URLS",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "invoice_worker__broker__urls",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "Invoice_Worker__Broker__Urls",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER__broker__urls",
            "INVOICE_WORKER__BROKER__URLS",
        ),
        (
            "INVOICE_WORKER_RECOGNITION_APP_SECRET_FILE",
            "INVOICE_WORKER__RECOGNITION__APP_SECRET_FILE",
        ),
        (
            "INVOICE_WORKER__STORAGE__REGON",
            "INVOICE_WORKER__STORAGE__REGION",
        ),
        ("INVOICE_WORKER__CONFIG", "INVOICE_WORKER_CONFIG"),
        ("invoice_worker_config", "INVOICE_WORKER_CONFIG"),
    ] {
        assert!(
            told(name).ends_with(&format!("did you mean {meant}?")),
            "{}",
            told(name)
        );
    }
}

#[test]
fn a_variable_that_resembles_none_is_an_error_that_says_what_there_is() {
    for (name, says) in [
        (
            "INVOICE_WORKER__STORAGE__ANYTHING_ELSE",
            "[storage] has access_key_id, ",
        ),
        ("INVOICE_WORKER__STORAGE", "[storage] has access_key_id, "),
        (
            "INVOICE_WORKER_COLOUR_OF_THE_WALL",
            "where SECTION is one of broker, ",
        ),
        ("INVOICE_WORKER__", "where SECTION is one of broker, "),
    ] {
        assert!(told(name).contains(says), "{}", told(name));
    }
}

#[test]
fn variables_of_others_are_not_ours() {
    let others = [
        "INVOICE_WORKER_CONFIG",
        "INVOICE_WORKER_TEST_RABBITMQ",
        "INVOICE_WORKERS",
        "INVOICE_WORKERS_URL",
        "INVOICE_WORKER_SERVICE_HOST",
        "INVOICE_WORKER_SERVICE_PORT",
        "INVOICE_WORKER_SERVICE_PORT_METRICS",
        "INVOICE_WORKER_PORT",
        "INVOICE_WORKER_PORT_9464_TCP",
        "INVOICE_WORKER_PORT_9464_TCP_ADDR",
        "INVOICE_WORKER_PORT_9464_TCP_PORT",
        "INVOICE_WORKER_PORT_9464_TCP_PROTO",
        "INVOICE_WORKER_METRICS_SERVICE_HOST",
        "INVOICE_WORKER_METRICS_PORT_9464_TCP",
        "PATH",
    ];
    assert_eq!(
        Config::load(None, others.map(|name| (name, "x"))),
        Ok(Config::default())
    );
}

#[test]
fn a_secret_and_its_file_are_one_key_and_an_empty_one_of_them_is_as_good_as_unset() {
    let (secret, file) = (
        "INVOICE_WORKER__RECOGNITION__APP_SECRET",
        "INVOICE_WORKER__RECOGNITION__APP_SECRET_FILE",
    );
    let twice = Config::load(None, [(secret, "hush"), (file, "/run/secrets/app")])
        .unwrap_err()
        .to_string();
    assert!(
        twice.contains(secret)
            && twice.contains(&format!("given twice, here and as {file}"))
            && !twice.contains("hush"),
        "{twice}"
    );
    let value = Config::load(None, [(secret, "word"), (file, "")]).unwrap();
    assert_eq!(value.recognition.app_secret.expose(), "word");
    let in_a_file = Config::load(None, [(secret, ""), (file, "/nowhere/app")])
        .unwrap_err()
        .to_string();
    assert!(in_a_file.contains("/nowhere/app"), "{in_a_file}");
}

#[test]
fn variables_of_the_aws_chain_are_validated_where_the_store_is_used() {
    let config = Config::load(
        None,
        [
            ("AWS_REGION", "us-east-1\n"),
            ("AWS_SECRET_ACCESS_KEY", "hush "),
            ("AWS_PROFILE", "my profile"),
        ],
    );
    let config = config.unwrap();
    let told = config.validate_without_broker().unwrap_err().to_string();
    for says in [
        "environment variable AWS_REGION: ends with a line break",
        "environment variable AWS_SECRET_ACCESS_KEY: begins or ends",
    ] {
        assert!(told.contains(says), "{told}");
    }
    assert!(
        !told.contains("hush") && !told.contains("AWS_PROFILE"),
        "{told}"
    );
    config.validate_policy().unwrap();
}

#[test]
fn a_value_that_is_not_utf_8_is_reported() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(b"caf\xe9".to_vec());
    let error = Config::load(
        None,
        [(OsString::from("INVOICE_WORKER__STORAGE__BUCKET"), value)],
    )
    .unwrap_err()
    .to_string();
    assert_eq!(
        error,
        "environment variable INVOICE_WORKER__STORAGE__BUCKET: is not UTF-8"
    );
}
