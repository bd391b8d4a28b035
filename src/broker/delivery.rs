//! A message that was handed out, and its acknowledgement.

use super::amqp::AmqpReceipt;
use super::memory::MemoryReceipt;
use super::message::Message;
use crate::telemetry::trace;
use std::sync::Arc;
use tracing::Span;

/// A message that has to be settled. Dropped unsettled, it stays unacknowledged and is delivered
/// again when its channel closes.
#[derive(Debug)]
pub struct Delivery {
    pub message: Message,
    pub redelivered: bool,
    /// The number of earlier deliveries that came back unsettled.
    pub delivery_count: u32,
    /// The job queue that it was taken from; `None` where it was taken from another queue.
    pub jobs_queue: Option<Arc<str>>,
    pub(super) receipt: Receipt,
}

/// The means to acknowledge a delivery.
#[derive(Debug)]
pub(super) enum Receipt {
    Amqp(AmqpReceipt),
    Memory(MemoryReceipt),
    /// The consumer asked for no acknowledgements.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    Acknowledged,
    /// The channel was gone: the message will be delivered again.
    Lost,
}

impl Delivery {
    /// The span of the turn that begins with it. It is from `due_queue` where it is from no job
    /// queue.
    pub fn turn_span(&self, due_queue: &str) -> Span {
        let queue = self.jobs_queue.as_deref().unwrap_or(due_queue);
        let Message { body, properties } = &self.message;
        trace::job(queue, body.len(), |name| properties.headers.text(name))
    }

    /// Acknowledges. Only for a delivery whose result or parked copy the broker has confirmed.
    pub async fn settle(self) -> Settled {
        let acknowledged = match self.receipt {
            Receipt::Amqp(receipt) => receipt.acknowledge().await,
            Receipt::Memory(receipt) => receipt.acknowledge(),
            Receipt::None => true,
        };
        if acknowledged {
            Settled::Acknowledged
        } else {
            Settled::Lost
        }
    }
}
