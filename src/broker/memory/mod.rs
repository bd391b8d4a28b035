//! The same semantics in this process: for `demo`, `process` and tests in virtual time.
//!
//! Queues keep their order and are shared by all sessions; what is unsettled when its channel goes
//! away is delivered again, at the head; delay queues run on tokio's clock; the delivery limit
//! moves a job to the failed queue. Left out: persistence, length limits, priorities, expiry of
//! temporary queues, direct reply-to.

mod consumer;
mod queue;
mod state;

pub(super) use consumer::{Consumer, Receipt};

use super::config::Config;
use super::error::{BrokerError, PublishError};
use super::message::Message;
use super::topology::{self, CONTROL_TTL};
use consumer::Channel;
use queue::{Limits, Queue};
use state::{Shared, State};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

/// A broker; every clone is the same one.
#[derive(Clone, Debug)]
pub struct Memory {
    config: Arc<Config>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub struct Session {
    broker: Memory,
    channels: Mutex<Vec<Weak<Channel>>>,
    closed: CancellationToken,
}

#[derive(Clone, Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    closed: CancellationToken,
}

impl Memory {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: Arc::new(config.clone()),
            shared: Arc::default(),
        }
    }

    pub(super) fn connect(&self) -> Session {
        Session {
            broker: self.clone(),
            channels: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }
}

impl Session {
    pub(super) fn topology(&self) {
        self.broker.shared.change(|state| {
            for queue in topology::queues(&self.broker.config) {
                state.declare(&queue.name, || Queue::new(Limits::of(&queue)));
            }
        });
    }

    /// The control exchange is always there.
    pub(super) fn missing(&self) -> Vec<String> {
        let names = topology::queues(&self.broker.config)
            .into_iter()
            .map(|queue| queue.name);
        self.broker
            .shared
            .change(|state| names.filter(|name| state.existing(name).is_err()).collect())
    }

    pub(super) fn consume(&self, queue: &str, prefetch: u16) -> Result<Consumer, BrokerError> {
        self.broker
            .shared
            .change(|state| state.existing(queue).map(drop))?;
        Ok(self.consumer(queue, Some(prefetch)))
    }

    pub(super) fn control(&self) -> Consumer {
        let limits = Limits {
            time_to_live: Some(CONTROL_TTL),
            ..Limits::default()
        };
        let queue = self
            .broker
            .shared
            .change(|state| state.bind_to_control(Queue::new(limits)));
        self.consumer(&queue, None)
    }

    pub(super) fn temporary_queue(&self, name: &str) {
        self.broker
            .shared
            .change(|state| state.declare(name, || Queue::new(Limits::default())));
    }

    pub(super) fn queue_depth(&self, queue: &str) -> Result<u32, BrokerError> {
        let depth = self
            .broker
            .shared
            .change(|state| state.existing(queue).map(|queue| queue.depth()))?;
        Ok(u32::try_from(depth).unwrap_or(u32::MAX))
    }

    pub(super) fn delete_queue(&self, queue: &str) {
        self.broker.shared.change(|state| state.delete(queue));
    }

    pub(super) fn publisher(&self) -> Publisher {
        Publisher {
            shared: Arc::clone(&self.broker.shared),
            closed: self.closed.clone(),
        }
    }

    pub(super) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    fn consumer(&self, queue: &str, prefetch: Option<u16>) -> Consumer {
        let consumer = Consumer::new(
            Arc::clone(&self.broker.shared),
            queue,
            prefetch,
            self.closed.clone(),
        );
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(consumer.channel());
        consumer
    }
}

/// What is unsettled goes back at once, whoever still holds a delivery.
impl Drop for Session {
    fn drop(&mut self) {
        self.closed.cancel();
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|channel| channel.give_back());
    }
}

impl Publisher {
    pub(super) fn publish(&self, queue: &str, message: &Message) -> Result<(), PublishError> {
        self.change(|state| {
            if state.publish(queue, message) {
                Ok(())
            } else {
                Err(PublishError::Returned)
            }
        })
    }

    pub(super) fn announce(&self, message: &Message) -> Result<(), PublishError> {
        self.change(|state| {
            state.announce(message);
            Ok(())
        })
    }

    fn change(
        &self,
        publish: impl FnOnce(&mut State) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        if self.closed.is_cancelled() {
            Err(PublishError::Lost)
        } else {
            self.shared.change(publish)
        }
    }
}
