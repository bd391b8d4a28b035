//! Looking into a queue without using it up: what is consumed is not acknowledged, and goes back when its channel closes.
//!
//! A consumer holds a bounded number of deliveries, and none can be given back singly. So one consumer follows upon the other, each
//! on a channel of its own, until everything that lay in the queue at the start was seen. Bodies are dropped once they were looked at.

use crate::broker::{BrokerError, Consumer, Delivery, Session};
use anyhow::{Context, bail};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Bodies in this process's memory at once, at most.
const WINDOW: u16 = 200;
/// A connection has 2,047 channels by default; half of them let 200,000 copies be seen.
const MOST_WINDOWS: usize = 1_000;
/// What was counted at the start may have expired, or be in somebody else's hands: nothing for so long means that there is no more.
const IDLE: Duration = Duration::from_secs(3);
/// For everything to be back in the queue, so that the next who looks finds it.
const RETURN: Duration = Duration::from_secs(3);
const ASK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct Look<'a> {
    session: &'a Session,
    queue: &'a str,
    consumers: Vec<Consumer>,
    /// Deliveries that the latest consumer has handed out and that are not settled.
    held: u16,
    /// Of those that were there at the start.
    unseen: u32,
    /// Of these the queue gave out nothing more.
    missing: u32,
    /// Without those that were settled.
    expected: u32,
}

impl<'a> Look<'a> {
    pub(super) async fn begin(session: &'a Session, queue: &'a str) -> Result<Self, BrokerError> {
        let depth = session.queue_depth(queue).await?;
        Ok(Self { session, queue, consumers: Vec::new(), held: 0, unseen: depth, missing: 0, expected: depth })
    }

    /// Every copy that was there at the start, once. Dropped, it stays in the queue. Cancel safe.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Delivery>> {
        if self.unseen == 0 {
            return Ok(None);
        }
        if self.held == WINDOW || self.consumers.is_empty() {
            if self.consumers.len() == MOST_WINDOWS {
                return Ok(None);
            }
            self.consumers.push(self.session.consume(self.queue, WINDOW).await?);
            self.held = 0;
        }
        let consumer = self.consumers.last_mut().context("there is no consumer")?;
        match timeout(IDLE, consumer.next()).await {
            Ok(Some(delivery)) => {
                self.held += 1;
                self.unseen -= 1;
                Ok(Some(delivery))
            }
            Ok(None) => bail!("the connection to the broker, or {}, was lost; what was not settled is still there", self.queue),
            Err(_) => {
                self.missing = std::mem::take(&mut self.unseen);
                Ok(None)
            }
        }
    }

    /// The delivery seen last was settled: it does not come back, and its consumer may hold another.
    pub(super) fn settled(&mut self) {
        self.held = self.held.saturating_sub(1);
        self.expected = self.expected.saturating_sub(1);
    }

    /// How many of those that were there at the start were not looked at.
    pub(super) fn unseen(&self) -> u32 {
        self.unseen
    }

    /// How many were counted at the start and never came: they expired, or are in somebody else's hands.
    pub(super) fn missing(&self) -> u32 {
        self.missing
    }

    /// Gives everything back, and waits until it is there.
    pub(super) async fn end(self) -> Result<(), BrokerError> {
        drop(self.consumers);
        let began = Instant::now();
        while self.session.queue_depth(self.queue).await? < self.expected && began.elapsed() < RETURN {
            sleep(ASK_AGAIN).await;
        }
        Ok(())
    }
}
