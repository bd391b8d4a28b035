//! Publishing to either broker.

use super::amqp::AmqpPublisher;
use super::error::PublishError;
use super::memory::MemoryPublisher;
use super::message::Message;

/// Publishes persistent and mandatory messages and waits for their confirms. Cheap to clone; many
/// publishes may be in flight.
#[derive(Clone, Debug)]
pub enum Publisher {
    Amqp(AmqpPublisher),
    Memory(MemoryPublisher),
}

impl Publisher {
    /// Publishes to `queue`, which may be a direct reply-to name whose requester is still
    /// connected. `Ok` means that the broker has confirmed the message. A confirm later than
    /// `broker.publish_timeout` is waited for while the connection lives.
    pub async fn publish(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        match self {
            Self::Amqp(publisher) => publisher.publish(queue, message).await,
            Self::Memory(publisher) => publisher.publish(queue, message),
        }
    }

    /// Publishes like [`Publisher::publish`], but gives up after `broker.publish_timeout` with
    /// [`PublishError::TimedOut`]. A second publish under the same `id` is not sent on this
    /// connection while the confirm of the first may still come.
    pub async fn publish_once(
        &self,
        queue: &str,
        id: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        match self {
            Self::Amqp(publisher) => publisher.publish_once(queue, id, message).await,
            Self::Memory(publisher) => publisher.publish(queue, message),
        }
    }

    /// The bytes that a message's properties may have, headers included: see
    /// [`super::fit_to_frame`].
    pub fn room_for_properties(&self) -> usize {
        match self {
            Self::Amqp(publisher) => publisher.room_for_properties(),
            Self::Memory(_) => usize::MAX,
        }
    }

    /// Publishes to every worker through the control exchange. Confirmed, but succeeds without
    /// listeners as well.
    pub async fn announce(&self, message: &Message) -> Result<(), PublishError> {
        match self {
            Self::Amqp(publisher) => publisher.announce(message).await,
            Self::Memory(publisher) => publisher.announce(message),
        }
    }
}
