//! A message that was handed out, and its acknowledgement.

use super::amqp::AmqpReceipt;
use super::memory::MemoryReceipt;
use super::message::Message;

/// A message that has to be settled. Dropped unsettled, it stays unacknowledged and is delivered
/// again when its channel closes.
#[derive(Debug)]
pub struct Delivery {
    pub message: Message,
    pub redelivered: bool,
    /// The number of earlier deliveries that came back unsettled.
    pub delivery_count: u32,
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
