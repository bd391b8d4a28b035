//! What the broker's user has to be allowed, what it is refused, and how to grant it.

use super::config::Config;
use super::topology;
use std::fmt;

/// Where RabbitMQ checks the rights on the default exchange, whose name is empty.
pub const DEFAULT_EXCHANGE: &str = "amq.default";
/// Queues that the broker names: they have this prefix and random letters.
pub const SERVER_NAMED: &str = "amq.gen-";

/// RabbitMQ's three permissions; each is a regular expression over names of queues and exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Configure,
    Write,
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    Queue,
    Exchange,
}

/// A right that the broker's user needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    pub right: Right,
    pub kind: ResourceKind,
    pub name: String,
    /// As the broker calls it; unknown where its answer was cut off.
    pub user: Option<String>,
    pub vhost: Option<String>,
}

/// The least that a program needs, as `rabbitmqctl set_permissions` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionPatterns {
    pub configure: String,
    pub write: String,
    pub read: String,
}

impl PermissionPatterns {
    pub fn of_worker(config: &Config) -> Self {
        let queues = topology::queues(config);
        let names = |roles: &[topology::Role]| {
            queues
                .iter()
                .filter(|queue| roles.contains(&queue.role))
                .map(|queue| queue.name.clone())
                .collect::<Vec<_>>()
        };
        let (work, control) = (
            names(&[topology::Role::Work]),
            vec![config.control_exchange.clone()],
        );
        let (mut configure, mut read) = (Vec::new(), [work, control.clone()].concat());
        if config.declare_topology {
            configure = [
                queues.iter().map(|queue| queue.name.clone()).collect(),
                control.clone(),
            ]
            .concat();
            // A queue that dead-letters can be declared only by a user that may read it.
            read.extend(names(&[topology::Role::Delay]));
        }
        let write = [vec![DEFAULT_EXCHANGE.to_owned()], control].concat();
        Self {
            configure: pattern(&configure),
            write: pattern(&write),
            read: pattern(&read),
        }
    }

    /// `user` and `vhost` are placeholders where they are not known.
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

/// These names, and the queues that the broker names.
fn pattern(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| escaped(name)).collect();
    format!(
        "^({})$",
        [names, vec![format!("{}.*", escaped(SERVER_NAMED))]]
            .concat()
            .join("|")
    )
}

/// A name as a regular expression that matches nothing else.
fn escaped(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$#".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// One word of a shell's command line.
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

impl MissingRight {
    /// The regular expression that the user's pattern for this right has to match.
    pub fn pattern(&self) -> String {
        match self.name.strip_prefix(SERVER_NAMED) {
            Some(_) => format!("{}.*", escaped(SERVER_NAMED)),
            None => escaped(&self.name),
        }
    }

    /// Reads `ACCESS_REFUSED - read access to queue 'q' in vhost '/' refused for user 'u'`.
    /// RabbitMQ 3 does not name the right, so the caller says which one its operation needs. `None`
    /// for a refusal that is not about a permission, a reserved name say.
    pub(super) fn read(refusal: &str, needed: Right) -> Option<Self> {
        let (before, rest) = refusal.split_once("access to ")?;
        let (kind, rest) = rest.split_once(" '")?;
        let kind = match kind {
            "queue" => ResourceKind::Queue,
            "exchange" => ResourceKind::Exchange,
            _ => return None,
        };
        let (name, rest) = rest
            .split_once("' in vhost '")
            .unwrap_or((rest.trim_end_matches('.'), ""));
        let (vhost, user) = match rest.split_once("' refused for user '") {
            Some((vhost, user)) => (
                Some(vhost.to_owned()),
                user.split_once('\'').map(|(user, _)| user.to_owned()),
            ),
            None => (None, None),
        };
        let right = match before.trim_end().rsplit(' ').next() {
            Some("configure") => Right::Configure,
            Some("write") => Right::Write,
            Some("read") => Right::Read,
            // To declare a queue that dead-letters needs writing to the exchange as well.
            _ if needed == Right::Configure && name == DEFAULT_EXCHANGE => Right::Write,
            _ => needed,
        };
        Some(Self {
            right,
            kind,
            name: name.to_owned(),
            user,
            vhost,
        })
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// `user u has no read permission on queue q in virtual host /: its read pattern has to match q`.
impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            right,
            kind,
            name,
            user,
            vhost,
        } = self;
        match user {
            Some(user) => write!(formatter, "user {user} has no {right} permission on ")?,
            None => write!(formatter, "this user has no {right} permission on ")?,
        }
        match (kind, name.strip_prefix(SERVER_NAMED)) {
            (_, Some(_)) => write!(
                formatter,
                "the queues that the broker names ({SERVER_NAMED}…)"
            )?,
            (ResourceKind::Queue, None) => write!(formatter, "queue {name}")?,
            (ResourceKind::Exchange, None) if name == DEFAULT_EXCHANGE => {
                write!(formatter, "the default exchange ({name})")?;
            }
            (ResourceKind::Exchange, None) => write!(formatter, "exchange {name}")?,
        }
        if let Some(vhost) = vhost {
            write!(formatter, " in virtual host {vhost}")?;
        }
        write!(
            formatter,
            ": its {right} pattern has to match {}",
            self.pattern()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ResourceKind::{Exchange, Queue};

    #[test]
    fn a_refusal_names_right_resource_user_and_virtual_host() {
        let missing = |right, kind, name: &str| {
            Some(MissingRight {
                right,
                kind,
                name: name.to_owned(),
                user: Some("u".to_owned()),
                vhost: Some("/".to_owned()),
            })
        };
        for (refusal, needed, expected) in [
            (
                "ACCESS_REFUSED - access to queue 'invoice.jobs' in vhost '/' refused for user 'u'",
                Right::Read,
                missing(Right::Read, Queue, "invoice.jobs"),
            ),
            (
                "ACCESS_REFUSED - read access to queue 'invoice.jobs' in vhost '/' refused for user 'u'",
                Right::Configure,
                missing(Right::Read, Queue, "invoice.jobs"),
            ),
            (
                "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'",
                Right::Configure,
                missing(Right::Write, Exchange, "amq.default"),
            ),
            (
                "ACCESS_REFUSED - write access to exchange 'c' in vhost '/' refused for user 'u'",
                Right::Write,
                missing(Right::Write, Exchange, "c"),
            ),
            (
                "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'",
                Right::Configure,
                None,
            ),
            (
                "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
                Right::Read,
                None,
            ),
            (
                "ACCESS_REFUSED - access to topic 't' in exchange 'e' in vhost '/' refused for user 'u'",
                Right::Write,
                None,
            ),
            ("", Right::Read, None),
        ] {
            assert_eq!(MissingRight::read(refusal, needed), expected, "{refusal}");
        }
        let cut = MissingRight::read(
            "ACCESS_REFUSED - access to queue 'a.very.long.na...",
            Right::Read,
        )
        .unwrap();
        assert_eq!(
            (cut.name.as_str(), cut.user, cut.vhost),
            ("a.very.long.na", None, None)
        );
    }

    #[test]
    fn a_missing_right_is_told_with_the_pattern_that_grants_it() {
        let told = |right, kind, name: &str| {
            let missing = MissingRight {
                right,
                kind,
                name: name.to_owned(),
                user: Some("u".to_owned()),
                vhost: Some("/".to_owned()),
            };
            missing.to_string()
        };
        assert_eq!(
            told(Right::Read, ResourceKind::Queue, "invoice.jobs"),
            r"user u has no read permission on queue invoice.jobs in virtual host /: its read pattern has to match invoice\.jobs"
        );
        assert_eq!(
            told(Right::Write, ResourceKind::Exchange, "amq.default"),
            r"user u has no write permission on the default exchange (amq.default) in virtual host /: its write pattern has to match amq\.default"
        );
        assert_eq!(
            told(Right::Configure, ResourceKind::Queue, "amq.gen-x7Zz"),
            r"user u has no configure permission on the queues that the broker names (amq.gen-…) in virtual host /: its configure pattern has to match amq\.gen-.*"
        );
    }

    #[test]
    fn the_patterns_are_the_least_that_a_worker_needs() {
        let mut config = Config::default();
        let patterns = PermissionPatterns::of_worker(&config);
        let delays = r"invoice\.retry\.5s|invoice\.retry\.30s|invoice\.retry\.2m|invoice\.retry\.10m|invoice\.retry\.1h";
        let all = format!(
            r"invoice\.failed|invoice\.results|invoice\.jobs|invoice\.due|{delays}|invoice\.control"
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
        config.declare_topology = false;
        assert_eq!(
            PermissionPatterns::of_worker(&config).command(Some("the worker"), Some("/")),
            r"rabbitmqctl set_permissions -p / 'the worker' '^(amq\.gen-.*)$' '^(amq\.default|invoice\.control|amq\.gen-.*)$' '^(invoice\.jobs|invoice\.due|invoice\.control|amq\.gen-.*)$'"
        );
    }
}
