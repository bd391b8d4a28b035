//! One interface over both brokers.

use super::amqp::{self, Amqp};
use super::config::Config;
use super::error::{BrokerError, PublishError};
use super::memory::{self, Memory};
use super::message::Message;
use super::rights::MissingRight;
use super::topology::Differences;
use tokio::sync::watch;

/// Where sessions come from. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Broker {
    Amqp(Amqp),
    Memory(Memory),
}

/// One generation: connections, channels, consumers. Over as soon as any of it is lost; but a
/// consumer that ends with its queue ends alone, and what it had handed out can be settled.
#[derive(Debug)]
pub enum Session {
    Amqp(amqp::Session),
    Memory(memory::Session),
}

/// Deliveries of one queue, on a channel of its own, which lives as long as the consumer or one of
/// its deliveries.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has three of them")]
pub enum Consumer {
    Amqp(amqp::Consumer),
    Memory(memory::Consumer),
}

/// Publishes persistently, mandatorily and confirmed. Cheap to clone; many publishes may be in
/// flight.
#[derive(Clone, Debug)]
pub enum Publisher {
    Amqp(amqp::Publisher),
    Memory(memory::Publisher),
}

/// A message to be settled. Dropped unsettled it stays unacknowledged, and is delivered again when
/// its channel closes.
#[derive(Debug)]
pub struct Delivery {
    pub message: Message,
    pub redelivered: bool,
    /// How often the message was handed out before and came back.
    pub delivery_count: u32,
    pub(super) receipt: Receipt,
}

/// What a delivery is acknowledged with.
#[derive(Debug)]
pub(super) enum Receipt {
    Amqp(amqp::Receipt),
    Memory(memory::Receipt),
    /// Handed out without asking for an acknowledgement.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    Acknowledged,
    /// The channel was gone: the message will be delivered again.
    Lost,
}

impl Broker {
    /// `memory://` makes a broker of its own: its queues live as long as a clone of it.
    pub fn new(config: &Config) -> Result<Self, BrokerError> {
        if config.is_memory() {
            Ok(Self::memory(config))
        } else {
            Amqp::new(config).map(Self::Amqp)
        }
    }

    pub fn memory(config: &Config) -> Self {
        Self::Memory(Memory::new(config))
    }

    /// One attempt on the next URL of the list, bounded in time.
    pub async fn connect(&self) -> Result<Session, BrokerError> {
        self.open(None).await
    }

    /// As [`Broker::connect`], for who reads bodies of at most `most` bytes: of a longer one it is
    /// handed `most + 1`, so that what a stranger sends costs no more memory than that.
    pub async fn connect_for_bodies(&self, most: usize) -> Result<Session, BrokerError> {
        self.open(Some(most.saturating_add(1))).await
    }

    async fn open(&self, largest_body: Option<usize>) -> Result<Session, BrokerError> {
        match self {
            Self::Amqp(broker) => broker.connect(largest_body).await.map(Session::Amqp),
            // The bodies are in this process's memory anyway.
            Self::Memory(broker) => Ok(Session::Memory(broker.connect())),
        }
    }
}

impl Session {
    /// Declares every queue and the control exchange, or only checks where the configuration says
    /// so. What exists with other arguments is used if it keeps the promises (quorum,
    /// dead-lettering), else it is a [`BrokerError::TopologyMismatch`].
    pub async fn topology(&self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.topology().await,
            Self::Memory(session) => {
                session.topology();
                Ok(())
            }
        }
    }

    /// What of the topology is missing or otherwise. Declares nothing.
    pub async fn differences(&self) -> Result<Differences, BrokerError> {
        match self {
            Self::Amqp(session) => session.differences().await,
            Self::Memory(_) => Ok(Differences::default()),
        }
    }

    /// The names of those of our queues that do not exist, and of the control exchange. Asks, and
    /// changes nothing.
    pub async fn missing(&self) -> Result<Vec<String>, BrokerError> {
        match self {
            Self::Amqp(session) => session.missing().await,
            Self::Memory(session) => Ok(session.missing()),
        }
    }

    /// Binds this session's control queue again, in case the control exchange was deleted and
    /// declared anew. A refusal, because the exchange is not there for instance, ends the
    /// generation.
    pub async fn rebind_control(&self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.rebind_control().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Publishes to a queue of its own, and takes the message back: without that right a worker
    /// could answer nothing.
    pub async fn prove_publishing(&self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.prove_publishing().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Every right that the worker needs and this user does not have. Each is tried; nothing is
    /// changed or consumed by it.
    pub async fn missing_rights(&self) -> Result<Vec<MissingRight>, BrokerError> {
        match self {
            Self::Amqp(session) => session.missing_rights().await,
            Self::Memory(_) => Ok(Vec::new()),
        }
    }

    /// Where the worker was refused one right, the error names all that it lacks, and how to grant
    /// them.
    pub async fn explain(&self, error: BrokerError) -> BrokerError {
        match self {
            Self::Amqp(session) => session.explain(error).await,
            Self::Memory(_) => error,
        }
    }

    /// Consumes with at most `prefetch` deliveries unsettled; 0 means no bound. An error may have
    /// ended the generation.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<Consumer, BrokerError> {
        match self {
            Self::Amqp(session) => session.consume(queue, prefetch).await.map(Consumer::Amqp),
            Self::Memory(session) => session.consume(queue, prefetch).map(Consumer::Memory),
        }
    }

    /// Consumes what any worker announces on the control exchange, itself included. Needs no
    /// settling.
    pub async fn control(&self) -> Result<Consumer, BrokerError> {
        match self {
            Self::Amqp(session) => session.control().await.map(Consumer::Amqp),
            Self::Memory(session) => Ok(Consumer::Memory(session.control())),
        }
    }

    /// A reply queue for `demo` and `submit`: it outlives a lost connection, and goes away an hour
    /// after its last use.
    pub async fn temporary_queue(&self, name: &str) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.temporary_queue(name).await,
            Self::Memory(session) => {
                session.temporary_queue(name);
                Ok(())
            }
        }
    }

    /// Messages ready for delivery; those handed out are not counted.
    pub async fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        match self {
            Self::Amqp(session) => session.queue_depth(queue).await,
            Self::Memory(session) => session.queue_depth(queue),
        }
    }

    /// Deletes a queue with everything in it; one that is not there is no error.
    pub async fn delete_queue(&self, queue: &str) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.delete_queue(queue).await,
            Self::Memory(session) => {
                session.delete_queue(queue);
                Ok(())
            }
        }
    }

    pub fn publisher(&self) -> Publisher {
        match self {
            Self::Amqp(session) => Publisher::Amqp(session.publisher()),
            Self::Memory(session) => Publisher::Memory(session.publisher()),
        }
    }

    /// Why the broker takes no messages for now; none where it does. A publish that was not sent
    /// waits meanwhile, up to `broker.publish_timeout`.
    pub fn blocked(&self) -> watch::Receiver<Option<String>> {
        match self {
            Self::Amqp(session) => session.blocked(),
            Self::Memory(_) => watch::Sender::default().subscribe(),
        }
    }

    /// Resolves when this generation is over: either connection, or a consuming channel.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        match self {
            Self::Amqp(session) => session.lost().clone(),
            Self::Memory(session) => session.closed().clone(),
        }
        .cancelled_owned()
    }

    pub fn is_lost(&self) -> bool {
        match self {
            Self::Amqp(session) => session.lost().is_cancelled(),
            Self::Memory(session) => session.closed().is_cancelled(),
        }
    }

    /// The first thing that went wrong.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Amqp(session) => session.trouble(),
            Self::Memory(_) => None,
        }
    }

    /// Ends the generation in good order; what is unsettled is delivered again.
    pub async fn close(self) {
        match self {
            Self::Amqp(session) => session.close().await,
            Self::Memory(session) => drop(session),
        }
    }
}

impl Consumer {
    /// None when the consumer has ended: cancelled by us and drained, its queue deleted, or the
    /// generation lost. Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        match self {
            Self::Amqp(consumer) => consumer.next().await,
            Self::Memory(consumer) => consumer.next().await,
        }
    }

    /// May hold as many again as it was given at first, beside what it holds. For who looks at much
    /// and settles little of it.
    pub async fn hold_more(&mut self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(consumer) => consumer.hold_more().await,
            Self::Memory(consumer) => {
                consumer.hold_more();
                Ok(())
            }
        }
    }

    /// Asks for no more. [`Consumer::next`] then yields what had already been received, and None.
    pub async fn cancel(&mut self) {
        match self {
            Self::Amqp(consumer) => consumer.cancel().await,
            Self::Memory(consumer) => consumer.cancel(),
        }
    }
}

impl Delivery {
    /// Acknowledges. Only for a delivery whose result or parked copy the broker has confirmed.
    pub async fn settle(self) -> Settled {
        match self.receipt {
            Receipt::Amqp(receipt) => receipt.acknowledge().await,
            Receipt::Memory(receipt) => receipt.acknowledge(),
            Receipt::None => Settled::Acknowledged,
        }
    }
}

impl Publisher {
    /// Ok only when the broker has confirmed that the message is in `queue`. Direct reply-to names
    /// are published to when their requester is still there. A confirm later than
    /// `broker.publish_timeout` is waited for while the connection lives.
    pub async fn publish(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        match self {
            Self::Amqp(publisher) => publisher.publish(queue, message).await,
            Self::Memory(publisher) => publisher.publish(queue, message),
        }
    }

    /// As [`Publisher::publish`], but gives up after `broker.publish_timeout`, with
    /// [`PublishError::TimedOut`]. Published again under the same `id`, it is not sent a second
    /// time on this connection while its confirm may still come.
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

    /// Bytes that the properties of a message may have, headers included: see [`super::fitted`].
    pub fn room_for_properties(&self) -> usize {
        match self {
            Self::Amqp(publisher) => publisher.room_for_properties(),
            Self::Memory(_) => usize::MAX,
        }
    }

    /// To every worker, through the control exchange. Confirmed, but nobody has to be listening.
    pub async fn announce(&self, message: &Message) -> Result<(), PublishError> {
        match self {
            Self::Amqp(publisher) => publisher.announce(message).await,
            Self::Memory(publisher) => publisher.announce(message),
        }
    }
}
