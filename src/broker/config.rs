//! The `[broker]` section.

use super::address::{self, BrokerLogin, BrokerUrl};
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::text;
use crate::settings::units::{Pattern, Span, span};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// RabbitMQ allows 255 bytes in a name; the names of delay queues add the delay to it.
const LONGEST_NAME: usize = 200;
/// Each delay is a queue of its own.
const MOST_DELAYS: usize = 20;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The brokers, tried in turn; secrets, because a URL may carry a password.
    pub urls: Vec<Secret>,
    /// Read into `urls` while the configuration is loaded.
    pub urls_file: PathBuf,
    pub ca_file: PathBuf,
    pub client_cert_file: PathBuf,
    pub client_key_file: PathBuf,
    /// A copy of `tls.ca_file`, set while the configuration is loaded.
    #[serde(skip)]
    pub shared_ca_file: PathBuf,
    pub jobs_queue: String,
    pub due_queue: String,
    pub control_exchange: String,
    pub results_queue: String,
    pub failed_queue: String,
    pub retry_queue_prefix: String,
    pub retry_delays: Vec<Span>,
    pub declare_topology: bool,
    /// Whether `amqp://` to another machine is accepted.
    pub allow_plaintext: bool,
    /// The bound on a publish up to its confirm.
    pub publish_timeout: Span,
    /// The pattern that a job's `reply_to` has to match; see [`Config::allows_reply_to`].
    pub reply_to: Pattern,
    /// The URL of RabbitMQ's management API, where `check` reads policies; a secret, because it may
    /// carry a password.
    pub management_url: Secret,
    pub management_url_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: vec![Secret::new("amqp://guest:guest@127.0.0.1:5672/%2f")],
            urls_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            client_cert_file: PathBuf::new(),
            client_key_file: PathBuf::new(),
            shared_ca_file: PathBuf::new(),
            jobs_queue: "invoice.jobs".to_owned(),
            due_queue: "invoice.due".to_owned(),
            control_exchange: "invoice.control".to_owned(),
            results_queue: "invoice.results".to_owned(),
            failed_queue: "invoice.failed".to_owned(),
            retry_queue_prefix: "invoice.retry".to_owned(),
            retry_delays: ["5s", "30s", "2m", "10m", "1h"].map(span).to_vec(),
            declare_topology: true,
            allow_plaintext: true,
            publish_timeout: span("10s"),
            reply_to: Pattern::default(),
            management_url: Secret::default(),
            management_url_file: PathBuf::new(),
        }
    }
}

impl Config {
    /// Whether the broker is the one in this process.
    pub fn is_memory(&self) -> bool {
        self.urls.iter().any(|url| url.expose() == address::MEMORY)
    }

    /// The queue in which a message waits for `delay`.
    pub fn retry_queue(&self, delay: &Span) -> String {
        format!("{}.{delay}", self.retry_queue_prefix)
    }

    /// Whether a result may be published to this queue. In one of the worker's own queues it would
    /// come back as a job, or be taken for something else.
    pub fn allows_reply_to(&self, queue: &str) -> bool {
        let ours = [
            &self.jobs_queue,
            &self.due_queue,
            &self.results_queue,
            &self.failed_queue,
        ];
        // A queue of a delay that was configured earlier may still exist.
        let is_retry_queue = queue
            .strip_prefix(&self.retry_queue_prefix)
            .is_some_and(|rest| rest.starts_with('.'));
        !is_retry_queue && ours.iter().all(|ours| *ours != queue) && self.reply_to.matches(queue)
    }

    /// The login of the first URL; `None` where the URL cannot be read.
    pub fn login(&self) -> Option<BrokerLogin> {
        self.first_url().map(|url| url.login.unwrap_or_default())
    }

    /// The virtual host of the first URL; `None` where the URL cannot be read.
    pub fn vhost(&self) -> Option<String> {
        self.first_url().map(|url| url.vhost)
    }

    fn first_url(&self) -> Option<BrokerUrl> {
        BrokerUrl::parse(self.urls.first()?.expose()).ok()
    }

    /// The shortest time that a parked job waits.
    pub fn shortest_delay(&self) -> Duration {
        self.retry_delays
            .first()
            .map(Span::duration)
            .unwrap_or_default()
    }

    pub fn validate(&self, problems: &mut Problems) {
        self.validate_urls(problems);
        self.validate_management_url(problems);
        self.validate_names(problems);
        self.validate_delays(problems);
        let timeout = self.publish_timeout.duration();
        let allowed = Duration::from_millis(1)..=Duration::from_mins(5);
        problems.require(
            allowed.contains(&timeout),
            "broker.publish_timeout",
            "must be between 1ms and 5m",
        );
        let (certificate, key) = (
            self.client_cert_file.as_os_str().is_empty(),
            self.client_key_file.as_os_str().is_empty(),
        );
        problems.require(
            certificate || !key,
            "broker.client_key_file",
            "is needed with broker.client_cert_file",
        );
        problems.require(
            key || !certificate,
            "broker.client_cert_file",
            "is needed with broker.client_key_file",
        );
    }

    fn validate_urls(&self, problems: &mut Problems) {
        problems.require(!self.urls.is_empty(), "broker.urls", "names no broker");
        problems.require(
            !self.is_memory() || self.urls.len() == 1,
            "broker.urls",
            "has memory:// beside others; it stands alone",
        );
        for (index, url) in self.urls.iter().enumerate() {
            // Checked first: parsers of URLs drop line breaks and blanks silently.
            if let Some(flaw) = text::flaw(url.expose())
                .map(str::to_owned)
                .or_else(|| address::flaw(url.expose()))
            {
                problems.add(&format!("broker.urls[{index}]"), flaw);
            }
        }
        if !self.allow_plaintext {
            for (key, url) in self.plaintext_urls() {
                problems.add(&key, format!("{url} would send the password and patient data in clear, which broker.allow_plaintext = false refuses: write amqps://"));
            }
        }
    }

    /// The URLs of brokers on other machines without TLS: key and redacted URL.
    pub fn plaintext_urls(&self) -> impl Iterator<Item = (String, String)> {
        self.urls
            .iter()
            .enumerate()
            .filter(|(_, url)| address::is_plaintext(url.expose()))
            .map(|(index, url)| {
                (
                    format!("broker.urls[{index}]"),
                    address::redacted(url.expose()),
                )
            })
    }

    fn validate_management_url(&self, problems: &mut Problems) {
        let url = self.management_url.expose();
        if let Some(flaw) = (!url.is_empty())
            .then(|| text::flaw(url).or_else(|| address::management_flaw(url)))
            .flatten()
        {
            problems.add("broker.management_url", flaw);
        }
    }

    fn validate_names(&self, problems: &mut Problems) {
        let mut taken = HashSet::new();
        for (key, name) in [
            ("broker.jobs_queue", &self.jobs_queue),
            ("broker.due_queue", &self.due_queue),
            ("broker.control_exchange", &self.control_exchange),
            ("broker.results_queue", &self.results_queue),
            ("broker.failed_queue", &self.failed_queue),
            ("broker.retry_queue_prefix", &self.retry_queue_prefix),
        ] {
            problems.require(!name.is_empty(), key, "is empty");
            if let Some(flaw) = text::flaw(name) {
                problems.add(key, flaw);
            }
            problems.require(name.len() <= LONGEST_NAME, key, "is longer than 200 bytes");
            problems.require(
                !name.starts_with("amq."),
                key,
                "begins with amq., which RabbitMQ keeps for itself",
            );
            problems.require(
                taken.insert(name.clone()),
                key,
                "is the name of something else, too",
            );
        }
        for delay in &self.retry_delays {
            let queue = self.retry_queue(delay);
            problems.require(
                taken.insert(queue),
                "broker.retry_queue_prefix",
                "makes a delay queue with the name of something else",
            );
        }
    }

    fn validate_delays(&self, problems: &mut Problems) {
        let key = "broker.retry_delays";
        let durations: Vec<Duration> = self.retry_delays.iter().map(Span::duration).collect();
        problems.require(
            !durations.is_empty(),
            key,
            "is empty; parked jobs need at least one delay",
        );
        problems.require(
            durations.len() <= MOST_DELAYS,
            key,
            "has more than 20 delays",
        );
        problems.require(
            durations.is_sorted_by(|shorter, longer| shorter < longer),
            key,
            "must be strictly increasing",
        );
        let allowed = Duration::from_millis(100)..=Duration::from_hours(7 * 24);
        problems.require(
            durations.iter().all(|delay| allowed.contains(delay)),
            key,
            "must be between 100ms and 7 days each",
        );
        problems.require(
            durations
                .iter()
                .all(|delay| delay.subsec_nanos() % 1_000_000 == 0),
            key,
            "must be whole milliseconds",
        );
        problems.require(
            self.retry_delays
                .iter()
                .all(|delay| delay.as_str().len() <= 50),
            key,
            "has a delay written too long",
        );
    }
}

#[cfg(test)]
mod tests {
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
        let found =
            problems(|config| config.management_url = Secret::new("http://u:12/secret@host"));
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
}
