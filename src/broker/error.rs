//! How the broker fails, as far as callers tell it apart. No text holds a password.

use std::error::Error;
use thiserror::Error;

/// The library's own error. Its text is part of ours, so it is no `source` as well: a chain would print it twice.
pub type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug, Error)]
pub enum BrokerError {
    /// Nobody listens, no answer in time, TLS failed.
    #[error("broker {address} cannot be reached: {cause}")]
    Unreachable { address: String, cause: Cause },
    /// The broker answered and will not have us: credentials, or the virtual host.
    #[error("broker {address} refuses the connection: {cause}; check user, password, virtual host and the user's permissions on it")]
    Refused { address: String, cause: Cause },
    /// The generation is over; connect again.
    #[error("the connection to the broker is lost: {0}")]
    Lost(Cause),
    /// An operation on a queue that is not there, or that is not ours to use.
    #[error("queue {queue} cannot be used: {cause}")]
    Queue { queue: String, cause: Cause },
    #[error("queue {queue} {difference}; {mend}")]
    TopologyMismatch { queue: String, difference: String, mend: String },
    #[error("{key} {problem}")]
    Misconfigured { key: &'static str, problem: String },
}

/// What a topology says of a queue, or the exchange, that is not there.
pub(super) const MISSING: &str = "does not exist";

impl BrokerError {
    /// Something that the worker would declare.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::TopologyMismatch { difference, .. } if difference == MISSING)
    }

    /// Whether trying again is pointless until somebody mends something: exit status 64.
    pub fn is_final(&self) -> bool {
        match self {
            Self::TopologyMismatch { .. } | Self::Misconfigured { .. } => true,
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Lost(_) | Self::Queue { .. } => false,
        }
    }
}

/// Why a message is not safely in its queue. Nothing may be acknowledged on the strength of it.
#[derive(Debug, Error)]
pub enum PublishError {
    #[error("nobody has the queue")]
    Returned,
    #[error("the broker refused the message (is the queue full?)")]
    Nacked,
    /// Whether the broker has it is unknown.
    #[error("no confirm in time")]
    TimedOut,
    /// The connection went away; whether the broker has it is unknown.
    #[error("the connection to the broker is lost")]
    Lost,
    /// This message will never be taken: too large, its name too long, no permission.
    #[error("the message cannot be published: {0}")]
    Refused(Cause),
}
