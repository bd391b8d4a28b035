//! One delivery's turn: parse, process, checkpoint, publish confirmed, acknowledge. In this order,
//! whatever happens between.

use super::Worker;
use super::brought::Brought;
use super::outbox::Unpublished;
use super::suspect::Suspicion;
use crate::broker::{Delivery, Generation, Message, Settled};
use crate::checkpoint::UnparkedRun;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::{Job, JobEnvelope, Rejected};
use crate::domain::progress::{Parked, Progress};
use crate::domain::result::{PROGRESS_SCHEMA, ProgressMessage, Status};
use crate::panics::take_place;
use crate::pipeline::{Arrival, Outcome, ParkRequest, answer_to_failure, answer_to_rejected};
use crate::telemetry::job_event::{JobEvent, JobParked};
use crate::telemetry::metric;
use futures_util::FutureExt;
use jiff::Timestamp;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;

/// Nothing was done for the job: its sender is mistaken about where results may go, or means harm.
const FORBIDDEN_REPLY_TO: &str = "reply_to is one of the worker's own queues, or does not match broker.reply_to; this result went to broker.results_queue";

/// One message while it has its turn.
pub(super) struct Turn<'a> {
    pub(super) message: &'a Message,
    pub(super) generation: &'a Generation,
    pub(super) job_id: Option<String>,
    pub(super) progress: Progress,
    /// So many calls the message knew of.
    pub(super) calls_brought: u32,
    /// Just submitted: it was neither parked nor handed out before.
    pub(super) is_new: bool,
    /// It may kill its worker: parked again, it stays marked, with this many deaths.
    pub(super) suspect: Option<u32>,
    /// It was parked until then.
    pub(super) not_before: Option<Timestamp>,
    pub(super) began: Instant,
}

impl Turn<'_> {
    /// Whatever it came back from is forgotten.
    pub(super) fn survived(&mut self) {
        self.progress.returns = 0;
        self.suspect = self.suspect.map(|_| 0);
    }
}

impl Worker {
    /// Nothing is acknowledged unless its result or its parked copy is confirmed: what goes wrong
    /// leaves the delivery unsettled.
    pub(super) async fn turn(&self, delivery: Delivery, generation: &Generation, is_alone: bool) {
        let _in_flight = metric::InFlight::new();
        let published = AssertUnwindSafe(self.take(&delivery, generation, is_alone))
            .catch_unwind()
            .await;
        match published {
            Ok(Ok(())) => settle(delivery).await,
            Ok(Err(Unpublished::GenerationLost)) => {}
            Ok(Err(Unpublished::Queue { queue, problem })) => {
                tracing::error!(
                    queue,
                    problem,
                    "cannot publish to our own queue; connecting anew, the job will be delivered again"
                );
                generation.end();
            }
            Err(_panic) => self.hand_back_after_a_panic(delivery, generation).await,
        }
    }

    async fn take(
        &self,
        delivery: &Delivery,
        generation: &Generation,
        is_alone: bool,
    ) -> Result<(), Unpublished> {
        let message = &delivery.message;
        let Brought {
            mut progress,
            returned,
            not_before,
            deaths: suspect,
        } = self.brought(message);
        progress.redelivered |= delivery.redelivered;
        progress.returns = progress.returns.saturating_add(delivery.delivery_count);
        let is_new = !returned && !progress.redelivered;
        let suspicion = Suspicion::of(suspect, progress.returns, is_alone);
        let calls_brought = progress.totals.calls;
        let began = Instant::now();
        let mut turn = Turn {
            message,
            generation,
            job_id: None,
            progress,
            calls_brought,
            is_new,
            suspect,
            not_before,
            began,
        };
        if let Suspicion::Park(deaths) = suspicion {
            return self.park_suspect(turn, deaths).await;
        }
        let parsed = self.read(message);
        turn.job_id = parsed
            .as_ref()
            .map_or_else(|rejected| rejected.job_id.as_ref(), |job| Some(&job.id))
            .map(ToString::to_string);
        if turn.progress.redelivered
            && let Some(stored) = self
                .pipeline
                .answers
                .result(&turn.progress.run, &generation.halt)
                .await
        {
            let run = turn.progress.run.clone();
            return self.replay(&turn, stored, Some(run)).await;
        }
        match parsed {
            Ok(job) => {
                if suspicion == Suspicion::Poison {
                    let failure = Failure::new(
                        Stage::Job,
                        "job.poison",
                        "the worker died of this job again and again; a person has to look at it",
                    );
                    let now = self.pipeline.retrier.clock.now();
                    let answer = answer_to_failure(
                        &job,
                        Status::Undetermined,
                        &failure,
                        &turn.progress,
                        now,
                    );
                    return self.answer(Some(&job), &turn, answer).await;
                }
                let Some(held) = self.run_locks.acquire(&turn.progress.run).await else {
                    tracing::debug!(
                        job.run = turn.progress.run,
                        "another copy of this run takes its time; this one is parked meanwhile"
                    );
                    turn.progress.untried = !returned;
                    let until = self.pipeline.retrier.clock.now();
                    return self
                        .outbox(&turn)
                        .park(message, &turn.progress, until, turn.suspect)
                        .await;
                };
                turn.progress.untried = false;
                if turn.progress.redelivered {
                    self.take_up(&mut turn).await;
                }
                let maybe_elsewhere = delivery.redelivered && !held.joined;
                let halt = generation.halt.clone();
                let arrival = Arrival {
                    redelivered: delivery.redelivered,
                    maybe_elsewhere,
                    returned,
                    halt,
                    began: turn.began,
                };
                self.work(&job, &mut turn, &arrival).await
            }
            Err(rejected) => {
                let now = self.pipeline.retrier.clock.now();
                self.answer(
                    None,
                    &turn,
                    answer_to_rejected(&rejected, turn.progress.first_seen, now),
                )
                .await
            }
        }
    }

    pub(super) fn read(&self, message: &Message) -> Result<Job, Box<Rejected>> {
        let properties = &message.properties;
        let envelope = JobEnvelope {
            body: &message.body,
            content_encoding: properties.content_encoding.as_deref(),
            message_id: properties.message_id.as_deref(),
        };
        let job = Job::read(&envelope, self.settings.max_job_bytes)?;
        match properties
            .reply_to
            .as_deref()
            .filter(|queue| !queue.is_empty())
        {
            Some(queue) if !self.settings.queues.allows_reply_to(queue) => {
                let failure = Failure::new(Stage::Job, "job.malformed", FORBIDDEN_REPLY_TO);
                Err(Box::new(Rejected {
                    job_id: Some(job.id),
                    metadata: job.metadata,
                    failure,
                }))
            }
            _ => Ok(job),
        }
    }

    async fn work(
        &self,
        job: &Job,
        turn: &mut Turn<'_>,
        arrival: &Arrival,
    ) -> Result<(), Unpublished> {
        if let Some(until) = self.too_early(job, turn) {
            return self
                .outbox(turn)
                .park(turn.message, &turn.progress, until, turn.suspect)
                .await;
        }
        if let Some(Parked {
            stage,
            code,
            at,
            by_pause,
        }) = turn.progress.parked.take()
        {
            let now = self.pipeline.retrier.clock.now();
            turn.progress.slept(if by_pause {
                now.duration_since(at)
            } else {
                self.pipeline.retrier.breaker.paused_between(at, now)
            });
            if !arrival.redelivered {
                metric::returned(stage, self.pipeline.retrier.policy.label(stage, &code));
            }
        }
        // Boxed: the whole line is one future of many kilobytes.
        let line = Box::pin(self.pipeline.process(job, &mut turn.progress, arrival));
        let processed = AssertUnwindSafe(line).catch_unwind().await;
        match processed {
            Ok(Outcome::Publish(answer)) => self.answer(Some(job), turn, *answer).await,
            Ok(Outcome::Replay { stored, question }) => self.replay(turn, *stored, question).await,
            Ok(Outcome::Drop) => {
                tracing::info!(
                    job.id = turn.job_id,
                    job.run = turn.progress.run,
                    "another copy of this run was answered; this one is dropped"
                );
                Ok(())
            }
            Ok(Outcome::Park(parking)) => self.park(job, turn, *parking).await,
            Err(_panic) => self.panicked(job, turn, take_place()).await,
        }
    }

    async fn park(
        &self,
        job: &Job,
        turn: &mut Turn<'_>,
        parking: ParkRequest,
    ) -> Result<(), Unpublished> {
        let ParkRequest {
            until,
            failure: Failure { stage, code, .. },
            reason,
            next_attempt_at,
            is_brief,
            by_pause,
            survived,
        } = parking;
        if survived {
            turn.survived();
        }
        turn.progress.parked = Some(Parked {
            stage,
            code: code.clone(),
            at: self.pipeline.retrier.clock.now(),
            by_pause,
        });
        turn.progress.totals.parked = turn.progress.totals.parked.saturating_add(1);
        let outbox = self.outbox(turn);
        if let Err(unpublished) = outbox
            .park(turn.message, &turn.progress, until, turn.suspect)
            .await
        {
            self.leave(turn, until).await;
            return Err(unpublished);
        }
        if job.progress && !is_brief {
            let attempt = turn.progress.attempts(stage);
            let told = ProgressMessage {
                schema: PROGRESS_SCHEMA,
                job_id: job.id.as_str(),
                stage,
                code: &code,
                attempt,
                next_attempt_at,
            };
            outbox.progress(turn.message, &turn.progress, &told).await;
        }
        self.record(JobEvent::Parked(JobParked {
            job_id: turn.job_id.clone().unwrap_or_default(),
            run: turn.progress.run.clone(),
            stage,
            code,
            reason,
            until,
            brief: is_brief,
            by_pause,
            totals: turn.progress.totals,
            turn: turn.began.elapsed(),
        }));
        Ok(())
    }

    /// The delivery comes back as it was handed out. What was paid for meanwhile is kept, so that
    /// it is not bought again.
    async fn leave(&self, turn: &Turn<'_>, until: Timestamp) {
        if turn.progress.totals.calls > turn.calls_brought {
            let unparked = UnparkedRun {
                progress: turn.progress.clone(),
                until,
            };
            self.pipeline
                .answers
                .keep_unparked(&unparked, &turn.generation.halt)
                .await;
        }
    }

    /// The turn before may have paid for more than the message knows of.
    async fn take_up(&self, turn: &mut Turn<'_>) {
        let Some(UnparkedRun { progress, until }) = self
            .pipeline
            .answers
            .unparked(&turn.progress.run, &turn.generation.halt)
            .await
        else {
            return;
        };
        if progress.run == turn.progress.run && progress.totals.calls > turn.progress.totals.calls {
            tracing::debug!(
                job.run = progress.run,
                "its calls are known, although it could not be parked with them"
            );
            let returns = turn.progress.returns;
            turn.progress = progress;
            (turn.progress.returns, turn.progress.redelivered) = (returns, true);
            turn.not_before = turn.not_before.max(Some(until));
        }
    }

    /// Its job is not looked at: even that may be what kills.
    async fn park_suspect(&self, mut turn: Turn<'_>, deaths: u32) -> Result<(), Unpublished> {
        turn.progress.returns = 0;
        // It may have been told to wait for longer; nobody waits beyond a job's longest life.
        let (now, begun) = (self.pipeline.retrier.clock.now(), turn.progress.first_seen);
        let latest = begun
            .saturating_add(self.pipeline.job_deadline)
            .unwrap_or(Timestamp::MAX);
        let until = turn
            .not_before
            .map_or(now, |until| until.min(latest).max(now));
        self.outbox(&turn)
            .park(turn.message, &turn.progress, until, Some(deaths))
            .await?;
        tracing::warn!(
            job.run = turn.progress.run,
            deaths,
            "a job that came back from several crashes is suspected; it will run alone"
        );
        Ok(())
    }

    /// A hop over a delay queue ends before the wait does: park again, unread. Beyond the deadline
    /// there is nothing to wait for.
    fn too_early(&self, job: &Job, turn: &Turn<'_>) -> Option<Timestamp> {
        let until = turn.not_before?;
        let in_time = until <= turn.progress.deadline(job, self.pipeline.job_deadline);
        (self.pipeline.retrier.clock.now() < until && in_time).then_some(until)
    }

    pub(super) fn record(&self, event: JobEvent) {
        self.events.record(event, &self.pipeline.retrier.policy);
    }
}

pub(super) async fn settle(delivery: Delivery) {
    match delivery.settle().await {
        Settled::Acknowledged => {}
        Settled::Lost => {
            metric::settle_lost();
            tracing::debug!(
                "an acknowledgement found its channel gone; the job will be delivered again and its result replayed"
            );
        }
    }
}
