//! Looking into a queue without using it up: a delivery that is not acknowledged goes back when its
//! channel closes.
//!
//! A consumer holds a bounded number of deliveries, and none can be given back by itself. So the
//! bound is raised time and again, until everything that was in the queue at the start was seen. A
//! body is dropped as soon as it was looked at.

use crate::broker::{BrokerError, Consumer, Delivery, Session};
use anyhow::bail;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Bodies in this process's memory at once: a broker takes messages of many megabytes, and so do
/// these queues.
const WINDOW: u16 = 32;
/// The broker keeps a record of every delivery that is not acknowledged, until the browser ends.
const MAX_HELD: u32 = 200_000;
/// A copy that was counted at the start may have expired, or another consumer may hold it: after so
/// long without a delivery there are no more.
const IDLE: Duration = Duration::from_secs(3);
/// The time that the broker has to put everything back, so that the next browser finds it.
const RETURN: Duration = Duration::from_secs(3);
const RETURN_POLL: Duration = Duration::from_millis(20);

/// Hands out every copy that was in the queue at the start, once.
pub(super) struct QueueBrowser<'a> {
    session: &'a Session,
    queue: &'a str,
    consumer: Option<Consumer>,
    /// How many more deliveries the consumer may hold.
    room: u16,
    /// Deliveries handed out and not settled.
    held: u32,
    /// Copies that were there at the start and were not handed out yet.
    pub(super) unseen: u32,
    /// Copies that were there at the start and never came.
    pub(super) missing: u32,
    /// The depth of the queue once everything is back.
    expected: u32,
    /// Other consumers of a queue that had nothing to hand out: they may hold what is in it.
    pub(super) others: u32,
}

impl<'a> QueueBrowser<'a> {
    pub(super) async fn begin(session: &'a Session, queue: &'a str) -> Result<Self, BrokerError> {
        let depth = session.queue_depth(queue).await?;
        let others = if depth == 0 {
            session.queue_consumers(queue).await?
        } else {
            0
        };
        Ok(Self {
            others,
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

    /// The next copy; a delivery that is dropped stays in the queue. Cancel safe.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Delivery>> {
        if self.unseen == 0 || self.held == MAX_HELD {
            return Ok(None);
        }
        let consumer = match &mut self.consumer {
            Some(consumer) if self.room > 0 => consumer,
            Some(consumer) => {
                consumer.extend_prefetch().await?;
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

    /// Notes that the delivery handed out last was settled: it does not come back, and another may
    /// be held in its place.
    pub(super) fn settled(&mut self) {
        self.room += 1;
        self.held = self.held.saturating_sub(1);
        self.expected = self.expected.saturating_sub(1);
    }

    /// Gives everything back, and waits until it is there.
    pub(super) async fn end(self) -> Result<(), BrokerError> {
        drop(self.consumer);
        let began = Instant::now();
        while self.session.queue_depth(self.queue).await? < self.expected
            && began.elapsed() < RETURN
        {
            sleep(RETURN_POLL).await;
        }
        Ok(())
    }
}

/// Why there was nothing to look at. A consumer that looks at a queue holds what it was handed.
pub(super) fn nothing_in(queue: &str, other_consumers: u32) -> String {
    match other_consumers {
        0 => format!("{queue} is empty"),
        1 => format!(
            "{queue} has nothing to hand out: it is empty, or another consumer holds all of it"
        ),
        many => format!(
            "{queue} has nothing to hand out: it is empty, or {many} other consumers hold all of it"
        ),
    }
}
