//! A turn that ends in an answer: checkpoint, publish confirmed; the acknowledgement follows.

use super::Worker;
use super::outbox::{Sent, Unpublished};
use super::turn::Turn;
use crate::checkpoint::{KeptResult, Patience, StoredResult};
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

impl Worker {
    /// Checkpoint, then publish: whoever gets this delivery again replays these bytes. Where a
    /// result stands already it is the answer: a crash may have left two copies of a run, and two
    /// runs of a job may end at the same time.
    pub(super) async fn answer(
        &self,
        job: Option<&Job>,
        turn: &Turn<'_>,
        answer: Answer,
    ) -> Result<(), Unpublished> {
        let progress = &turn.progress;
        // What never came as far as a question is kept by its run.
        let is_again = if answer.question.is_some() {
            progress.asked_again
        } else {
            turn.is_new
        };
        let question = answer
            .question
            .clone()
            .unwrap_or_else(|| progress.run.clone());
        let stored = StoredResult {
            run: progress.run.clone(),
            status: answer.status,
            verdict: answer.verdict,
            error: answer.error.clone(),
            totals: answer.totals,
            body: answer.body.clone(),
        };
        let is_late = job.is_some_and(|job| {
            self.pipeline.retrier.clock.now() > progress.deadline(job, self.pipeline.job_deadline)
        });
        let is_the_stores_fault = answer
            .error
            .as_ref()
            .is_some_and(|error| error.stage == Stage::Storage);
        let patience = Patience {
            halt: &turn.generation.halt,
            began: turn.began,
            may_wait: !is_late && !is_the_stores_fault,
        };
        // By its question first: that is where the same message looks when it is submitted once
        // more.
        let kept = self
            .pipeline
            .answers
            .keep_result(&question, &stored, is_again, patience)
            .await;
        // A run that may have a twin is one by its name, too: whatever became of the picture
        // meanwhile, both say the same.
        if !turn.is_new
            && question != progress.run
            && !matches!(kept, KeptResult::Stands(_))
            && let KeptResult::Stands(first) = self
                .pipeline
                .answers
                .keep_result(&progress.run, &stored, progress.asked_again, patience)
                .await
        {
            return self.replay(turn, first, Some(progress.run.clone())).await;
        }
        match kept {
            KeptResult::Stands(first) if first.run == progress.run => {
                self.replay(turn, first, Some(question)).await
            }
            KeptResult::Stands(first) => {
                let theirs = job.and_then(|job| answer_of_another_run(job, &first));
                self.publish(
                    turn,
                    &Answer {
                        question: None,
                        ..theirs.unwrap_or(answer)
                    },
                    false,
                )
                .await
            }
            KeptResult::Durably => {
                self.publish(
                    turn,
                    &Answer {
                        question: Some(question),
                        ..answer
                    },
                    false,
                )
                .await
            }
            KeptResult::Here => {
                self.publish(
                    turn,
                    &Answer {
                        question: None,
                        ..answer
                    },
                    false,
                )
                .await
            }
        }
    }

    /// The same bytes again. With its question, the name of its checkpoint, it can wait for a reply
    /// queue that refuses.
    pub(super) async fn replay(
        &self,
        turn: &Turn<'_>,
        stored: StoredResult,
        question: Option<String>,
    ) -> Result<(), Unpublished> {
        let StoredResult {
            run: _,
            status,
            verdict,
            error,
            totals,
            body,
        } = stored;
        self.publish(
            turn,
            &Answer {
                status,
                verdict,
                error,
                totals,
                question,
                body,
            },
            true,
        )
        .await
    }

    /// The copy for the operator first: whoever reads that a job failed finds it in the failed
    /// queue.
    async fn publish(
        &self,
        turn: &Turn<'_>,
        answer: &Answer,
        replayed: bool,
    ) -> Result<(), Unpublished> {
        let outbox = self.outbox(turn);
        let unsent = turn.progress.unsent.as_ref();
        if answer.status != Status::Completed && unsent.is_none() {
            outbox
                .failed(
                    turn.message,
                    &turn.progress.run,
                    turn.job_id.as_deref(),
                    answer,
                )
                .await?;
        }
        let now = self.pipeline.retrier.clock.now();
        let waited_enough =
            unsent.is_some_and(|unsent| now.duration_since(unsent.since) >= REPLY_PATIENCE);
        // Only with an answer that whoever takes the job next will find.
        let kept = answer
            .question
            .as_ref()
            .filter(|_| self.pipeline.answers.checkpoints.is_durable());
        let may_wait = kept.is_some() && !waited_enough;
        match outbox
            .result(
                turn.message,
                &turn.progress.run,
                answer.bytes(),
                may_wait,
                kept.is_some(),
            )
            .await?
        {
            Sent::Yes => self.record(JobEvent::Answered(self.answered(turn, answer, replayed))),
            Sent::NotYet => {
                let mut progress = turn.progress.clone();
                progress.returns = 0;
                let question = kept.cloned().unwrap_or_default();
                progress.unsent.get_or_insert(Unsent {
                    question,
                    since: now,
                });
                let until = now.saturating_add(REPLY_WAIT).unwrap_or(Timestamp::MAX);
                outbox
                    .park(turn.message, &progress, until, turn.suspect.map(|_| 0))
                    .await?;
                tracing::warn!(job.run = progress.run, %until, "its queue does not take the result; the job waits with it");
            }
        }
        Ok(())
    }

    fn answered(&self, turn: &Turn<'_>, answer: &Answer, replayed: bool) -> JobAnswered {
        let age = self
            .pipeline
            .retrier
            .clock
            .now()
            .duration_since(turn.progress.first_seen);
        JobAnswered {
            job_id: turn.job_id.clone(),
            run: turn.progress.run.clone(),
            status: answer.status,
            verdict: answer.verdict,
            error: answer.error.clone(),
            totals: turn.progress.totals,
            codes: call_codes(&turn.progress),
            turn: turn.began.elapsed(),
            age: Duration::try_from(age).unwrap_or_default(),
            replayed,
        }
    }
}
