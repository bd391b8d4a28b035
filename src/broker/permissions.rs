//! The least permissions that the worker needs, and the command that grants them.

use super::config::Config;
use super::rights::{DEFAULT_EXCHANGE, SERVER_NAMED, escaped};
use super::topology::{self, QueueRole};

/// A user's permissions as `rabbitmqctl set_permissions` takes them: regular expressions over the
/// names of queues and exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionPatterns {
    pub configure: String,
    pub write: String,
    pub read: String,
}

impl PermissionPatterns {
    /// The least permissions of a worker with this configuration, which declares its ledger as well.
    pub fn of_worker(config: &Config) -> Self {
        let queues = topology::queues(config);
        let names = |role: QueueRole| {
            let queues = queues.iter().filter(move |queue| queue.role == role);
            queues.map(|queue| queue.name.as_str())
        };
        let control = config.control_exchange.as_str();
        let mut configure = Vec::new();
        let mut read: Vec<&str> = names(QueueRole::Work).collect();
        read.push(control);
        if config.reads_ledger {
            read.push(&config.ledger_queue);
        }
        if config.declare_topology {
            configure.extend(queues.iter().map(|queue| queue.name.as_str()));
            configure.push(control);
            configure.push(&config.ledger_queue);
            // RabbitMQ lets only a user that may read a queue declare it with dead-lettering.
            read.extend(names(QueueRole::Delay));
        }
        Self {
            configure: pattern(&configure),
            write: pattern(&[DEFAULT_EXCHANGE, control]),
            read: pattern(&read),
        }
    }

    /// The command line that grants the permissions. `USER` and `VHOST` stand for an unknown user
    /// or virtual host.
    pub fn command(&self, user: Option<&str>, vhost: Option<&str>) -> String {
        let Self {
            configure,
            write,
            read,
        } = self;
        let words = [
            vhost.unwrap_or("VHOST"),
            user.unwrap_or("USER"),
            configure,
            write,
            read,
        ]
        .map(quoted);
        format!("rabbitmqctl set_permissions -p {}", words.join(" "))
    }
}

/// A pattern that matches these names and the queues that the broker names.
fn pattern(names: &[&str]) -> String {
    let mut patterns: Vec<String> = names.iter().map(|name| escaped(name)).collect();
    patterns.push(format!("{}.*", escaped(SERVER_NAMED)));
    format!("^({})$", patterns.join("|"))
}

/// The word, quoted for a shell where it needs quotes.
fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty()
        && word
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    if is_plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::JobQueue;

    #[test]
    fn every_job_queue_may_be_read() {
        let named = |queue: &str| JobQueue {
            queue: queue.to_owned(),
            ..JobQueue::default()
        };
        let config = Config {
            jobs: ["a.jobs", "b.jobs"].map(named).to_vec(),
            declare_topology: false,
            ..Config::default()
        };
        assert_eq!(
            PermissionPatterns::of_worker(&config).read,
            r"^(a\.jobs|b\.jobs|invoice\.due|invoice\.control|amq\.gen-.*)$"
        );
    }

    #[test]
    fn the_patterns_are_the_least_that_a_worker_needs() {
        let mut config = Config::default();
        let patterns = PermissionPatterns::of_worker(&config);
        let delays = r"invoice\.retry\.5s|invoice\.retry\.30s|invoice\.retry\.2m|invoice\.retry\.10m|invoice\.retry\.1h";
        let all = format!(
            r"invoice\.failed|invoice\.results|invoice\.jobs|invoice\.due|{delays}|invoice\.control|invoice\.ledger"
        );
        assert_eq!(patterns.configure, format!(r"^({all}|amq\.gen-.*)$"));
        assert_eq!(
            patterns.write,
            r"^(amq\.default|invoice\.control|amq\.gen-.*)$"
        );
        assert_eq!(
            patterns.read,
            format!(r"^(invoice\.jobs|invoice\.due|invoice\.control|{delays}|amq\.gen-.*)$")
        );
        config.reads_ledger = true;
        let with_budgets = PermissionPatterns::of_worker(&config).read;
        assert!(
            with_budgets.contains(r"|invoice\.ledger|"),
            "{with_budgets}"
        );
        config.reads_ledger = false;
        config.declare_topology = false;
        assert_eq!(
            PermissionPatterns::of_worker(&config).command(Some("the worker"), Some("/")),
            r"rabbitmqctl set_permissions -p / 'the worker' '^(amq\.gen-.*)$' '^(amq\.default|invoice\.control|amq\.gen-.*)$' '^(invoice\.jobs|invoice\.due|invoice\.control|amq\.gen-.*)$'"
        );
    }
}
