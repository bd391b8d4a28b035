//! A delivery that ends in an answer: checkpoint, publish confirmed; the acknowledgement follows.

use super::delivery::DeliveryHandler;
use crate::broker::{InHand, Sent, Unpublished};
use crate::checkpoint::{FinalResult, Patience};
use crate::domain::job::Job;
use crate::domain::progress::Unsent;
use crate::domain::result::Status;
use crate::ledger::{self, TurnEnd, Wait};
use crate::pipeline::Answer;
use crate::telemetry::trace;
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument;

/// A job whose reply queue refuses waits so long with its answer, and after an hour the answer goes
/// to the results queue.
const REPLY_WAIT: SignedDuration = SignedDuration::from_mins(2);
const REPLY_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

impl DeliveryHandler {
    /// Checkpoints, then publishes: a worker that gets this delivery again replays these bytes.
    pub(super) async fn answer(
        &self,
        job: Option<&Job>,
        held: &mut InHand<'_>,
        answer: Answer,
    ) -> Result<(), Unpublished> {
        let Answer {
            stored,
            question,
            beside,
        } = answer;
        let (longest, progress) = (self.parts.pipeline.job_deadline, &held.past.progress);
        let is_late = job.is_some_and(|job| self.now() > progress.deadline(job, longest));
        let delivery = (&held.generation.halt, held.began);
        let patience = Patience::of_result(&stored, delivery, is_late);
        let copies = (held.is_new, held.past.progress.delivered.asked_again);
        let answers = &self.parts.pipeline.answers;
        let progress = &mut held.past.progress;
        let kept = answers.keep_final(question, &stored, beside, copies, patience, progress);
        let kept = kept.instrument(trace::checkpoint("keep"));
        let (stored, question) = match kept.await {
            FinalResult::New { kept_as } => (stored, kept_as),
            FinalResult::Replay(stored, name) => {
                let first = Answer::kept(stored, Some(name));
                return self.publish_answer(held, first, true).await;
            }
            FinalResult::Unkept(request) => return self.park(job, held, *request).await,
            FinalResult::OfAnotherRun(first) => {
                let metadata = job.and_then(|job| job.metadata.as_deref());
                let theirs = first.for_another_run(&stored.run, metadata);
                (theirs.unwrap_or(stored), None)
            }
        };
        self.publish_answer(held, Answer::kept(stored, question), false)
            .await
    }

    /// Publishes an answer, which is a replay where its bytes were published before. With its
    /// question, the name of its checkpoint, it can wait for a reply queue that refuses.
    ///
    /// The copy for the operator comes first: a reader of a result that says a job failed finds the
    /// job in the failed queue.
    pub(super) async fn publish_answer(
        &self,
        held: &mut InHand<'_>,
        answer: Answer,
        is_replayed: bool,
    ) -> Result<(), Unpublished> {
        let Answer {
            stored, question, ..
        } = answer;
        let now = self.now();
        let unsent = held.past.progress.delivered.unsent.as_ref();
        if stored.status != Status::Completed && unsent.is_none() {
            let queue = held.past.progress.delivered.queue.as_deref();
            let reason = stored.failure_reason(held.job_id.as_deref(), queue, now);
            self.outbox.publish_failed_copy(held, &reason).await?;
        }
        let has_waited_enough =
            unsent.is_some_and(|unsent| now.duration_since(unsent.since) >= REPLY_PATIENCE);
        // An answer can wait only where the worker that takes the job next will find it.
        let kept = question.filter(|_| self.parts.pipeline.answers.checkpoints.is_durable());
        let (may_wait, is_kept) = (kept.is_some() && !has_waited_enough, kept.is_some());
        let ledger = &self.parts.ledger;
        let event = ledger.event(held, &TurnEnd::of(&stored, is_replayed), now);
        let publishing = self
            .outbox
            .publish_result(held, stored.bytes(), may_wait, is_kept);
        let (sent, told) = tokio::join!(publishing, ledger.write(held.generation, event));
        told?;
        match sent? {
            Sent::Yes => self.record(ledger::answered(held, &stored, is_replayed, self.now())),
            Sent::NotYet => {
                held.past.record_survival();
                let (question, since) = (kept.unwrap_or_default(), now);
                let progress = &mut held.past.progress;
                progress
                    .delivered
                    .unsent
                    .get_or_insert(Unsent { question, since });
                let until = now.saturating_add(REPLY_WAIT).unwrap_or(Timestamp::MAX);
                let end = TurnEnd::Parked(Wait::for_reply_queue(until));
                self.park_and_tell(held, until, &end).await?;
                tracing::warn!(job.run = held.past.progress.run, %until, "the reply queue does not take the result; the job is parked with its result and publishes it again after `until`");
            }
        }
        Ok(())
    }
}
