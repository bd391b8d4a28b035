use super::*;

fn problems(change: impl FnOnce(&mut Config)) -> Vec<(String, String)> {
    let mut config = Config::default();
    change(&mut config);
    let mut problems = Problems::default();
    config.validate(&mut problems);
    problems
        .iter()
        .map(|(key, problem)| (key.to_owned(), problem.to_owned()))
        .collect()
}

fn urls(urls: &[&str]) -> Vec<Secret> {
    urls.iter().copied().map(Secret::new).collect()
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(problems(|_| {}), []);
    assert_eq!(problems(|config| config.urls = urls(&["memory://"])), []);
    assert_eq!(
        problems(|config| config.urls = urls(&["amqps://a", "amqp://u:p@b:1/%2f?heartbeat=30"])),
        []
    );
}

#[test]
fn every_impossible_value_is_named_by_its_key() {
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 26] = [
        ("broker.management_url", |config| {
            config.management_url = Secret::new("amqp://h");
        }),
        ("broker.management_url", |config| {
            config.management_url = Secret::new("h:15672");
        }),
        ("broker.management_url", |config| {
            config.management_url = Secret::new("http://u:p/w@h:15672");
        }),
        ("broker.urls", |config| config.urls.clear()),
        ("broker.urls", |config| {
            config.urls = urls(&["memory://", "amqp://a"]);
        }),
        ("broker.urls[1]", |config| {
            config.urls = urls(&["amqp://a", "http://b"]);
        }),
        ("broker.urls[0]", |config| {
            config.urls = urls(&["memory://x"]);
        }),
        ("broker.urls[0]", |config| config.urls = urls(&[""])),
        ("broker.urls[0]", |config| {
            config.urls = urls(&["amqp://a\n"]);
        }),
        ("broker.urls[1]", |config| {
            (config.urls, config.allow_plaintext) =
                (urls(&["amqp://localhost", "amqp://a"]), false);
        }),
        ("broker.jobs_queue", |config| config.jobs_queue.push('\n')),
        ("broker.control_exchange", |config| {
            config.control_exchange.insert(0, ' ');
        }),
        ("broker.jobs_queue", |config| config.jobs_queue.clear()),
        ("broker.due_queue", |config| {
            config.due_queue = "d".repeat(201);
        }),
        ("broker.failed_queue", |config| {
            config.failed_queue = config.jobs_queue.clone();
        }),
        ("broker.results_queue", |config| {
            config.results_queue = "amq.results".to_owned();
        }),
        ("broker.retry_queue_prefix", |config| {
            config.results_queue = "invoice.retry.5s".to_owned();
        }),
        ("broker.retry_delays", |config| config.retry_delays.clear()),
        ("broker.retry_delays", |config| {
            config.retry_delays = vec![span("30s"), span("5s")];
        }),
        ("broker.retry_delays", |config| {
            config.retry_delays = vec![span("99ms")];
        }),
        ("broker.retry_delays", |config| {
            config.retry_delays = vec![span("169h")];
        }),
        ("broker.retry_delays", |config| {
            config.retry_delays = (1..=21).map(|n| span(&format!("{n}s"))).collect();
        }),
        ("broker.publish_timeout", |config| {
            config.publish_timeout = span("0s");
        }),
        ("broker.publish_timeout", |config| {
            config.publish_timeout = span("6m");
        }),
        ("broker.client_key_file", |config| {
            config.client_cert_file = "cert.pem".into();
        }),
        ("broker.client_cert_file", |config| {
            config.client_key_file = "key.pem".into();
        }),
    ];
    for (key, change) in cases {
        let found = problems(change);
        assert!(
            found.iter().any(|(named, _)| named == key),
            "{key} expected, found {found:?}"
        );
    }
}

#[test]
fn only_brokers_on_other_machines_are_spoken_to_in_clear() {
    let config = Config {
        urls: urls(&[
            "amqp://127.0.0.1",
            "amqps://a",
            "amqp://u:secret@b:1/v",
            "amqp://[::1]",
            "amqp://localhost",
            "memory://",
        ]),
        ..Config::default()
    };
    let told: Vec<_> = config.plaintext_urls().collect();
    assert_eq!(
        told,
        [("broker.urls[2]".to_owned(), "amqp://b:1/v".to_owned())]
    );
    assert_eq!(
        problems(|config| (config.urls, config.allow_plaintext) =
            (urls(&["amqps://a", "amqp://localhost"]), false)),
        []
    );
}

#[test]
fn a_password_is_in_no_problem_and_in_no_debug_text() {
    let passwords = [
        "amqp://u:secret/x@host",
        "http://u:secret@host",
        "amqp://u:12/secret@host",
        "amqp://u:secret@",
    ];
    for url in passwords {
        let found = problems(|config| config.urls = urls(&[url]));
        assert!(!found.is_empty(), "{url}");
        assert!(!format!("{found:?}").contains("secret"), "{found:?}");
    }
    let config = Config {
        urls: urls(&["amqp://u:secret@host"]),
        ..Config::default()
    };
    assert!(!format!("{config:?}").contains("secret"));
    let found = problems(|config| config.management_url = Secret::new("http://u:12/secret@host"));
    assert!(
        !found.is_empty() && !format!("{found:?}").contains("secret"),
        "{found:?}"
    );
}

#[test]
fn a_reply_goes_to_no_queue_of_ours_and_where_the_pattern_allows() {
    let config = |pattern: &str| Config {
        reply_to: pattern.parse().unwrap(),
        ..Config::default()
    };
    let direct = "amq.rabbitmq.reply-to.g1h2AA.b3==";
    for (pattern, allowed, refused) in [
        (
            "",
            &[
                "replies",
                "claims.replies",
                direct,
                "invoice",
                "invoice.jobs2",
                "invoice.retry",
                "invoice.retrying",
            ][..],
            &[][..],
        ),
        (
            r"claims\..*",
            &["claims.", "claims.replies"],
            &["claims", "x.claims.replies", "claimsXreplies", direct],
        ),
        (
            r"a|claims\.replies",
            &["a", "claims.replies"],
            &["ab", "claims.replies2", "xclaims.replies"],
        ),
        (
            r"claims\..*|amq\.rabbitmq\.reply-to\..*",
            &["claims.replies", direct],
            &["others"],
        ),
        (r".*", &["claims.replies"], &[]),
    ] {
        let config = config(pattern);
        let ours = [
            "invoice.jobs",
            "invoice.due",
            "invoice.results",
            "invoice.failed",
            "invoice.retry.5s",
            "invoice.retry.45s",
        ];
        for queue in allowed {
            assert!(config.allows_reply_to(queue), "{pattern}: {queue}");
        }
        for queue in refused.iter().chain(&ours) {
            assert!(!config.allows_reply_to(queue), "{pattern}: {queue}");
        }
    }
}

#[test]
fn a_pattern_that_is_none_is_refused_with_its_key() {
    for pattern in ["(", "a)|(b", "[", "*"] {
        let error = toml::from_str::<Config>(&format!("reply_to = {pattern:?}"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("is not a regular expression"),
            "{pattern}: {error}"
        );
    }
}

#[test]
fn an_unknown_key_is_refused() {
    assert!(toml::from_str::<Config>("jobs_queue = \"a\"").is_ok());
    assert!(toml::from_str::<Config>("job_queue = \"a\"").is_err());
}

#[test]
fn a_url_says_who_connects_and_to_which_virtual_host() {
    for (url, user, password, vhost) in [
        ("amqp://host", "guest", "guest", "/"),
        ("amqp://u:p@host:5672/claims", "u", "p", "claims"),
        (
            "amqps://the%20worker:s%2fe%3Acret@host/a%2Fb?heartbeat=5",
            "the worker",
            "s/e:cret",
            "a/b",
        ),
    ] {
        let config = Config {
            urls: vec![Secret::new(url)],
            ..Config::default()
        };
        let login = config.login().unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.expose()),
            (user, password),
            "{url}"
        );
        assert_eq!(config.vhost().as_deref(), Some(vhost), "{url}");
    }
}
