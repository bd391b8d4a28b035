//! The broker's failures, as far as callers distinguish them. No text holds a password.

use super::permissions::PermissionPatterns;
use super::rights::MissingRight;
use std::error::Error;
use thiserror::Error;

/// The library's own error. Its text is part of ours, so it is not the `source` as well: a chain of
/// errors would print it twice.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Debug, Error)]
pub enum BrokerError {
    /// No connection: nothing listens, no answer came in time, or TLS failed.
    #[error("broker {address} cannot be reached: {cause}")]
    Unreachable { address: String, cause: BoxError },
    /// The broker answered and refused the login or the virtual host.
    #[error(
        "broker {address} refuses this user: {cause}; check user, password, virtual host and the user's permissions on it"
    )]
    Refused { address: String, cause: BoxError },
    /// The session is over; the caller has to connect again.
    #[error("the connection to the broker is lost: {0}")]
    Lost(BoxError),
    /// The queue does not exist, or the operation on it failed.
    #[error("queue {queue} cannot be used: {cause}")]
    Queue { queue: String, cause: BoxError },
    /// This user lacks rights that the worker needs.
    #[error("the broker refuses this user: {}", with_grant(missing, grant.as_ref()))]
    Forbidden {
        missing: Vec<MissingRight>,
        /// All rights that the program needs; `None` where only the one that was refused is known.
        grant: Option<PermissionPatterns>,
    },
    #[error("queue {queue} {difference}; {mend}")]
    TopologyMismatch {
        queue: String,
        difference: String,
        mend: String,
    },
    #[error("{key} {problem}")]
    Misconfigured { key: &'static str, problem: String },
}

/// The difference of a queue or an exchange that does not exist.
pub(super) const MISSING: &str = "does not exist";

impl BrokerError {
    /// Whether a queue or the exchange does not exist, and the worker would declare it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::TopologyMismatch { difference, .. } if difference == MISSING)
    }

    /// Whether trying again is pointless until an operator intervenes: exit status 64.
    pub fn is_final(&self) -> bool {
        match self {
            Self::TopologyMismatch { .. } | Self::Misconfigured { .. } => true,
            // Rights are granted, and passwords corrected, while the worker runs.
            Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Lost(_)
            | Self::Queue { .. }
            | Self::Forbidden { .. } => false,
        }
    }

    /// The kind of outage that this error means for a worker that has no session.
    pub fn outage(&self) -> Outage {
        match self {
            Self::Refused { .. } | Self::Forbidden { .. } => Outage::Refused,
            error @ Self::TopologyMismatch { .. } if error.is_missing() => Outage::Missing,
            Self::Unreachable { .. }
            | Self::Lost(_)
            | Self::Queue { .. }
            | Self::TopologyMismatch { .. }
            | Self::Misconfigured { .. } => Outage::OutOfReach,
        }
    }
}

/// Why a worker has no session, as far as a person does different things about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    OutOfReach,
    /// The broker is there and refuses the login, or a right.
    Refused,
    /// A queue of ours is not there, and this worker may not declare it.
    Missing,
}

impl Outage {
    pub fn message(self) -> &'static str {
        match self {
            Self::OutOfReach => "the broker is out of reach; trying again until it answers",
            Self::Refused => "the broker refuses this user; trying again until it does not",
            Self::Missing => {
                "a queue or the control exchange does not exist; trying again until it does"
            }
        }
    }
}

/// The reason why a message is not safely in its queue. Nothing may be acknowledged after it.
#[derive(Debug, Error)]
pub enum PublishError {
    #[error("the queue does not exist (the broker returned the message)")]
    Returned,
    #[error("the broker refused the message (is the queue full?)")]
    Nacked,
    /// Nothing was sent; or it was published once, and its confirm may still come.
    #[error("the broker did not confirm within broker.publish_timeout")]
    TimedOut,
    /// The connection went away; whether the broker has the message is unknown.
    #[error("the connection to the broker is lost")]
    Lost,
    /// This user may not publish at all, whatever the message and its queue.
    #[error("the broker refuses this user: {0}")]
    Forbidden(Box<MissingRight>),
    /// The broker will never take this message: it is too large, or its queue's name is too long.
    #[error("the message cannot be published: {0}")]
    Refused(BoxError),
}

impl PublishError {
    /// The error of a program that depends on publishing to the queue `name`.
    pub fn about(self, name: &str) -> BrokerError {
        match self {
            Self::Forbidden(missing) => BrokerError::Forbidden {
                missing: vec![*missing],
                grant: None,
            },
            problem => BrokerError::Queue {
                queue: name.to_owned(),
                cause: problem.into(),
            },
        }
    }
}

/// Each missing right, and the command that grants all of them.
fn with_grant(missing: &[MissingRight], grant: Option<&PermissionPatterns>) -> String {
    let rights: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let rights = rights.join("; ");
    match (grant, missing.first()) {
        (Some(grant), Some(first)) => format!(
            "{rights}; grant it with: {}",
            grant.command(first.user.as_deref(), first.vhost.as_deref())
        ),
        _ => rights,
    }
}
