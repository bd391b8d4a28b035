//! Publishes what a delivery becomes, with patience: a queue that refuses is tried for as long as
//! the delivery may be held, and a late confirm is waited for.

use super::error::PublishError;
use super::generation::Generation;
use super::message::Message;
use super::reply_slots::ReplySlots;
use crate::attempts::Attempts;
use crate::randomness::Randomness;
use crate::settings::units::Span;
use crate::telemetry::health::{Health, Trouble};
use crate::telemetry::metric::{self, PublishKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// A reply queue that refuses or hangs gets so many tries.
const REPLY_TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Publishes for any number of deliveries at once.
#[derive(Debug)]
pub(super) struct PatientPublisher {
    publish_timeout: Span,
    health: Health,
    randomness: Randomness,
    reply_slots: ReplySlots,
}

/// A message on its way to a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) kind: PublishKind,
    pub(super) queue: &'a str,
    pub(super) message: &'a Message,
}

/// Nothing was stored: the delivery must not be acknowledged.
#[derive(Debug)]
pub enum Unpublished {
    GenerationLost,
    /// A queue of ours would not take it.
    Queue {
        queue: String,
        problem: String,
    },
}

impl PatientPublisher {
    pub(super) fn new(publish_timeout: Span, health: Health, randomness: Randomness) -> Self {
        Self {
            publish_timeout,
            health,
            randomness,
            reply_slots: ReplySlots::default(),
        }
    }

    /// Publishes to a queue of ours. One that refuses is tried until `patience`, and readiness says
    /// so; one that is gone is declared again.
    pub(super) async fn publish_to_own_queue(
        &self,
        generation: &Generation,
        patience: Instant,
        outgoing: Outgoing<'_>,
    ) -> Result<(), Unpublished> {
        let queue = outgoing.queue;
        let was_in_trouble = AtomicBool::new(false);
        let report = |problem: &str| {
            was_in_trouble.store(true, Ordering::Relaxed);
            self.health.trouble(Trouble::Publishing, problem);
        };
        let attempt = || async {
            let publishing = self.confirmed(generation, patience, outgoing, &report);
            let problem = match publishing.await {
                Ok(()) => return Ok(()),
                Err(PublishError::Lost) => return Err(Unpublished::GenerationLost),
                Err(problem @ PublishError::Forbidden(_)) => {
                    return Err(Unpublished::forbidden(generation, &problem));
                }
                Err(PublishError::Returned) => {
                    tracing::warn!(queue, "one of our queues is gone; declaring it again");
                    match generation.session.topology().await {
                        Ok(()) => format!("{queue} was gone"),
                        Err(error) => error.to_string(),
                    }
                }
                Err(problem) => problem.to_string(),
            };
            Err(Unpublished::Queue {
                queue: queue.to_owned(),
                problem,
            })
        };
        let is_tried_again = |unpublished: &Unpublished, _| match unpublished {
            Unpublished::GenerationLost => false,
            Unpublished::Queue { queue, problem } => {
                report(&format!("cannot publish to {queue}: {problem}"));
                true
            }
        };
        Attempts::every(FIRST_WAIT, &self.randomness)
            .until(patience)
            .run(attempt, is_tried_again)
            .await?;
        if was_in_trouble.load(Ordering::Relaxed) {
            self.health.recovered(Trouble::Publishing);
        }
        Ok(())
    }

    /// Publishes to a reply queue: a few times, in one of the few slots that it has; once where
    /// other jobs have just given it up.
    pub(super) async fn publish_to_reply_queue(
        &self,
        generation: &Generation,
        patience: Instant,
        outgoing: Outgoing<'_>,
    ) -> Result<(), PublishError> {
        let Some(slot) = self.reply_slots.acquire(outgoing.queue).await else {
            return Err(PublishError::TimedOut);
        };
        let refuses = |problem: &PublishError| {
            matches!(problem, PublishError::Nacked | PublishError::TimedOut)
        };
        let outcome = Attempts::every(FIRST_WAIT, &self.randomness)
            .at_most(REPLY_TRIES)
            .until(patience)
            .run(
                || publish_once(generation, outgoing),
                |problem, _| refuses(problem) && !slot.is_refused(),
            )
            .await;
        match &outcome {
            Ok(()) => slot.record_taken(),
            Err(problem) if refuses(problem) => slot.record_refused(),
            Err(_) => {}
        }
        outcome
    }

    /// Publishes to a reply queue what may be lost: once, and not at all to a queue that refuses.
    pub(super) async fn try_reply_queue(
        &self,
        generation: &Generation,
        outgoing: Outgoing<'_>,
    ) -> Result<(), PublishError> {
        let slot = self.reply_slots.acquire(outgoing.queue).await;
        let Some(_slot) = slot.filter(|slot| !slot.is_refused()) else {
            return Err(PublishError::Nacked);
        };
        publish_once(generation, outgoing).await
    }

    /// A confirm that is late is waited for, and readiness says so: a second message beside the
    /// first would be a second job. At the end of our patience the connection is given up with it.
    async fn confirmed(
        &self,
        generation: &Generation,
        patience: Instant,
        outgoing: Outgoing<'_>,
        report: &impl Fn(&str),
    ) -> Result<(), PublishError> {
        let Outgoing {
            kind,
            queue,
            message,
        } = outgoing;
        // A lost generation publishes nothing more: the redelivered copy does.
        if generation.is_over() {
            return Err(PublishError::Lost);
        }
        let publisher = generation.session.publisher();
        let publishing = timed(kind, publisher.publish(queue, message));
        tokio::pin!(publishing);
        let bound = &self.publish_timeout;
        if let Ok(published) = timeout(bound.duration(), &mut publishing).await {
            return published;
        }
        report(&format!(
            "{queue} has not confirmed a message within {bound}; it is waited for"
        ));
        timeout_at(patience, publishing)
            .await
            .unwrap_or(Err(PublishError::TimedOut))
    }
}

impl Unpublished {
    /// The user may not publish, to whichever queue: no job can be answered until that is granted,
    /// so the generation is given up.
    pub fn forbidden(generation: &Generation, problem: &PublishError) -> Self {
        generation.give_up(problem);
        Self::GenerationLost
    }
}

/// Publishes by the message's id: what hangs there is not sent again and again.
async fn publish_once(generation: &Generation, outgoing: Outgoing<'_>) -> Result<(), PublishError> {
    let Outgoing {
        kind,
        queue,
        message,
    } = outgoing;
    if generation.is_over() {
        return Err(PublishError::Lost);
    }
    let id = message.properties.message_id.as_deref().unwrap_or_default();
    let publisher = generation.session.publisher();
    timed(kind, publisher.publish_once(queue, id, message)).await
}

/// Records how long the broker took to confirm.
async fn timed(
    kind: PublishKind,
    publishing: impl Future<Output = Result<(), PublishError>>,
) -> Result<(), PublishError> {
    let began = Instant::now();
    let published = publishing.await;
    if published.is_ok() {
        metric::publish_confirmed(kind, began.elapsed());
    }
    published
}
