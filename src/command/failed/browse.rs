//! Looking into a queue without using it up: what is consumed is not acknowledged, and goes back
//! when its channel closes.
//!
//! A consumer holds a bounded number of deliveries, and none can be given back singly. So it is let
//! to hold more, time and again, until everything that lay in the queue at the start was seen.
//! Bodies are dropped once they were looked at.

use crate::broker::{BrokerError, Consumer, Delivery, Session};
use anyhow::bail;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Bodies in this process's memory at once, at most: a broker takes messages of many megabytes, and
/// so does the failed queue.
const WINDOW: u16 = 32;
/// What was looked at stays handed out until the end, and the broker remembers every one.
const MOST: u32 = 200_000;
/// What was counted at the start may have expired, or be in somebody else's hands: nothing for so
/// long means that there is no more.
const IDLE: Duration = Duration::from_secs(3);
/// For everything to be back in the queue, so that the next who looks finds it.
const RETURN: Duration = Duration::from_secs(3);
const ASK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct Look<'a> {
    session: &'a Session,
    queue: &'a str,
    consumer: Option<Consumer>,
    /// How many more it may hold.
    room: u16,
    /// Handed out and not settled.
    held: u32,
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
        Ok(Self {
            session,
            queue,
            consumer: None,
            room: 0,
            held: 0,
            unseen: depth,
            missing: 0,
            expected: depth,
        })
    }

    /// Every copy that was there at the start, once. Dropped, it stays in the queue. Cancel safe.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Delivery>> {
        if self.unseen == 0 || self.held == MOST {
            return Ok(None);
        }
        let consumer = match &mut self.consumer {
            Some(consumer) if self.room > 0 => consumer,
            Some(consumer) => {
                consumer.hold_more().await?;
                self.room = WINDOW;
                consumer
            }
            none => {
                self.room = WINDOW;
                none.insert(self.session.consume(self.queue, WINDOW).await?)
            }
        };
        match timeout(IDLE, consumer.next()).await {
            Ok(Some(delivery)) => {
                self.room -= 1;
                self.held += 1;
                self.unseen -= 1;
                Ok(Some(delivery))
            }
            Ok(None) => bail!(
                "the connection to the broker, or {}, was lost; what was not settled is still there",
                self.queue
            ),
            Err(_) => {
                self.missing = std::mem::take(&mut self.unseen);
                Ok(None)
            }
        }
    }

    /// The delivery seen last was settled: it does not come back, and another may be held in its
    /// place.
    pub(super) fn settled(&mut self) {
        self.room += 1;
        self.held = self.held.saturating_sub(1);
        self.expected = self.expected.saturating_sub(1);
    }

    /// How many of those that were there at the start were not looked at.
    pub(super) fn unseen(&self) -> u32 {
        self.unseen
    }

    /// How many were counted at the start and never came: they expired, or are in somebody else's
    /// hands.
    pub(super) fn missing(&self) -> u32 {
        self.missing
    }

    /// Gives everything back, and waits until it is there.
    pub(super) async fn end(self) -> Result<(), BrokerError> {
        drop(self.consumer);
        let began = Instant::now();
        while self.session.queue_depth(self.queue).await? < self.expected
            && began.elapsed() < RETURN
        {
            sleep(ASK_AGAIN).await;
        }
        Ok(())
    }
}
