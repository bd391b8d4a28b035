//! The deliveries of a queue, from either broker.

use super::amqp::AmqpConsumer;
use super::delivery::Delivery;
use super::error::BrokerError;
use super::memory::MemoryConsumer;

/// The deliveries of one queue, on a channel of its own, which lives as long as the consumer or one
/// of its deliveries.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has three of them")]
pub enum Consumer {
    Amqp(AmqpConsumer),
    Memory(MemoryConsumer),
}

impl Consumer {
    /// The next delivery; `None` once the consumer has ended: cancelled and drained, its queue
    /// deleted, or the session lost. Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        match self {
            Self::Amqp(consumer) => consumer.next().await,
            Self::Memory(consumer) => consumer.next().await,
        }
    }

    /// Allows another `prefetch` unsettled deliveries beside the present ones, for a caller that
    /// looks at many messages and settles few.
    pub async fn extend_prefetch(&mut self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(consumer) => consumer.extend_prefetch().await,
            Self::Memory(consumer) => {
                consumer.extend_prefetch();
                Ok(())
            }
        }
    }

    /// Stops the deliveries. [`Consumer::next`] then yields what had already been received, and
    /// `None`.
    pub async fn cancel(&mut self) {
        match self {
            Self::Amqp(consumer) => consumer.cancel().await,
            Self::Memory(consumer) => consumer.cancel(),
        }
    }
}
