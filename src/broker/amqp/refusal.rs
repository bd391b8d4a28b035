//! One question to the broker, bounded in time, and what its failure means.

use crate::broker::error::{BrokerError, Cause};
use crate::broker::rights::{MissingRight, Right};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::ShortString;
use lapin::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::timeout;

/// A healthy broker answers in milliseconds, a cluster that elects a leader in a few seconds, one
/// whose machine stands still when that goes on. Whether the connection is dead is not decided
/// here: its heartbeats tell within twenty seconds.
const RPC_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a question was not answered with yes.
#[derive(Debug)]
pub(super) enum Answer {
    /// The broker said no and closed the channel; the connection lives.
    Refused { refusal: Refusal, cause: Cause },
    /// Connection or channel went away, or nothing was heard in time.
    Lost(Cause),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    AccessRefused,
    /// It exists and is otherwise.
    PreconditionFailed,
    Other,
}

pub(super) async fn rpc<T>(question: impl Future<Output = lapin::Result<T>>) -> Result<T, Answer> {
    match timeout(RPC_TIMEOUT, question).await {
        Ok(answer) => answer.map_err(Answer::from),
        Err(_) => Err(Answer::Lost(
            format!("no answer within {RPC_TIMEOUT:?}").into(),
        )),
    }
}

/// A name as AMQP carries it, at most 255 bytes.
pub(super) fn short(text: &str) -> Result<ShortString, Answer> {
    ShortString::try_new(text).map_err(|cause| Answer::Refused {
        refusal: Refusal::Other,
        cause: cause.into(),
    })
}

impl Answer {
    /// What it means for the caller; its question, about this queue, needed that right.
    pub(super) fn about(self, queue: &str, needed: Right) -> BrokerError {
        if let Some(missing) = self.missing_right(needed) {
            return BrokerError::Forbidden {
                missing: vec![missing],
                grant: None,
            };
        }
        match self {
            Self::Lost(cause) => BrokerError::Lost(cause),
            Self::Refused { cause, .. } => BrokerError::Queue {
                queue: queue.to_owned(),
                cause,
            },
        }
    }

    /// It does not exist. A queue whose node is down is not found either, in other words, and its
    /// messages are still there.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Refused {
                refusal: Refusal::NotFound,
                cause,
            } => [" - no queue '", " - no exchange '"]
                .iter()
                .any(|words| cause.to_string().contains(words)),
            Self::Refused { .. } | Self::Lost(_) => false,
        }
    }

    pub(super) fn missing_right(&self, needed: Right) -> Option<MissingRight> {
        match self {
            Self::Refused {
                refusal: Refusal::AccessRefused,
                cause,
            } => MissingRight::read(&cause.to_string(), needed),
            Self::Refused { .. } | Self::Lost(_) => None,
        }
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        match refusal(&error) {
            Some(refusal) => Self::Refused {
                refusal,
                cause: error.into(),
            },
            None => Self::Lost(error.into()),
        }
    }
}

/// A channel-level refusal; none where the connection is at fault.
fn refusal(error: &Error) -> Option<Refusal> {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return None;
    };
    match error.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Some(Refusal::NotFound),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Some(Refusal::AccessRefused),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Some(Refusal::PreconditionFailed),
        AMQPErrorKind::Soft(_) => Some(Refusal::Other),
        AMQPErrorKind::Hard(_) => None,
    }
}
