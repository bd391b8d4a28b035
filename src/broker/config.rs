//! The `[broker]` section.

use super::address::{self, BrokerLogin, BrokerUrl};
use super::delay_queues;
use super::job_queues::JobQueue;
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::text;
use crate::settings::units::{Pattern, Span, span};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// RabbitMQ allows 255 bytes in a name; the names of delay queues add the delay to it.
const LONGEST_NAME: usize = 200;
/// Each delay is a queue of its own.
const MOST_DELAYS: usize = 20;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
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
    /// The worker reads its ledger: there are budgets. Set while the configuration is loaded.
    #[serde(skip)]
    pub reads_ledger: bool,
    /// The only job queue, where there is no list of them. Empty beside `jobs`.
    pub jobs_queue: String,
    pub due_queue: String,
    pub control_exchange: String,
    pub results_queue: String,
    pub failed_queue: String,
    /// The stream of the ledger.
    pub ledger_queue: String,
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
    /// Several job queues, instead of `jobs_queue`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobQueue>,
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
            reads_ledger: false,
            jobs_queue: "invoice.jobs".to_owned(),
            due_queue: "invoice.due".to_owned(),
            control_exchange: "invoice.control".to_owned(),
            results_queue: "invoice.results".to_owned(),
            failed_queue: "invoice.failed".to_owned(),
            ledger_queue: "invoice.ledger".to_owned(),
            retry_queue_prefix: "invoice.retry".to_owned(),
            retry_delays: ["5s", "30s", "2m", "10m", "1h"].map(span).to_vec(),
            declare_topology: true,
            allow_plaintext: true,
            publish_timeout: span("10s"),
            reply_to: Pattern::default(),
            management_url: Secret::default(),
            management_url_file: PathBuf::new(),
            jobs: Vec::new(),
        }
    }
}

impl Config {
    /// Whether the broker is the one in this process.
    pub fn is_memory(&self) -> bool {
        self.urls.iter().any(|url| url.expose() == address::MEMORY)
    }

    /// The queues that jobs are submitted to: those of `[[broker.jobs]]`, or `jobs_queue` alone.
    pub fn job_queues(&self) -> Vec<JobQueue> {
        if !self.jobs.is_empty() {
            return self.jobs.clone();
        }
        vec![JobQueue {
            queue: self.jobs_queue.clone(),
            ..JobQueue::default()
        }]
    }

    /// How many job queues there are.
    pub fn count_of_job_queues(&self) -> usize {
        self.jobs.len().max(1)
    }

    /// The names of the job queues, for people.
    pub fn names_of_job_queues(&self) -> String {
        let names = self.job_queues().into_iter().map(|jobs| jobs.queue);
        names.collect::<Vec<_>>().join(", ")
    }

    /// The first of the job queues: what is submitted goes there where no other is named.
    pub fn first_jobs_queue(&self) -> &str {
        self.jobs
            .first()
            .map_or(&self.jobs_queue, |first| &first.queue)
    }

    /// Is this the name of one of the job queues?
    pub fn is_jobs_queue(&self, queue: &str) -> bool {
        self.job_queues().iter().any(|jobs| jobs.queue == queue)
    }

    /// The submitter of jobs from this queue that name none; `None`: their bucket.
    pub fn submitter_of(&self, queue: &str) -> Option<&str> {
        let jobs = self.jobs.iter().find(|jobs| jobs.queue == queue)?;
        Some(jobs.submitter.as_str()).filter(|submitter| !submitter.is_empty())
    }

    /// The queue in which a message waits for `delay`.
    pub fn retry_queue(&self, delay: &Span) -> String {
        format!("{}.{delay}", self.retry_queue_prefix)
    }

    /// The queue of a job that was parked at `from` until `until`, and when it leaves that queue: it
    /// hops over the delay queues. `None` once its wait is over: it is in the due queue, or in hand.
    pub fn waiting_place(
        &self,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let (delay, back) = delay_queues::hop_at(&self.retry_delays, from, until, now)?;
        Some((self.retry_queue(delay), back))
    }

    /// Whether a result may be published to this queue. In one of the worker's own queues it would
    /// come back as a job, or be taken for something else.
    pub fn allows_reply_to(&self, queue: &str) -> bool {
        let ours = [
            &self.due_queue,
            &self.results_queue,
            &self.failed_queue,
            &self.ledger_queue,
        ];
        // A queue of a delay that was configured earlier may still exist.
        let is_retry_queue = queue
            .strip_prefix(&self.retry_queue_prefix)
            .is_some_and(|rest| rest.starts_with('.'));
        let is_ours = self.is_jobs_queue(queue) || ours.iter().any(|ours| *ours == queue);
        !is_retry_queue && !is_ours && self.reply_to.matches(queue)
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
        JobQueue::validate(&self.jobs, problems);
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
        let only = ("broker.jobs_queue", &self.jobs_queue);
        let only = self.jobs.is_empty().then_some(only);
        let others = [
            ("broker.due_queue", &self.due_queue),
            ("broker.control_exchange", &self.control_exchange),
            ("broker.results_queue", &self.results_queue),
            ("broker.failed_queue", &self.failed_queue),
            ("broker.ledger_queue", &self.ledger_queue),
            ("broker.retry_queue_prefix", &self.retry_queue_prefix),
        ];
        for (key, name) in only.into_iter().chain(others) {
            validate_name(key, name, &mut taken, problems);
        }
        for delay in &self.retry_delays {
            let queue = self.retry_queue(delay);
            problems.require(
                taken.insert(queue),
                "broker.retry_queue_prefix",
                "makes a delay queue with the name of something else",
            );
        }
        // Last: what clashes is told of the entry.
        for (index, jobs) in self.jobs.iter().enumerate() {
            let key = format!("broker.jobs[{index}].queue");
            validate_name(&key, &jobs.queue, &mut taken, problems);
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

/// Checks a name of RabbitMQ, and that it is not one of those that are `taken`.
fn validate_name(key: &str, name: &str, taken: &mut HashSet<String>, problems: &mut Problems) {
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
        taken.insert(name.to_owned()),
        key,
        "is the name of something else, too",
    );
}

#[cfg(test)]
mod tests;
