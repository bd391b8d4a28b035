//! One interface to both brokers: RabbitMQ and the one inside this process.

use super::amqp::{AmqpBroker, AmqpSession};
use super::config::Config;
use super::consumer::Consumer;
use super::error::BrokerError;
use super::memory::{MemoryBroker, MemorySession};
use super::publisher::Publisher;
use super::rights::MissingRight;
use super::stream::{StreamDefinition, StreamStart};
use super::stream_reader::{StreamReader, StreamSource};
use super::topology::Differences;
use tokio::sync::watch;

/// The source of sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Broker {
    Amqp(AmqpBroker),
    Memory(MemoryBroker),
}

/// One generation of connections, channels and consumers. It is over as soon as one of them is
/// lost; but a consumer that ends with its queue ends alone, and its deliveries can still be
/// settled.
#[derive(Debug)]
pub enum Session {
    Amqp(AmqpSession),
    Memory(MemorySession),
}

impl Broker {
    /// Reads the configured URLs. `memory://` makes a new broker inside this process, whose queues
    /// live as long as a clone of it.
    ///
    /// # Errors
    /// [`BrokerError::Misconfigured`]; nothing is connected yet.
    pub fn new(config: &Config) -> Result<Self, BrokerError> {
        if config.is_memory() {
            Ok(Self::memory(config))
        } else {
            AmqpBroker::new(config).map(Self::Amqp)
        }
    }

    pub fn memory(config: &Config) -> Self {
        Self::Memory(MemoryBroker::new(config))
    }

    /// The same broker, whose list of connections says that they are this instance's.
    #[must_use]
    pub fn of(self, instance: &str) -> Self {
        match self {
            Self::Amqp(broker) => Self::Amqp(broker.of(instance)),
            Self::Memory(_) => self,
        }
    }

    /// Makes one attempt, bounded in time, with the next URL of the list.
    pub async fn connect(&self) -> Result<Session, BrokerError> {
        self.open(None).await
    }

    /// Connects like [`Broker::connect`], and reads at most `most` + 1 bytes of any body: a longer
    /// one arrives with exactly that length, so that it is recognised as too large and costs no
    /// more memory.
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
    /// Declares every queue and the control exchange, or only checks them where
    /// `broker.declare_topology` is false. A queue that exists with other arguments is used if it
    /// keeps the promises (quorum, dead-lettering).
    ///
    /// # Errors
    /// [`BrokerError::TopologyMismatch`] for the first queue that cannot be used.
    pub async fn topology(&self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.topology().await,
            Self::Memory(session) => {
                session.topology();
                Ok(())
            }
        }
    }

    /// Compares the queues and the control exchange with those that the worker would declare.
    /// Declares nothing.
    pub async fn differences(&self) -> Result<Differences, BrokerError> {
        match self {
            Self::Amqp(session) => session.differences().await,
            Self::Memory(_) => Ok(Differences::default()),
        }
    }

    /// The names of the worker's queues, and of the control exchange, that do not exist. Declares
    /// nothing.
    pub async fn missing(&self) -> Result<Vec<String>, BrokerError> {
        match self {
            Self::Amqp(session) => session.missing().await,
            Self::Memory(session) => Ok(session.missing()),
        }
    }

    /// Binds this session's control queue again, in case the control exchange was deleted and
    /// declared anew. A refusal, because the exchange does not exist for instance, ends the
    /// session.
    pub async fn rebind_control(&self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.rebind_control().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Publishes a message to a queue of its own and takes it back: without the right to publish
    /// a worker could answer no job.
    pub async fn prove_publishing(&self) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.prove_publishing().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Every right that the worker needs and this user lacks. Each one is tried, and nothing is
    /// changed or consumed.
    pub async fn missing_rights(&self) -> Result<Vec<MissingRight>, BrokerError> {
        match self {
            Self::Amqp(session) => session.missing_rights().await,
            Self::Memory(_) => Ok(Vec::new()),
        }
    }

    /// Completes [`BrokerError::Forbidden`] with every right that this user lacks and the command
    /// that grants them; any other error is returned as it is.
    pub async fn explain(&self, error: BrokerError) -> BrokerError {
        match self {
            Self::Amqp(session) => session.explain(error).await,
            Self::Memory(_) => error,
        }
    }

    /// Consumes with at most `prefetch` deliveries unsettled; 0 means no bound. An error may have
    /// ended the session.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<Consumer, BrokerError> {
        match self {
            Self::Amqp(session) => session.consume(queue, prefetch).await.map(Consumer::Amqp),
            Self::Memory(session) => session.consume(queue, prefetch).map(Consumer::Memory),
        }
    }

    /// Consumes the announcements of every worker, this one included, from the control exchange.
    /// Its deliveries need no settling.
    pub async fn control(&self) -> Result<Consumer, BrokerError> {
        match self {
            Self::Amqp(session) => session.control().await.map(Consumer::Amqp),
            Self::Memory(session) => Ok(Consumer::Memory(session.control())),
        }
    }

    /// The right to declare this queue, if this user lacks it. Nothing is declared.
    pub async fn missing_to_declare(
        &self,
        queue: &str,
    ) -> Result<Option<MissingRight>, BrokerError> {
        match self {
            Self::Amqp(session) => session.missing_to_declare(queue).await,
            Self::Memory(_) => Ok(None),
        }
    }

    /// Whether there is a queue, or a stream, of this name.
    pub async fn has_queue(&self, queue: &str) -> Result<bool, BrokerError> {
        match self {
            Self::Amqp(session) => session.has_queue(queue).await,
            Self::Memory(session) => Ok(session.has_stream(queue)),
        }
    }

    /// Finds the stream, or declares it if it `may_declare`. One with another age is used as it is.
    ///
    /// # Errors
    /// There is no such stream, and it may not or cannot be declared.
    pub async fn open_stream(
        &self,
        stream: &StreamDefinition,
        may_declare: bool,
    ) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.open_stream(stream, may_declare).await,
            Self::Memory(session) => session.open_stream(&stream.name, may_declare),
        }
    }

    /// Reads a stream from `start` to its present end, or on and on where the reader `follows`, in a
    /// program that does nothing else.
    pub async fn read_stream(
        &self,
        name: &str,
        start: StreamStart,
        follows: bool,
    ) -> Result<StreamReader, BrokerError> {
        match self {
            Self::Amqp(session) => {
                let reader = session.read_stream(name, start, follows).await;
                reader.map(StreamReader::Amqp)
            }
            Self::Memory(session) => {
                let reader = session.stream_source().read(name, start, follows);
                reader.map(StreamReader::Memory)
            }
        }
    }

    /// Opens readers of streams without this session at hand, whose failures do not end it. Bodies
    /// are truncated beyond `largest_body` bytes.
    pub fn stream_source(&self, largest_body: usize) -> StreamSource {
        match self {
            Self::Amqp(session) => StreamSource::Amqp(session.stream_source(largest_body)),
            Self::Memory(session) => StreamSource::Memory(session.stream_source()),
        }
    }

    /// Declares a reply queue for `submit`: replicated, and kept for a week after its last use, so
    /// that a submission that was interrupted finds its answers.
    pub async fn reply_queue(&self, name: &str) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.reply_queue(name).await,
            Self::Memory(session) => {
                session.temporary_queue(name);
                Ok(())
            }
        }
    }

    /// Whether there is no queue of this name.
    pub async fn queue_is_gone(&self, name: &str) -> Result<bool, BrokerError> {
        match self {
            Self::Amqp(session) => session.queue_is_gone(name).await,
            Self::Memory(session) => Ok(session.queue_depth(name).is_err()),
        }
    }

    /// Declares a reply queue for `demo`: it outlives a lost connection and expires an
    /// hour after its last use.
    pub async fn temporary_queue(&self, name: &str) -> Result<(), BrokerError> {
        match self {
            Self::Amqp(session) => session.temporary_queue(name).await,
            Self::Memory(session) => {
                session.temporary_queue(name);
                Ok(())
            }
        }
    }

    /// The number of messages that are ready for delivery, without those that are unsettled.
    pub async fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        match self {
            Self::Amqp(session) => session.queue_depth(queue).await,
            Self::Memory(session) => session.queue_depth(queue),
        }
    }

    /// The number of consumers that a queue has; those within this process are not counted.
    pub async fn queue_consumers(&self, queue: &str) -> Result<u32, BrokerError> {
        match self {
            Self::Amqp(session) => session.queue_consumers(queue).await,
            Self::Memory(_) => Ok(0),
        }
    }

    /// Deletes a queue with every message in it; a queue that does not exist is no error.
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

    /// The broker's reason for accepting no messages at present; `None` while it accepts them. A
    /// publish that was not sent yet waits meanwhile, up to `broker.publish_timeout`.
    pub fn blocked(&self) -> watch::Receiver<Option<String>> {
        match self {
            Self::Amqp(session) => session.blocked(),
            Self::Memory(_) => watch::Sender::default().subscribe(),
        }
    }

    /// Resolves when this session is over.
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

    /// Closes the connections; unsettled deliveries are delivered again.
    pub async fn close(self) {
        match self {
            Self::Amqp(session) => session.close().await,
            Self::Memory(session) => drop(session),
        }
    }
}
