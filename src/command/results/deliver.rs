//! `results deliver`: results go to a reply queue after all.
//!
//! A result is published mandatory and acknowledged once the broker has confirmed it. One that was
//! interrupted in between is still in the results queue, and is delivered again with the same
//! `message_id`, by which consumers know it.

use super::filter::ResultFilter;
use super::kept::KeptResult;
use crate::broker::{
    self, Message, PublishError, Publisher, Session, Settled, fit_to_frame, result_copy,
};
use crate::command::queue_browser::QueueBrowser;
use crate::command::terminal::plain;
use anyhow::bail;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// RabbitMQ closes a channel that holds a delivery for half an hour: after this time those that
/// were passed by go back, and a new round begins.
const ROUND: Duration = Duration::from_mins(10);

/// The queue that a result goes to.
pub(super) struct Destination<'a> {
    /// One queue for all, as the operator named it; else each its own.
    pub(super) to: Option<&'a str>,
    pub(super) queues: &'a broker::Config,
}

/// The outcome of the results that were to be delivered.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// How many went to each queue.
    pub(super) to: BTreeMap<String, u32>,
    /// Why a queue takes none, by queue.
    pub(super) refused: BTreeMap<String, String>,
}

pub(super) struct Deliverer<'a> {
    pub(super) session: &'a Session,
    pub(super) queue: &'a str,
    pub(super) filter: &'a ResultFilter,
    pub(super) destination: Destination<'a>,
    pub(super) now: Timestamp,
    pub(super) stop: &'a CancellationToken,
}

impl Destination<'_> {
    /// The queue for this result; `None` where neither the command nor the result names one,
    /// or it is one of the worker's own queues.
    pub(super) fn of<'r>(&'r self, result: &'r KeptResult) -> Option<&'r str> {
        let queue = self.to.or(result.reply_to.as_deref());
        queue.filter(|queue| self.queues.allows_reply_to(queue))
    }
}

impl Delivered {
    pub(super) fn total(&self) -> u32 {
        self.to.values().sum()
    }
}

impl Deliverer<'_> {
    /// Delivers at most so many, round after round, until they are done or a whole round delivered
    /// none.
    pub(super) async fn run(
        &self,
        planned: u32,
        per_second: u16,
        delivered: &mut Delivered,
    ) -> anyhow::Result<()> {
        let mut throttle = interval(Duration::from_secs(1) / u32::from(per_second.max(1)));
        throttle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let publisher = self.session.publisher();
        loop {
            let before = delivered.total();
            let mut browser = QueueBrowser::begin(self.session, self.queue).await?;
            self.round(&mut browser, planned, &publisher, &mut throttle, delivered)
                .await?;
            browser.end().await?;
            let done = delivered.total();
            if self.stop.is_cancelled() || done >= planned || done == before {
                return Ok(());
            }
        }
    }

    async fn round(
        &self,
        browser: &mut QueueBrowser<'_>,
        planned: u32,
        publisher: &Publisher,
        throttle: &mut Interval,
        delivered: &mut Delivered,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while delivered.total() < planned && began.elapsed() < ROUND {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                next = browser.next() => next?,
            };
            let Some(delivery) = next else { break };
            let result = KeptResult::of(&delivery.message);
            let Some(queue) = self.destination.of(&result) else {
                continue;
            };
            if !self.filter.matches(&result, self.now) || delivered.refused.contains_key(queue) {
                continue;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                _ = throttle.tick() => {}
            }
            match publish(publisher, queue, &delivery.message).await {
                Ok(()) => {}
                Err(problem @ (PublishError::Lost | PublishError::Forbidden(_))) => {
                    let queue = plain(queue);
                    bail!(
                        "cannot publish to {queue}: {problem}; what was not delivered is still here"
                    )
                }
                // The other queues may take theirs.
                Err(problem) => {
                    let refused = &mut delivered.refused;
                    refused.insert(queue.to_owned(), problem.to_string());
                    continue;
                }
            }
            *delivered.to.entry(queue.to_owned()).or_default() += 1;
            if delivery.settle().await == Settled::Lost {
                bail!(
                    "the connection to the broker was lost; the last result may be delivered once more, with the same message_id"
                );
            }
            browser.settled();
        }
        Ok(())
    }
}

async fn publish(
    publisher: &Publisher,
    queue: &str,
    message: &Message,
) -> Result<(), PublishError> {
    let room = publisher.room_for_properties();
    let copy = fit_to_frame(result_copy(message), room, &[]).message;
    publisher.publish(queue, &copy).await
}

/// The queues that results would go to, in words.
pub(super) fn named(queues: &BTreeSet<String>) -> String {
    match queues.len() {
        0..=3 => queues
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        more => format!("{more} queues"),
    }
}
