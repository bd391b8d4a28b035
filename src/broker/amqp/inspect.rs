//! The properties and arguments of a queue that exists, as far as AMQP shows them.
//!
//! AMQP cannot read a queue's arguments. But a declaration that differs from the queue is refused
//! with the first difference in its text: the difference is adopted and the declaration repeated,
//! until the broker agrees. An existing queue is never changed by this.

use super::connection::BrokerConnection;
use super::difference::ArgumentDifference;
use super::queues;
use super::rpc::{RefusalKind, RpcError, rpc, short};
use crate::broker::error::BrokerError;
use crate::broker::rights::{MissingRight, Right};
use crate::broker::topology::{Argument, ExistingQueue, QueueDefinition, Severity};
use lapin::options::QueueDeclareOptions;

/// No queue has so many arguments.
const MOST_DIFFERENCES: usize = 24;
/// An argument that RabbitMQ compares last on quorum queues, and a value that none of them can
/// have. A declaration with it is always refused, so that the search for the next difference cannot
/// declare a queue that was deleted meanwhile with arguments adopted from it.
const LAST: &str = "x-queue-leader-locator";
const IMPOSSIBLE: &str = "invoice-worker-asks";

#[derive(Debug)]
pub(super) enum Inspected {
    /// The queue existed, or was just declared.
    Existing(ExistingQueue),
    /// This user lacks the right to declare, without which queues cannot be compared.
    NotCompared(MissingRight),
    /// The broker's refusal was not understood.
    Unclear(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The worker's own definition is declared, which creates a missing queue.
    Own,
    /// Differences are collected with an impossible declaration.
    Differences,
    /// All differences are adopted, and the broker has to agree.
    Confirmation,
}

/// The number of messages that are ready in the queue; `None` if it does not exist.
pub(super) async fn existing_depth(
    connection: &BrokerConnection,
    queue: &str,
) -> Result<Option<u32>, BrokerError> {
    let channel = connection.channel().await?;
    match queues::depth(&channel, queue).await {
        Ok(messages) => Ok(Some(messages)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error.about(queue, Right::Read)),
    }
}

/// Compares the queue with its definition, and declares it if it does not exist.
pub(super) async fn inspect(
    connection: &BrokerConnection,
    queue: &QueueDefinition,
) -> Result<Inspected, BrokerError> {
    let mut existing = ExistingQueue::as_declared(queue);
    let mut phase = Phase::Own;
    for _ in 0..MOST_DIFFERENCES {
        let cause = match declare(connection, queue, &existing, phase).await {
            Ok(()) => return Ok(Inspected::Existing(existing)),
            Err(RpcError::Refused {
                kind: RefusalKind::PreconditionFailed,
                cause,
            }) => cause.to_string(),
            Err(error) => {
                let missing = error.missing_right(Right::Configure);
                return missing
                    .map(Inspected::NotCompared)
                    .ok_or_else(|| error.about(&queue.name, Right::Configure));
            }
        };
        let Some(difference) = ArgumentDifference::parse(&cause) else {
            return Ok(Inspected::Unclear(cause));
        };
        if phase == Phase::Differences && difference.argument == LAST {
            if existing
                .flaws(queue)
                .iter()
                .any(|flaw| flaw.severity == Severity::Essential)
            {
                return Ok(Inspected::Existing(existing));
            }
            phase = Phase::Confirmation;
        } else if !difference.adopt(&mut existing) {
            return Ok(Inspected::Unclear(cause));
        } else if phase == Phase::Own {
            phase = Phase::Differences;
        }
    }
    Ok(Inspected::Unclear(
        "it differs in too many arguments".to_owned(),
    ))
}

async fn declare(
    connection: &BrokerConnection,
    queue: &QueueDefinition,
    existing: &ExistingQueue,
    phase: Phase,
) -> Result<(), RpcError> {
    let impossible = (LAST, Argument::Text(IMPOSSIBLE.to_owned()));
    let arguments = existing
        .arguments
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .chain((phase == Phase::Differences).then_some(impossible));
    let ExistingQueue {
        durable,
        auto_delete,
        exclusive,
        ..
    } = *existing;
    let options = QueueDeclareOptions {
        durable,
        auto_delete,
        exclusive,
        ..QueueDeclareOptions::default()
    };
    // A refusal closes the channel, so each declaration has its own.
    let channel = connection
        .channel()
        .await
        .map_err(|error| RpcError::Lost(error.into()))?;
    let name = short(&queue.name)?;
    rpc(channel.queue_declare(name, options, queues::arguments(arguments)))
        .await
        .map(drop)
}
