//! What a queue that exists is like, as far as AMQP tells.
//!
//! AMQP cannot read a queue's arguments. But a declaration that differs from what exists is refused
//! with the first difference in its text: it is adopted and the question asked again, until the
//! broker agrees. What exists is never changed by asking.

use super::connect::Link;
use super::difference::Difference;
use super::refusal::{Answer, Refusal, rpc, short};
use super::topology::{passive, table};
use crate::broker::error::BrokerError;
use crate::broker::rights::{MissingRight, Right};
use crate::broker::topology::{Argument, ExistingQueue, Queue, Severity};
use lapin::options::QueueDeclareOptions;

/// More differences than a queue has arguments.
const MOST_DIFFERENCES: usize = 24;
/// An argument that quorum queues compare last, and a value that none of them can have. With it a
/// declaration is always refused, so that asking for the next difference cannot declare a queue
/// that was deleted meanwhile with what was adopted from it.
const LAST: &str = "x-queue-leader-locator";
const IMPOSSIBLE: &str = "invoice-worker-asks";

#[derive(Debug)]
pub(super) enum Inspected {
    /// Exists, or was just declared.
    Existing(ExistingQueue),
    /// This user may not declare, and so cannot compare.
    NotCompared(MissingRight),
    /// The broker refuses the comparison in words that are not understood.
    Unclear(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// As ours, so that a queue that is not there is declared.
    AsOurs,
    Asking,
    /// All differences are adopted, and the broker has to agree.
    Confirming,
}

/// Messages ready in it; none where it does not exist.
pub(super) async fn depth(link: &Link, queue: &str) -> Result<Option<u32>, BrokerError> {
    let channel = link.channel().await?;
    match passive(&channel, queue).await {
        Ok(messages) => Ok(Some(messages)),
        Err(answer) if answer.is_gone() => Ok(None),
        Err(answer) => Err(answer.about(queue, Right::Read)),
    }
}

/// Declares the queue where it does not exist.
pub(super) async fn inspect(link: &Link, queue: &Queue) -> Result<Inspected, BrokerError> {
    let mut existing = ExistingQueue::as_declared(queue);
    let mut phase = Phase::AsOurs;
    for _ in 0..MOST_DIFFERENCES {
        let answer = match ask(link, queue, &existing, phase).await {
            Ok(()) => return Ok(Inspected::Existing(existing)),
            Err(answer) => answer,
        };
        let (refusal, cause) = match answer {
            Answer::Refused { refusal, ref cause } => (refusal, cause.to_string()),
            Answer::Lost(cause) => return Err(BrokerError::Lost(cause)),
        };
        match refusal {
            Refusal::PreconditionFailed => {}
            Refusal::NotFound | Refusal::AccessRefused | Refusal::Other => {
                let missing = answer
                    .missing_right(Right::Configure)
                    .map(Inspected::NotCompared);
                return missing.ok_or_else(|| answer.about(&queue.name, Right::Configure));
            }
        }
        let Some(difference) = Difference::read(&cause) else {
            return Ok(Inspected::Unclear(cause));
        };
        if phase == Phase::Asking && difference.argument == LAST {
            if existing
                .flaws(queue)
                .iter()
                .any(|flaw| flaw.severity == Severity::Essential)
            {
                return Ok(Inspected::Existing(existing));
            }
            phase = Phase::Confirming;
        } else if difference.adopt(&mut existing) {
            phase = if phase == Phase::AsOurs {
                Phase::Asking
            } else {
                phase
            };
        } else {
            return Ok(Inspected::Unclear(cause));
        }
    }
    Ok(Inspected::Unclear(
        "it differs in too many arguments".to_owned(),
    ))
}

async fn ask(
    link: &Link,
    queue: &Queue,
    existing: &ExistingQueue,
    phase: Phase,
) -> Result<(), Answer> {
    let name = short(&queue.name)?;
    let mut arguments = existing.arguments.clone();
    if phase == Phase::Asking {
        arguments.insert(LAST.to_owned(), Argument::Text(IMPOSSIBLE.to_owned()));
    }
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
    // A refusal closes the channel, so each question has its own.
    let channel = link
        .channel()
        .await
        .map_err(|error| Answer::Lost(error.into()))?;
    rpc(channel.queue_declare(name, options, table(&arguments)))
        .await
        .map(drop)
}
