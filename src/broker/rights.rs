//! Rights that the broker refuses, and the pattern that would grant each of them.

use std::fmt;

/// The name under which RabbitMQ checks rights on the default exchange, whose own name is empty.
pub const DEFAULT_EXCHANGE: &str = "amq.default";
/// The prefix of queues that the broker names; random letters follow it.
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
    /// `None` where the broker's answer was cut off.
    pub user: Option<String>,
    /// `None` where the broker's answer was cut off.
    pub vhost: Option<String>,
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
    /// RabbitMQ 3 does not name the right, so the caller passes the one that its operation needs.
    /// `None` if the refusal is about something else, for example a reserved name.
    pub(super) fn parse(refusal: &str, needed: Right) -> Option<Self> {
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
            // Declaring a queue with dead-lettering needs write permission on the exchange as well.
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

/// Written as `user u has no read permission on queue q in virtual host /: its read pattern has to
/// match q`.
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

/// A regular expression that matches this name only.
pub(super) fn escaped(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$#".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
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
            assert_eq!(MissingRight::parse(refusal, needed), expected, "{refusal}");
        }
        let cut = MissingRight::parse(
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
    fn a_missing_right_is_shown_with_the_pattern_that_grants_it() {
        let shown = |right, kind, name: &str| {
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
            shown(Right::Read, ResourceKind::Queue, "invoice.jobs"),
            r"user u has no read permission on queue invoice.jobs in virtual host /: its read pattern has to match invoice\.jobs"
        );
        assert_eq!(
            shown(Right::Write, ResourceKind::Exchange, "amq.default"),
            r"user u has no write permission on the default exchange (amq.default) in virtual host /: its write pattern has to match amq\.default"
        );
        assert_eq!(
            shown(Right::Configure, ResourceKind::Queue, "amq.gen-x7Zz"),
            r"user u has no configure permission on the queues that the broker names (amq.gen-…) in virtual host /: its configure pattern has to match amq\.gen-.*"
        );
    }
}
