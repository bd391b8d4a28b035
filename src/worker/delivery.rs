//! One delivery: parse, handle, publish, settle. In this order, whatever happens between.
//!
//! Nothing is acknowledged unless its result or its parked copy is confirmed: what goes wrong leaves
//! the delivery unsettled.

use super::Parts;
use super::context::DeliveryContext;
use super::outbox::Outbox;
use super::poison::Suspicion;
use crate::broker::{Delivery, Generation, RunLocks, Settled, Unpublished};
use crate::checkpoint::UnparkedRun;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::{Job, JobEnvelope, Rejected};
use crate::domain::progress::Parked;
use crate::domain::result::{PROGRESS_SCHEMA, ProgressMessage, Status};
use crate::panics::{Fitness, PanicCause, take_place};
use crate::pipeline::{Arrival, Outcome, ParkRequest};
use crate::pipeline::{answer_to_failure, answer_to_rejected};
use crate::telemetry::job_event::{JobEvent, JobParked};
use crate::telemetry::metric;
use futures_util::FutureExt;
use jiff::Timestamp;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Nothing was done for the job: its sender is mistaken about where results may go, or means harm.
const FORBIDDEN_REPLY_TO: &str = "reply_to is one of the worker's own queues, or does not match broker.reply_to; this result went to broker.results_queue";
const POISON: (&str, &str) = (
    "job.poison",
    "the worker died of this job again and again; a person has to look at it",
);
const PANIC: (&str, &str) = (
    "worker.panic",
    "the worker failed on this job; a person has to look at it",
);

/// Handles deliveries, any number at once.
pub(super) struct DeliveryHandler {
    pub(super) parts: Arc<Parts>,
    pub(super) outbox: Outbox,
    pub(super) fitness: Fitness,
    run_locks: RunLocks,
}

/// The end of a delivery: one of the pipeline's outcomes, or none.
enum Next {
    Outcome(Outcome),
    /// It is parked as it came, not before this time: nothing was done for it.
    Return(Timestamp),
}

impl DeliveryHandler {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self {
            outbox: Outbox::new(Arc::clone(&parts)),
            fitness: Fitness::new(parts.health.clone()),
            run_locks: RunLocks::default(),
            parts,
        }
    }

    /// Handles the delivery to an end. With `is_alone` nothing else is in flight.
    pub(super) async fn handle(&self, delivery: Delivery, generation: &Generation, is_alone: bool) {
        let _in_flight = metric::JobInFlight::new();
        let mut context = DeliveryContext::new(&delivery, generation, self.now());
        let handled = AssertUnwindSafe(self.process(&mut context, is_alone))
            .catch_unwind()
            .await;
        let handled = match handled {
            Ok(handled) => handled,
            Err(_panic) => {
                let answered = self.answer_panic(&mut context, take_place());
                AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|_panic| {
                    tracing::error!(
                        "a job on which the worker failed can be neither answered nor parked; connecting anew, it will be delivered again"
                    );
                    // Unsettled, the delivery would stay with this generation for ever.
                    generation.end();
                    Err(Unpublished::GenerationLost)
                })
            }
        };
        drop(context);
        match handled {
            Ok(()) => settle(delivery).await,
            Err(Unpublished::GenerationLost) => {}
            Err(Unpublished::Queue { queue, problem }) => {
                tracing::error!(
                    queue,
                    problem,
                    "cannot publish to our own queue; connecting anew, the job will be delivered again"
                );
                generation.end();
            }
        }
    }

    async fn process(
        &self,
        context: &mut DeliveryContext<'_>,
        is_alone: bool,
    ) -> Result<(), Unpublished> {
        context.read_headers(&self.parts.sealer, self.now());
        let suspicion = Suspicion::of(context.past.deaths, context.past.progress.returns, is_alone);
        if let Suspicion::Park(deaths) = suspicion {
            // Its job is not looked at: even that may be what kills.
            return self.park_suspect(context, deaths).await;
        }
        let parsed = self.parse(context);
        let next = match (self.replayed(context).await, &parsed) {
            (Some(outcome), _) => Next::Outcome(outcome),
            (None, Err(rejected)) => self.rejected(rejected, context),
            (None, Ok(job)) if suspicion == Suspicion::Poison => {
                self.failed(job, context, Stage::Job, POISON)
            }
            (None, Ok(job)) => self.run(job, context).await,
        };
        self.publish(parsed.as_ref().ok(), context, next).await
    }

    /// The job is answered, unless it is the program that is at fault.
    async fn answer_panic(
        &self,
        context: &mut DeliveryContext<'_>,
        place: String,
    ) -> Result<(), Unpublished> {
        let parsed = self.parse(context);
        let next = match &parsed {
            Err(rejected) => self.rejected(rejected, context),
            Ok(job) => {
                let run = &context.past.progress.run;
                match self.fitness.record_panic(&place, job.id.as_str(), run) {
                    PanicCause::Job => self.failed(job, context, Stage::Worker, PANIC),
                    PanicCause::Program => Next::Return(self.now()),
                }
            }
        };
        self.publish(parsed.as_ref().ok(), context, next).await
    }

    fn parse(&self, context: &mut DeliveryContext<'_>) -> Result<Job, Box<Rejected>> {
        let properties = &context.message.properties;
        let envelope = JobEnvelope {
            body: &context.message.body,
            content_encoding: properties.content_encoding.as_deref(),
            message_id: properties.message_id.as_deref(),
        };
        let reply_to = properties
            .reply_to
            .as_deref()
            .filter(|queue| !queue.is_empty());
        let is_forbidden =
            reply_to.is_some_and(|queue| !self.parts.settings.queues.allows_reply_to(queue));
        let parsed = Job::read(&envelope, self.parts.settings.max_job_bytes).and_then(|job| {
            if !is_forbidden {
                return Ok(job);
            }
            let failure = Failure::new(Stage::Job, "job.malformed", FORBIDDEN_REPLY_TO);
            Err(Box::new(Rejected {
                job_id: Some(job.id),
                metadata: job.metadata,
                failure,
            }))
        });
        context.job_id = match &parsed {
            Ok(job) => Some(job.id.to_string()),
            Err(rejected) => rejected.job_id.as_ref().map(ToString::to_string),
        };
        parsed
    }

    /// The answer that the run was given before this delivery came back.
    async fn replayed(&self, context: &DeliveryContext<'_>) -> Option<Outcome> {
        let run = &context.past.progress.run;
        if !context.past.progress.redelivered {
            return None;
        }
        let stored = self
            .parts
            .pipeline
            .answers
            .result(run, &context.generation.halt)
            .await?;
        Some(Outcome::Replay {
            stored: Box::new(stored),
            question: Some(run.clone()),
        })
    }

    fn rejected(&self, rejected: &Rejected, context: &DeliveryContext<'_>) -> Next {
        let answer = answer_to_rejected(rejected, context.past.progress.first_seen, self.now());
        Next::Outcome(Outcome::Publish(Box::new(answer)))
    }

    fn failed(
        &self,
        job: &Job,
        context: &DeliveryContext<'_>,
        stage: Stage,
        (code, message): (&'static str, &'static str),
    ) -> Next {
        let failure = Failure::new(stage, code, message);
        let (status, progress) = (Status::Undetermined, &context.past.progress);
        let answer = answer_to_failure(job, status, &failure, progress, self.now());
        Next::Outcome(Outcome::Publish(Box::new(answer)))
    }

    /// Runs the job as far as it goes, one copy of its run at a time.
    async fn run(&self, job: &Job, context: &mut DeliveryContext<'_>) -> Next {
        let Some(guard) = self.run_locks.acquire(&context.past.progress.run).await else {
            tracing::debug!(
                job.run = context.past.progress.run,
                "another copy of this run takes its time; this one is parked meanwhile"
            );
            context.past.progress.untried = !context.past.is_returned;
            return Next::Return(self.now());
        };
        context.past.progress.untried = false;
        if context.past.progress.redelivered {
            let halt = &context.generation.halt;
            let answers = &self.parts.pipeline.answers;
            let until = answers
                .resume_unparked(&mut context.past.progress, halt)
                .await;
            context.past.not_before = context.past.not_before.max(until);
        }
        if let Some(until) = self.too_early(job, context) {
            return Next::Return(until);
        }
        self.record_return(context);
        let arrival = Arrival {
            redelivered: context.is_redelivered,
            maybe_elsewhere: context.is_redelivered && !guard.joined,
            returned: context.past.is_returned,
            halt: context.generation.halt.clone(),
            began: context.began,
        };
        context.run_guard = Some(guard);
        // Boxed: the whole line is one future of many kilobytes.
        let line = Box::pin(
            self.parts
                .pipeline
                .process(job, &mut context.past.progress, &arrival),
        );
        Next::Outcome(line.await)
    }

    /// A hop over a delay queue ends before the wait does: the job is parked again, unread. Beyond
    /// the deadline there is nothing to wait for.
    fn too_early(&self, job: &Job, context: &DeliveryContext<'_>) -> Option<Timestamp> {
        let until = context.past.not_before?;
        let in_time = until
            <= context
                .past
                .progress
                .deadline(job, self.parts.pipeline.job_deadline);
        (self.now() < until && in_time).then_some(until)
    }

    /// The job's wait is over: a pause does not count against its deadline.
    fn record_return(&self, context: &mut DeliveryContext<'_>) {
        let Some(parked) = context.past.progress.parked.take() else {
            return;
        };
        let (retrier, now) = (&self.parts.pipeline.retrier, self.now());
        context.past.progress.slept(if parked.by_pause {
            now.duration_since(parked.at)
        } else {
            retrier.breaker.paused_between(parked.at, now)
        });
        if !context.is_redelivered {
            metric::returned(
                parked.stage,
                retrier.policy.label(parked.stage, &parked.code),
            );
        }
    }

    /// Every way out of a delivery ends here.
    async fn publish(
        &self,
        job: Option<&Job>,
        context: &mut DeliveryContext<'_>,
        next: Next,
    ) -> Result<(), Unpublished> {
        match next {
            Next::Return(until) => self.outbox.park(context, until).await,
            Next::Outcome(Outcome::Publish(answer)) => self.answer(job, context, *answer).await,
            Next::Outcome(Outcome::Replay { stored, question }) => {
                self.replay(context, *stored, question).await
            }
            Next::Outcome(Outcome::Park(request)) => self.park(job, context, *request).await,
            Next::Outcome(Outcome::Drop) => {
                tracing::info!(
                    job.id = context.job_id,
                    job.run = context.past.progress.run,
                    "another copy of this run was answered; this one is dropped"
                );
                Ok(())
            }
        }
    }

    async fn park(
        &self,
        job: Option<&Job>,
        context: &mut DeliveryContext<'_>,
        request: ParkRequest,
    ) -> Result<(), Unpublished> {
        let ParkRequest {
            until,
            failure: Failure { stage, code, .. },
            reason,
            next_attempt_at,
            is_brief,
            by_pause,
            survived,
        } = request;
        if survived {
            context.record_survival();
        }
        context.past.progress.parked = Some(Parked {
            stage,
            code: code.clone(),
            at: self.now(),
            by_pause,
        });
        let totals = &mut context.past.progress.totals;
        totals.parked = totals.parked.saturating_add(1);
        if let Err(unpublished) = self.outbox.park(context, until).await {
            self.keep_unparked(context, until).await;
            return Err(unpublished);
        }
        if let Some(job) = job.filter(|job| job.progress && !is_brief) {
            let message = ProgressMessage {
                schema: PROGRESS_SCHEMA,
                job_id: job.id.as_str(),
                stage,
                code: &code,
                attempt: context.past.progress.attempts(stage),
                next_attempt_at,
            };
            self.outbox.publish_progress(context, &message).await;
        }
        self.record(JobEvent::Parked(JobParked {
            job_id: context.job_id.clone().unwrap_or_default(),
            run: context.past.progress.run.clone(),
            stage,
            code,
            reason,
            until,
            brief: is_brief,
            by_pause,
            totals: context.past.progress.totals,
            turn: context.began.elapsed(),
        }));
        Ok(())
    }

    /// The job runs alone when it comes back. It may have had to wait for longer; no job waits
    /// beyond its longest life.
    async fn park_suspect(
        &self,
        context: &mut DeliveryContext<'_>,
        deaths: u32,
    ) -> Result<(), Unpublished> {
        context.past.progress.returns = 0;
        context.past.deaths = Some(deaths);
        let (now, first_seen) = (self.now(), context.past.progress.first_seen);
        let latest = first_seen
            .saturating_add(self.parts.pipeline.job_deadline)
            .unwrap_or(Timestamp::MAX);
        let until = context
            .past
            .not_before
            .map_or(now, |until| until.min(latest).max(now));
        self.outbox.park(context, until).await?;
        tracing::warn!(
            job.run = context.past.progress.run,
            deaths,
            "a job that came back from several crashes is suspected; it will run alone"
        );
        Ok(())
    }

    /// The delivery comes back as it was handed out. What was paid for meanwhile is kept, so that
    /// it is not bought again.
    async fn keep_unparked(&self, context: &DeliveryContext<'_>, until: Timestamp) {
        if context.past.progress.totals.calls > context.calls_before {
            let unparked = UnparkedRun {
                progress: context.past.progress.clone(),
                until,
            };
            let halt = &context.generation.halt;
            self.parts
                .pipeline
                .answers
                .keep_unparked(&unparked, halt)
                .await;
        }
    }

    pub(super) fn record(&self, event: JobEvent) {
        self.parts
            .events
            .record(event, &self.parts.pipeline.retrier.policy);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.pipeline.retrier.clock.now()
    }
}

async fn settle(delivery: Delivery) {
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
