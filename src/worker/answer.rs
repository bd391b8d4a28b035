//! A delivery that ends in an answer: checkpoint, publish confirmed; the acknowledgement follows.

use super::context::DeliveryContext;
use super::delivery::DeliveryHandler;
use super::outbox::Sent;
use crate::broker::Unpublished;
use crate::checkpoint::{FinalResult, Patience, StoredResult};
use crate::domain::failure::Stage;
use crate::domain::job::Job;
use crate::domain::progress::Unsent;
use crate::domain::result::Status;
use crate::pipeline::{Answer, answer_of_another_run};
use crate::telemetry::job_event::{JobAnswered, JobEvent, call_codes};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A job whose reply queue refuses waits so long with its answer, and after an hour the answer goes
/// to the results queue.
const REPLY_WAIT: SignedDuration = SignedDuration::from_mins(2);
const REPLY_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

impl DeliveryHandler {
    /// Checkpoints, then publishes: a worker that gets this delivery again replays these bytes.
    pub(super) async fn answer(
        &self,
        job: Option<&Job>,
        context: &mut DeliveryContext<'_>,
        answer: Answer,
    ) -> Result<(), Unpublished> {
        let progress = &context.past.progress;
        let stored = StoredResult {
            run: progress.run.clone(),
            status: answer.status,
            verdict: answer.verdict,
            error: answer.error.clone(),
            totals: answer.totals,
            body: answer.body.clone(),
        };
        let patience = self.patience(job, context, &answer);
        let copies = (context.is_new, progress.asked_again);
        let answers = &self.parts.pipeline.answers;
        let kept = answers.keep_final(answer.question.clone(), &stored, copies, patience);
        let (question, answer) = match kept.await {
            FinalResult::New { kept_as } => (kept_as, answer),
            FinalResult::Replay(first, name) => {
                return self.replay(context, first, Some(name)).await;
            }
            FinalResult::OfAnotherRun(first) => {
                let theirs = job.and_then(|job| answer_of_another_run(job, &first));
                (None, theirs.unwrap_or(answer))
            }
        };
        let answer = Answer { question, ..answer };
        self.publish_answer(context, &answer, false).await
    }

    /// Publishes the same bytes again. With its question, the name of its checkpoint, the answer
    /// can wait for a reply queue that refuses.
    pub(super) async fn replay(
        &self,
        context: &mut DeliveryContext<'_>,
        stored: StoredResult,
        question: Option<String>,
    ) -> Result<(), Unpublished> {
        let answer = Answer {
            status: stored.status,
            verdict: stored.verdict,
            error: stored.error,
            totals: stored.totals,
            question,
            body: stored.body,
        };
        self.publish_answer(context, &answer, true).await
    }

    /// How long the store may be tried before the answer is published.
    fn patience<'a>(
        &self,
        job: Option<&Job>,
        context: &DeliveryContext<'a>,
        answer: &Answer,
    ) -> Patience<'a> {
        let longest = self.parts.pipeline.job_deadline;
        let is_late =
            job.is_some_and(|job| self.now() > context.past.progress.deadline(job, longest));
        let is_the_stores_fault = answer
            .error
            .as_ref()
            .is_some_and(|error| error.stage == Stage::Storage);
        Patience {
            halt: &context.generation.halt,
            began: context.began,
            may_wait: !is_late && !is_the_stores_fault,
        }
    }

    /// The copy for the operator comes first: a reader of a result that says a job failed finds the
    /// job in the failed queue.
    async fn publish_answer(
        &self,
        context: &mut DeliveryContext<'_>,
        answer: &Answer,
        is_replayed: bool,
    ) -> Result<(), Unpublished> {
        let unsent = context.past.progress.unsent.as_ref();
        if answer.status != Status::Completed && unsent.is_none() {
            self.outbox.publish_failed_copy(context, answer).await?;
        }
        let now = self.now();
        let has_waited_enough =
            unsent.is_some_and(|unsent| now.duration_since(unsent.since) >= REPLY_PATIENCE);
        // An answer can wait only where the worker that takes the job next will find it.
        let kept = answer
            .question
            .clone()
            .filter(|_| self.parts.pipeline.answers.checkpoints.is_durable());
        let may_wait = kept.is_some() && !has_waited_enough;
        let (bytes, is_kept) = (answer.bytes(), kept.is_some());
        match self
            .outbox
            .publish_result(context, bytes, may_wait, is_kept)
            .await?
        {
            Sent::Yes => {
                let answered = self.answered(context, answer, is_replayed);
                self.record(JobEvent::Answered(answered));
            }
            Sent::NotYet => {
                context.record_survival();
                let question = kept.unwrap_or_default();
                context.past.progress.unsent.get_or_insert(Unsent {
                    question,
                    since: now,
                });
                let until = now.saturating_add(REPLY_WAIT).unwrap_or(Timestamp::MAX);
                self.outbox.park(context, until).await?;
                tracing::warn!(job.run = context.past.progress.run, %until, "its queue does not take the result; the job waits with it");
            }
        }
        Ok(())
    }

    fn answered(
        &self,
        context: &DeliveryContext<'_>,
        answer: &Answer,
        is_replayed: bool,
    ) -> JobAnswered {
        let progress = &context.past.progress;
        let age = self.now().duration_since(progress.first_seen);
        JobAnswered {
            job_id: context.job_id.clone(),
            run: progress.run.clone(),
            status: answer.status,
            verdict: answer.verdict,
            error: answer.error.clone(),
            totals: progress.totals,
            codes: call_codes(progress),
            turn: context.began.elapsed(),
            age: Duration::try_from(age).unwrap_or_default(),
            replayed: is_replayed,
        }
    }
}
