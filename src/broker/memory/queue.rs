//! One queue: order, time to live, delivery count. Pure: time is handed in.

use crate::broker::headers::Death;
use crate::broker::message::{Message, Properties};
use crate::broker::topology;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) time_to_live: Option<Duration>,
    pub(super) delivery_limit: Option<u64>,
    pub(super) dead_letter_queue: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    limits: Limits,
    ready: VecDeque<Held>,
    arrived: u64,
}

/// A message in a queue, or handed out and not yet settled.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) message: Message,
    /// How often it came back.
    pub(super) returns: u32,
    /// What comes back takes its old place.
    place: u64,
    expires: Option<Instant>,
}

/// A message that the queue gives away, and where to; nowhere means it is gone.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) message: Message,
    pub(super) target: Option<String>,
}

impl Limits {
    pub(super) fn of(queue: &topology::Queue) -> Self {
        Self {
            time_to_live: queue.time_to_live(),
            delivery_limit: queue.delivery_limit(),
            dead_letter_queue: queue.dead_letter_queue().map(str::to_owned),
        }
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, message: Message, now: Instant) {
        let expires = self.limits.time_to_live.map(|ttl| now + ttl);
        // As on the wire, where it is never sent.
        let message = Message {
            properties: Properties {
                expiration: None,
                ..message.properties
            },
            ..message
        };
        self.arrived += 1;
        self.ready.push_back(Held {
            message,
            returns: 0,
            place: self.arrived,
            expires,
        });
    }

    pub(super) fn take(&mut self) -> Option<Held> {
        self.ready.pop_front()
    }

    /// Puts back what was not settled, or gives it away once it has come back too often.
    pub(super) fn put_back(&mut self, mut held: Held, name: &str) -> Option<DeadLetter> {
        held.returns = held.returns.saturating_add(1);
        if self
            .limits
            .delivery_limit
            .is_some_and(|limit| u64::from(held.returns) > limit)
        {
            return Some(self.dead_letter(held, name, "delivery_limit"));
        }
        let position = self.ready.partition_point(|other| other.place < held.place);
        self.ready.insert(position, held);
        None
    }

    /// The next message whose time is over. As in RabbitMQ only the head is looked at.
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

    fn dead_letter(&self, held: Held, name: &str, reason: &str) -> DeadLetter {
        let mut message = held.message;
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

    fn queue(limits: Limits, bodies: &[&'static str]) -> Queue {
        let mut queue = Queue::new(limits);
        for body in bodies {
            queue.push(Message::json("test", *body), Instant::now());
        }
        queue
    }

    fn order(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.take())
            .map(|held| String::from_utf8_lossy(&held.message.body).into_owned())
            .collect()
    }

    #[test]
    fn what_comes_back_takes_its_old_place() {
        let mut queue = queue(Limits::default(), &["a", "b", "c", "d"]);
        let taken: Vec<Held> = (0..3).filter_map(|_| queue.take()).collect();
        for held in taken.into_iter().rev() {
            assert!(queue.put_back(held, "q").is_none());
        }
        assert_eq!(order(&mut queue), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_message_is_given_away_when_it_came_back_more_often_than_allowed() {
        let limits = Limits {
            delivery_limit: Some(2),
            dead_letter_queue: Some("failed".into()),
            ..Limits::default()
        };
        let mut queue = queue(limits, &["a"]);
        for _ in 0..2 {
            let held = queue.take().unwrap();
            assert!(queue.put_back(held, "jobs").is_none());
        }
        let held = queue.take().unwrap();
        let given = queue.put_back(held, "jobs").unwrap();
        assert_eq!(given.target.as_deref(), Some("failed"));
        let death = given.message.properties.headers.death();
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
        let limits = Limits {
            time_to_live: Some(Duration::from_secs(5)),
            dead_letter_queue: Some("due".into()),
            ..Limits::default()
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
