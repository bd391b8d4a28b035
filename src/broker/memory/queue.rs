//! One queue: order, time to live, delivery count. Pure: the present is an argument.

use crate::broker::headers::Death;
use crate::broker::message::{Message, Properties};
use crate::broker::topology::QueueDefinition;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Debug, Default)]
pub(super) struct QueueLimits {
    pub(super) time_to_live: Option<Duration>,
    pub(super) delivery_limit: Option<u64>,
    pub(super) dead_letter_queue: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct MemoryQueue {
    limits: QueueLimits,
    ready: VecDeque<QueuedMessage>,
    arrived: u64,
}

/// A message that is ready for delivery, or delivered and not yet settled.
#[derive(Clone, Debug)]
pub(super) struct QueuedMessage {
    pub(super) message: Message,
    /// The number of deliveries that came back unsettled.
    pub(super) returns: u32,
    /// The order of arrival: a message that comes back is put where it was before.
    position: u64,
    expires: Option<Instant>,
}

/// A message that leaves the queue for another one; without a target it is dropped.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) message: Message,
    pub(super) target: Option<String>,
}

impl QueueLimits {
    pub(super) fn of(queue: &QueueDefinition) -> Self {
        Self {
            time_to_live: queue.time_to_live(),
            delivery_limit: queue.delivery_limit(),
            dead_letter_queue: queue.dead_letter_queue().map(str::to_owned),
        }
    }
}

impl MemoryQueue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, message: Message, now: Instant) {
        let expires = self.limits.time_to_live.map(|ttl| now + ttl);
        // The worker never sends an expiration to RabbitMQ either.
        let message = Message {
            properties: Properties {
                expiration: None,
                ..message.properties
            },
            ..message
        };
        self.arrived += 1;
        self.ready.push_back(QueuedMessage {
            message,
            returns: 0,
            position: self.arrived,
            expires,
        });
    }

    pub(super) fn take(&mut self) -> Option<QueuedMessage> {
        self.ready.pop_front()
    }

    /// Puts an unsettled message back, or dead-letters it once it has come back too often.
    pub(super) fn put_back(&mut self, mut queued: QueuedMessage, name: &str) -> Option<DeadLetter> {
        queued.returns = queued.returns.saturating_add(1);
        if self
            .limits
            .delivery_limit
            .is_some_and(|limit| u64::from(queued.returns) > limit)
        {
            return Some(self.dead_letter(queued, name, "delivery_limit"));
        }
        let index = self
            .ready
            .partition_point(|other| other.position < queued.position);
        self.ready.insert(index, queued);
        None
    }

    /// Takes the next message whose time to live is over. RabbitMQ, too, looks at the head only.
    pub(super) fn expire(&mut self, name: &str, now: Instant) -> Option<DeadLetter> {
        self.next_expiry().filter(|expiry| *expiry <= now)?;
        let expired = self.ready.pop_front()?;
        Some(self.dead_letter(expired, name, "expired"))
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.ready.front()?.expires
    }

    pub(super) fn depth(&self) -> usize {
        self.ready.len()
    }

    fn dead_letter(&self, queued: QueuedMessage, name: &str, reason: &str) -> DeadLetter {
        let mut message = queued.message;
        message.properties.headers.record_death(&Death {
            queue: name.to_owned(),
            reason: reason.to_owned(),
        });
        DeadLetter {
            message,
            target: self.limits.dead_letter_queue.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limits: QueueLimits, bodies: &[&'static str]) -> MemoryQueue {
        let mut queue = MemoryQueue::new(limits);
        for body in bodies {
            queue.push(Message::json("test", *body), Instant::now());
        }
        queue
    }

    fn order(queue: &mut MemoryQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.take())
            .map(|queued| String::from_utf8_lossy(&queued.message.body).into_owned())
            .collect()
    }

    #[test]
    fn a_returned_message_is_put_where_it_was_before() {
        let mut queue = queue(QueueLimits::default(), &["a", "b", "c", "d"]);
        let taken: Vec<QueuedMessage> = (0..3).filter_map(|_| queue.take()).collect();
        for queued in taken.into_iter().rev() {
            assert!(queue.put_back(queued, "q").is_none());
        }
        assert_eq!(order(&mut queue), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_message_is_dead_lettered_when_it_came_back_more_often_than_allowed() {
        let limits = QueueLimits {
            delivery_limit: Some(2),
            dead_letter_queue: Some("failed".into()),
            ..QueueLimits::default()
        };
        let mut queue = queue(limits, &["a"]);
        for _ in 0..2 {
            let queued = queue.take().unwrap();
            assert!(queue.put_back(queued, "jobs").is_none());
        }
        let queued = queue.take().unwrap();
        let dead = queue.put_back(queued, "jobs").unwrap();
        assert_eq!(dead.target.as_deref(), Some("failed"));
        let death = dead.message.properties.headers.death();
        assert_eq!(
            death,
            Some(Death {
                queue: "jobs".into(),
                reason: "delivery_limit".into()
            })
        );
        assert_eq!(queue.depth(), 0);
    }

    #[test]
    fn a_message_expires_when_its_time_is_over_and_not_before() {
        let limits = QueueLimits {
            time_to_live: Some(Duration::from_secs(5)),
            dead_letter_queue: Some("due".into()),
            ..QueueLimits::default()
        };
        let mut queue = queue(limits, &["a"]);
        let expiry = queue.next_expiry().unwrap();
        assert!(
            queue
                .expire(
                    "retry",
                    expiry.checked_sub(Duration::from_millis(1)).unwrap()
                )
                .is_none()
        );
        assert_eq!(
            queue.expire("retry", expiry).unwrap().target.as_deref(),
            Some("due")
        );
        assert_eq!(queue.next_expiry(), None);
    }
}
