//! Requests to the broker, bounded in time, and the meaning of their failures.

use crate::broker::error::{BoxError, BrokerError, PublishError};
use crate::broker::rights::{MissingRight, Right};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::ShortString;
use lapin::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::timeout;

/// A healthy broker answers in milliseconds, a cluster that elects a leader in a few seconds, and
/// one whose machine stands still when that ends. This bound does not decide whether the connection
/// is dead: the heartbeats do, within twenty seconds.
const RPC_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) enum RpcError {
    /// The broker refused the request and closed the channel; the connection lives.
    Refused { kind: RefusalKind, cause: BoxError },
    /// The connection or channel is gone, or no answer came in time.
    Lost(BoxError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalKind {
    NotFound,
    AccessRefused,
    /// A queue or exchange exists with other arguments.
    PreconditionFailed,
    Other,
}

pub(super) async fn rpc<T>(request: impl Future<Output = lapin::Result<T>>) -> Result<T, RpcError> {
    match timeout(RPC_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(RpcError::from),
        Err(_) => Err(RpcError::Lost(
            format!("no answer within {RPC_TIMEOUT:?}").into(),
        )),
    }
}

/// A name as AMQP carries it: at most 255 bytes.
pub(super) fn short(text: &str) -> Result<ShortString, RpcError> {
    ShortString::try_new(text).map_err(|cause| RpcError::Refused {
        kind: RefusalKind::Other,
        cause: cause.into(),
    })
}

impl RpcError {
    /// The error for the caller: the request concerned this queue and needed this right.
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

    /// Whether the queue or exchange does not exist. A queue whose node is down is not found
    /// either, but with another text, and its messages still exist.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Refused {
                kind: RefusalKind::NotFound,
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
                kind: RefusalKind::AccessRefused,
                cause,
            } => MissingRight::parse(&cause.to_string(), needed),
            Self::Refused { .. } | Self::Lost(_) => None,
        }
    }
}

impl From<Error> for RpcError {
    fn from(error: Error) -> Self {
        match refusal_kind(&error) {
            Some(kind) => Self::Refused {
                kind,
                cause: error.into(),
            },
            None => Self::Lost(error.into()),
        }
    }
}

impl From<RpcError> for PublishError {
    fn from(error: RpcError) -> Self {
        if let Some(missing) = error.missing_right(Right::Write) {
            return Self::Forbidden(Box::new(missing));
        }
        match error {
            // Without the exchange no message reaches a queue.
            RpcError::Refused {
                kind: RefusalKind::NotFound,
                ..
            } => Self::Returned,
            RpcError::Refused { cause, .. } => Self::Refused(cause),
            RpcError::Lost(_) => Self::Lost,
        }
    }
}

/// The kind of an error that closed a channel only; `None` if it concerns the connection.
fn refusal_kind(error: &Error) -> Option<RefusalKind> {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return None;
    };
    match error.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Some(RefusalKind::NotFound),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Some(RefusalKind::AccessRefused),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            Some(RefusalKind::PreconditionFailed)
        }
        AMQPErrorKind::Soft(_) => Some(RefusalKind::Other),
        AMQPErrorKind::Hard(_) => None,
    }
}
