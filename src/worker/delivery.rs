//! One delivery: parse, handle, publish, settle. In this order, whatever happens between.
//!
//! Nothing is acknowledged unless its result or its parked copy is confirmed: what goes wrong leaves
//! the delivery unsettled.

use super::Parts;
use super::deadlines::Deadlines;
use crate::broker::{
    Delivery, Generation, InHand, Outbox, RunLocks, Settled, Suspicion, Unpublished,
};
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::{Job, Rejected};
use crate::domain::result::Status;
use crate::ledger::TurnEnd;
use crate::panics::{Fitness, PanicCause, take_place};
use crate::pipeline::{Answer, Arrival, Outcome, answer_to_failure, answer_to_rejected};
use crate::telemetry::job_event::JobEvent;
use crate::telemetry::{metric, trace};
use futures_util::FutureExt;
use jiff::Timestamp;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::Instrument;

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
    deadlines: Deadlines,
}

/// The end of a delivery: one of the pipeline's outcomes, or none.
enum Next {
    Outcome(Outcome),
    /// It is parked as it came, not before this time: nothing was done for it.
    Return(Timestamp),
}

impl DeliveryHandler {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        let (settings, health) = (&parts.settings, parts.health.clone());
        Self {
            outbox: Outbox::new(
                settings.queues.clone(),
                settings.max_job_bytes,
                parts.sealer.clone(),
                parts.pipeline.retrier.clock,
                (health.clone(), parts.randomness.clone()),
            ),
            fitness: Fitness::new(health),
            run_locks: RunLocks::default(),
            deadlines: Deadlines::default(),
            parts,
        }
    }

    /// Handles the delivery to an end. With `is_alone` nothing else is in flight.
    pub(super) async fn handle(&self, delivery: Delivery, generation: &Generation, is_alone: bool) {
        let turn = delivery.turn_span(&self.parts.settings.queues.due_queue);
        self.take_turn(delivery, generation, is_alone)
            .instrument(turn)
            .await;
    }

    async fn take_turn(&self, delivery: Delivery, generation: &Generation, is_alone: bool) {
        let _in_flight = metric::JobInFlight::new();
        if delivery.redelivered {
            metric::redelivered();
        }
        let mut held = InHand::new(&delivery, generation, self.now());
        let processing = AssertUnwindSafe(self.process(&mut held, is_alone)).catch_unwind();
        let published = match processing.await {
            Ok(published) => published,
            Err(_panic) => self.after_panic(&mut held).await,
        };
        drop(held);
        match published {
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

    async fn process(&self, held: &mut InHand<'_>, is_alone: bool) -> Result<(), Unpublished> {
        held.read_headers(&self.parts.sealer, self.now());
        trace::job_known(&held.past.progress.run, None);
        if let Some(earlier) = held.past.progress.delivered.trace.take() {
            trace::follows(&earlier);
        }
        let suspicion = held.past.suspicion(is_alone);
        if let Suspicion::Park(deaths) = suspicion {
            // Its job is not looked at: even that may be what kills.
            return self.park_suspect(held, deaths).await;
        }
        let parsed = self.parse(held);
        trace::job_known(&held.past.progress.run, held.job_id.as_deref());
        let next = match (self.replayed(held).await, &parsed) {
            (Some(outcome), _) => Next::Outcome(outcome),
            (None, Err(rejected)) => self.rejected(rejected, held),
            (None, Ok(job)) if suspicion == Suspicion::Poison => {
                metric::poison();
                self.failed(job, held, Stage::Job, POISON)
            }
            (None, Ok(job)) => self.run(job, held).await,
        };
        self.publish(parsed.as_ref().ok(), held, next).await
    }

    fn parse(&self, held: &mut InHand<'_>) -> Result<Job, Box<Rejected>> {
        let settings = &self.parts.settings;
        let parsed = held.parse(&settings.queues, settings.max_job_bytes);
        let ledger = &self.parts.ledger;
        ledger.note_metadata(held, parsed.as_ref().ok());
        parsed
    }

    /// The answer that the run was given before this delivery came back.
    async fn replayed(&self, held: &InHand<'_>) -> Option<Outcome> {
        let progress = &held.past.progress;
        if !progress.delivered.redelivered {
            return None;
        }
        let answers = &self.parts.pipeline.answers;
        let stored = answers.result(&progress.run, &held.generation.halt).await?;
        let answer = Answer::kept(stored, Some(progress.run.clone()));
        Some(Outcome::Replay(Box::new(answer)))
    }

    /// Runs the job as far as it goes, one copy of its run at a time.
    async fn run(&self, job: &Job, held: &mut InHand<'_>) -> Next {
        let Some(guard) = self.run_locks.acquire(&held.past.progress.run).await else {
            tracing::debug!(
                job.run = held.past.progress.run,
                "another copy of this run takes its time; this one is parked meanwhile"
            );
            held.past.progress.delivered.untried = !held.past.is_returned;
            return Next::Return(self.now());
        };
        held.past.progress.delivered.untried = false;
        let (pipeline, halt) = (&self.parts.pipeline, &held.generation.halt);
        if held.past.progress.delivered.redelivered {
            let (answers, progress) = (&pipeline.answers, &mut held.past.progress);
            let until = answers.resume_unparked(progress, halt).await;
            held.past.not_before = held.past.not_before.max(until);
            held.calls_before = held.past.progress.costs.totals.calls;
        }
        let retrier = &pipeline.retrier;
        if retrier.is_budget_open(job, &held.past.progress) {
            held.past.not_before = None;
        }
        let deadline = held.past.progress.deadline(job, pipeline.job_deadline);
        if let Some(until) = held.past.waits_until(deadline, self.now()) {
            return Next::Return(until);
        }
        let _deadline = self.deadlines.hold(deadline);
        let arrival = Arrival {
            redelivered: held.is_redelivered,
            maybe_elsewhere: held.is_redelivered && !guard.joined,
            returned: held.past.is_returned,
            halt: halt.clone(),
            began: held.began,
        };
        held.run_guard = Some(guard);
        let progress = &mut held.past.progress;
        retrier.record_return(progress, held.is_redelivered);
        // Boxed: the whole line is one future of many kilobytes.
        Next::Outcome(Box::pin(pipeline.process(job, progress, &arrival)).await)
    }

    /// Every way out of a delivery ends here.
    async fn publish(
        &self,
        job: Option<&Job>,
        held: &mut InHand<'_>,
        next: Next,
    ) -> Result<(), Unpublished> {
        held.past.progress.delivered.trace = trace::current();
        match next {
            Next::Return(until) => self.hand_back(held, until).await,
            Next::Outcome(Outcome::Publish(answer)) => self.answer(job, held, *answer).await,
            Next::Outcome(Outcome::Replay(answer)) => {
                self.publish_answer(held, *answer, true).await
            }
            Next::Outcome(Outcome::Park(request)) => self.park(job, held, *request).await,
            Next::Outcome(Outcome::Drop) => {
                tracing::info!(
                    job.id = held.job_id,
                    job.run = held.past.progress.run,
                    "another copy of this run was answered; this one is dropped"
                );
                let event = self.parts.ledger.event(held, &TurnEnd::Dropped, self.now());
                self.parts.ledger.write(held.generation, event).await
            }
        }
    }

    fn rejected(&self, rejected: &Rejected, held: &InHand<'_>) -> Next {
        let answer = answer_to_rejected(rejected, &held.past.progress, self.now());
        Next::Outcome(Outcome::Publish(Box::new(answer)))
    }

    fn failed(
        &self,
        job: &Job,
        held: &InHand<'_>,
        stage: Stage,
        (code, message): (&'static str, &'static str),
    ) -> Next {
        let failure = Failure::new(stage, code, message);
        let (status, progress) = (Status::Undetermined, &held.past.progress);
        let answer = answer_to_failure(job, status, &failure, progress, self.now());
        Next::Outcome(Outcome::Publish(Box::new(answer)))
    }

    async fn after_panic(&self, held: &mut InHand<'_>) -> Result<(), Unpublished> {
        let generation = held.generation;
        let answering = AssertUnwindSafe(self.answer_panic(held, take_place())).catch_unwind();
        answering.await.unwrap_or_else(|_panic| {
            tracing::error!(
                "a job on which the worker failed can be neither answered nor parked; connecting anew, it will be delivered again"
            );
            // Unsettled, the delivery would stay with this generation for ever.
            generation.end();
            Err(Unpublished::GenerationLost)
        })
    }

    /// The job is answered, unless it is the program that is at fault.
    async fn answer_panic(&self, held: &mut InHand<'_>, place: String) -> Result<(), Unpublished> {
        let parsed = self.parse(held);
        let next = match &parsed {
            Err(rejected) => self.rejected(rejected, held),
            Ok(job) => {
                let run = &held.past.progress.run;
                match self.fitness.record_panic(&place, job.id.as_str(), run) {
                    PanicCause::Job => self.failed(job, held, Stage::Worker, PANIC),
                    PanicCause::Program => Next::Return(self.now()),
                }
            }
        };
        self.publish(parsed.as_ref().ok(), held, next).await
    }

    pub(super) fn record(&self, event: JobEvent) {
        let policy = &self.parts.pipeline.retrier.policy;
        self.parts.events.record(event, policy);
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
