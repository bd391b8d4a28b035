//! Sessions with the broker in this process, and what they publish.

use super::channel::Channel;
use super::consumer::MemoryConsumer;
use super::queue::{MemoryQueue, QueueLimits};
use super::queues::{Queues, SharedQueues};
use super::stream_reader::MemoryStreamSource;
use crate::broker::config::Config;
use crate::broker::error::{BrokerError, PublishError};
use crate::broker::message::Message;
use crate::broker::topology::{self, CONTROL_TTL};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

/// A broker; every clone is the same one.
#[derive(Clone, Debug)]
pub struct MemoryBroker {
    config: Arc<Config>,
    queues: Arc<SharedQueues>,
}

#[derive(Debug)]
pub struct MemorySession {
    broker: MemoryBroker,
    channels: Mutex<Vec<Weak<Channel>>>,
    closed: CancellationToken,
}

#[derive(Clone, Debug)]
pub struct MemoryPublisher {
    queues: Arc<SharedQueues>,
    closed: CancellationToken,
}

impl MemoryBroker {
    pub(in crate::broker) fn new(config: &Config) -> Self {
        Self {
            config: Arc::new(config.clone()),
            queues: Arc::default(),
        }
    }

    pub(in crate::broker) fn connect(&self) -> MemorySession {
        MemorySession {
            broker: self.clone(),
            channels: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }
}

impl MemorySession {
    pub(in crate::broker) fn topology(&self) {
        self.change(|queues| {
            for queue in topology::queues(&self.broker.config) {
                queues.declare(&queue.name, || MemoryQueue::new(QueueLimits::of(&queue)));
            }
        });
    }

    /// The names of the queues that do not exist; the control exchange always does.
    pub(in crate::broker) fn missing(&self) -> Vec<String> {
        let names = topology::queues(&self.broker.config)
            .into_iter()
            .map(|queue| queue.name);
        self.change(|queues| {
            names
                .filter(|name| queues.existing(name).is_err())
                .collect()
        })
    }

    pub(in crate::broker) fn consume(
        &self,
        queue: &str,
        prefetch: u16,
    ) -> Result<MemoryConsumer, BrokerError> {
        self.change(|queues| queues.existing(queue).map(drop))?;
        Ok(self.consumer(queue, Some(prefetch)))
    }

    pub(in crate::broker) fn control(&self) -> MemoryConsumer {
        let limits = QueueLimits {
            time_to_live: Some(CONTROL_TTL),
            ..QueueLimits::default()
        };
        let queue = self.change(|queues| queues.bind_to_control(MemoryQueue::new(limits)));
        self.consumer(&queue, None)
    }

    pub(in crate::broker) fn temporary_queue(&self, name: &str) {
        self.change(|queues| queues.declare(name, MemoryQueue::default));
    }

    /// Finds the stream, or declares it if it may.
    pub(in crate::broker) fn open_stream(
        &self,
        name: &str,
        may_declare: bool,
    ) -> Result<(), BrokerError> {
        if may_declare {
            self.change(|queues| queues.declare_stream(name));
        }
        if self.has_stream(name) {
            return Ok(());
        }
        Err(BrokerError::Queue {
            queue: name.to_owned(),
            cause: "there is no such stream".into(),
        })
    }

    pub(in crate::broker) fn has_stream(&self, name: &str) -> bool {
        self.change(|queues| queues.stream(name).is_some())
    }

    pub(in crate::broker) fn stream_source(&self) -> MemoryStreamSource {
        MemoryStreamSource {
            queues: Arc::clone(&self.broker.queues),
            closed: self.closed.clone(),
        }
    }

    pub(in crate::broker) fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        let depth = self.change(|queues| queues.existing(queue).map(|queue| queue.depth()))?;
        Ok(u32::try_from(depth).unwrap_or(u32::MAX))
    }

    pub(in crate::broker) fn delete_queue(&self, queue: &str) {
        self.change(|queues| queues.delete(queue));
    }

    pub(in crate::broker) fn publisher(&self) -> MemoryPublisher {
        MemoryPublisher {
            queues: Arc::clone(&self.broker.queues),
            closed: self.closed.clone(),
        }
    }

    pub(in crate::broker) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    fn change<T>(&self, change: impl FnOnce(&mut Queues) -> T) -> T {
        self.broker.queues.change(change)
    }

    fn consumer(&self, queue: &str, prefetch: Option<u16>) -> MemoryConsumer {
        let channel = Arc::new(Channel::new(
            Arc::clone(&self.broker.queues),
            queue,
            prefetch.is_none(),
            self.closed.clone(),
        ));
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(Arc::downgrade(&channel));
        MemoryConsumer::new(channel, prefetch)
    }
}

/// Returns unsettled messages at once, even while their deliveries still exist.
impl Drop for MemorySession {
    fn drop(&mut self) {
        self.closed.cancel();
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|channel| channel.return_unsettled());
    }
}

impl MemoryPublisher {
    pub(in crate::broker) fn publish(
        &self,
        queue: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        let published = self.change(|queues| queues.publish(queue, message))?;
        published.then_some(()).ok_or(PublishError::Returned)
    }

    pub(in crate::broker) fn announce(&self, message: &Message) -> Result<(), PublishError> {
        self.change(|queues| queues.announce(message))
    }

    fn change<T>(&self, publish: impl FnOnce(&mut Queues) -> T) -> Result<T, PublishError> {
        if self.closed.is_cancelled() {
            Err(PublishError::Lost)
        } else {
            Ok(self.queues.change(publish))
        }
    }
}
