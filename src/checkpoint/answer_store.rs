//! Checkpoints, read and written with patience. A failure of their store is never the job's fault.

use super::{CarriedAnswers, Checkpoints, FirstLook, StoredResult, UnparkedRun};
use crate::attempts::Attempts;
use crate::domain::account::AccountName;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::{LostTurn, Progress};
use crate::policy::Decision;
use crate::retry::{JobContext, Retrier, StageStopped};
use crate::waits::LONGEST_HOLD;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) const TRIES: u32 = 3;
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long a store that refuses an answer is tried where a caller waits for the answer.
pub(super) const AT_ONCE: Duration = Duration::from_secs(5);
/// How long a job waits, uncharged, whose checkpoints cannot be read or written: going on without
/// them might buy an answer twice.
const UNREADABLE: SignedDuration = SignedDuration::from_mins(5);

/// How long one delivery may be held for the sake of a store that does not answer.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// Cancelled when this worker may start nothing more for the job.
    pub halt: &'a CancellationToken,
    /// Since when the delivery is held.
    pub began: Instant,
    /// The job can wait. Otherwise a caller waits for it, or it is late already.
    pub may_wait: bool,
}

impl<'a> Patience<'a> {
    /// Used for writes while a job is in hand.
    pub fn of(job: &'a JobContext<'_>) -> Self {
        Self {
            halt: &job.halt,
            began: job.began,
            may_wait: job.is_queued,
        }
    }

    /// For the result of a delivery, until it is published. One that is late, or about the store
    /// itself, does not wait for the store.
    pub fn of_result(
        result: &StoredResult,
        (halt, began): (&'a CancellationToken, Instant),
        is_late: bool,
    ) -> Self {
        let error = result.error.as_ref();
        let is_the_stores_fault = error.is_some_and(|error| error.stage == Stage::Storage);
        Self {
            halt,
            began,
            may_wait: !is_late && !is_the_stores_fault,
        }
    }
}

/// The checkpoints, as the pipeline and the worker use them.
pub struct AnswerStore {
    pub checkpoints: Checkpoints,
    pub(super) retrier: Retrier,
    /// How long ago an earlier job about the same bill may be; zero switches the look off.
    pub(super) lookback: Duration,
}

impl AnswerStore {
    pub fn new(checkpoints: Checkpoints, retrier: Retrier, lookback: Duration) -> Self {
        Self {
            checkpoints,
            retrier,
            lookback,
        }
    }

    /// Reads what is kept, for a job that cannot go on without knowing.
    ///
    /// # Errors
    /// [`StageStopped`], to be parked: the store does not answer. Past the deadline, final.
    pub async fn recall<T, A>(
        &self,
        job: &JobContext<'_>,
        read: impl Fn() -> A,
    ) -> Result<Option<T>, Box<StageStopped>>
    where
        A: Future<Output = Result<Option<T>, Failure>>,
    {
        let failure = match self.read_with_retry(&job.halt, read).await {
            Ok(read) => return Ok(read),
            Err(failure) => failure,
        };
        let is_paused = self.pause_if_ours(&failure).await;
        let decision = if self.retrier.clock.now() > job.deadline {
            Decision::Fail { invalid_job: None }
        } else if is_paused {
            Decision::Pause
        } else {
            Decision::Park {
                until: self.later(UNREADABLE),
            }
        };
        Err(StageStopped::boxed(failure, decision))
    }

    /// Looks for the first object about the image, for a job that cannot go on without knowing.
    ///
    /// # Errors
    /// Like [`AnswerStore::recall`].
    pub async fn first_look(
        &self,
        job: &JobContext<'_>,
        image: &str,
    ) -> Result<FirstLook, Box<StageStopped>> {
        let read = || async { self.checkpoints.first_look(image).await.map(Some) };
        let looked = self.recall(job, read).await?;
        Ok(looked.unwrap_or(FirstLook::Nothing))
    }

    /// Keeps that an image was asked about without being read, as far as the store takes it.
    pub async fn keep_unread_image(&self, image: &str, patience: Patience<'_>) {
        let keep = || self.checkpoints.keep_unread_image(image);
        if let Err(failure) = self.write_with_retry(patience, keep).await {
            log_not_kept(&failure);
        }
    }

    /// Writes a paid answer, and does not give it up because the store is down: it tries for as
    /// long as the delivery may be held, while nothing else is bought. After that the answer
    /// travels with its job, with whatever else could not be stored; `carry` adds it. Returns what
    /// the write did, `None` where it was given up and nothing waits any longer.
    ///
    /// # Errors
    /// [`StageStopped`], to be parked: the job carries the answer now.
    pub async fn persist<T, A>(
        &self,
        job: &JobContext<'_>,
        progress: &mut Progress,
        image: &str,
        write: impl Fn() -> A,
        carry: impl FnOnce(&mut CarriedAnswers),
    ) -> Result<Option<T>, Box<StageStopped>>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let failure = match self.write_with_retry(Patience::of(job), write).await {
            Ok(written) => return Ok(Some(written)),
            Err(failure) => failure,
        };
        self.pause_if_ours(&failure).await;
        if !job.is_queued || self.retrier.clock.now() > job.deadline {
            // Nothing waits any longer: the answer goes into the result.
            log_not_kept(&failure);
            return Ok(None);
        }
        self.carry(progress, image, carry).await;
        let (failure, until) = self.carried_on(&failure, &job.halt);
        Err(StageStopped::boxed(failure, Decision::Park { until }))
    }

    /// Why a job waits with an answer that could not be stored, and until when.
    pub(super) fn carried_on(
        &self,
        failure: &Failure,
        halt: &CancellationToken,
    ) -> (Failure, Timestamp) {
        let wait = if halt.is_cancelled() {
            SignedDuration::ZERO
        } else {
            UNREADABLE
        };
        let message = format!(
            "a paid answer cannot be stored ({}); it travels with its job",
            failure.message
        );
        let failure = Failure::new(Stage::Storage, failure.code.clone(), message);
        (failure, self.later(wait))
    }

    /// `add` puts an answer to what the job carries.
    pub(super) async fn carry(
        &self,
        progress: &mut Progress,
        image: &str,
        add: impl FnOnce(&mut CarriedAnswers),
    ) {
        let mut carried = CarriedAnswers::about(image, progress);
        if carried.recognition.is_none() {
            // Perhaps another job's, which was not stored either.
            carried.recognition = self.checkpoints.recognition_here(image).await;
        }
        add(&mut carried);
        carried.travel_with(progress);
    }

    /// The result kept under this name, as far as the store answers: the name of a question, or of
    /// a run that never came as far as a question.
    pub async fn result(&self, name: &str, halt: &CancellationToken) -> Option<StoredResult> {
        self.read_with_retry(halt, || self.checkpoints.result(name))
            .await
            .ok()
            .flatten()
    }

    /// Keeps what a run has paid for and could not be parked with: the worker that gets its
    /// delivery next goes on from there.
    pub async fn keep_unparked(&self, unparked: &UnparkedRun, halt: &CancellationToken) {
        let patience = Patience {
            halt,
            began: Instant::now(),
            may_wait: false,
        };
        let keep = || self.checkpoints.keep_unparked(unparked);
        if let Err(failure) = self.write_with_retry(patience, keep).await {
            log_not_kept(&failure);
        }
    }

    /// Takes over what [`AnswerStore::keep_unparked`] kept of this run, as far as the store
    /// answers: the worker that had its delivery before may have paid for more than the message
    /// knows of. Returns until when the run waits.
    pub async fn resume_unparked(
        &self,
        progress: &mut Progress,
        halt: &CancellationToken,
    ) -> Option<Timestamp> {
        let run = progress.run.clone();
        let read = self.read_with_retry(halt, || self.checkpoints.unparked(&run));
        let UnparkedRun {
            progress: unparked,
            until,
        } = read.await.ok().flatten()?;
        if unparked.run != run || unparked.costs.totals.calls <= progress.costs.totals.calls {
            return None;
        }
        tracing::debug!(
            job.run = run,
            "its calls are known, although it could not be parked with them"
        );
        let known = std::mem::replace(progress, unparked);
        progress.delivered.returns = known.delivered.returns;
        progress.delivered.lost = known.delivered.lost.and_then(LostTurn::but_one);
        progress.delivered.redelivered = true;
        progress.recover_beside(&known);
        Some(until)
    }

    /// Reads, some times at the most.
    async fn read_with_retry<T, A>(
        &self,
        halt: &CancellationToken,
        read: impl Fn() -> A,
    ) -> Result<T, Failure>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        Attempts::every(FIRST_WAIT, &self.retrier.randomness)
            .at_most(TRIES)
            .halted_by(halt, 1)
            .run(read, |_, _| true)
            .await
    }

    /// Writes, until it succeeds or the delivery may be held no longer. A job that may start
    /// nothing more still has some tries: the worker that gets it next waits longer than they take.
    pub(super) async fn write_with_retry<T, A>(
        &self,
        patience: Patience<'_>,
        write: impl Fn() -> A,
    ) -> Result<T, Failure>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let Patience {
            halt,
            began,
            may_wait,
        } = patience;
        let until = if may_wait {
            began + LONGEST_HOLD
        } else {
            Instant::now() + AT_ONCE
        };
        let mut hold = None;
        Attempts::every(FIRST_WAIT, &self.retrier.randomness)
            .until(until)
            .halted_by(halt, TRIES)
            .run(write, |failure, next| {
                if next.failures >= TRIES && may_wait && hold.is_none() {
                    // No other job of this worker buys what could not be stored either.
                    hold = Some(self.retrier.breaker.hold_unstored(failure));
                }
                true
            })
            .await
    }

    /// What the store says about one checkpoint may be said about all of them: of the bucket, the
    /// account or this worker's rights. Then the storage stage is paused, because nothing that is
    /// bought could be kept. A request beside the jobs decides. Answers whether it is so.
    pub(super) async fn pause_if_ours(&self, failure: &Failure) -> bool {
        let breaker = &self.retrier.breaker;
        if !breaker.is_about_setting(failure) {
            return false;
        }
        match self.checkpoints.can_be_kept().await {
            Err(problem) if breaker.is_about_setting(&problem) => {
                breaker.checkpoints_fail(&problem);
                true
            }
            // Of that one alone: another program may write to the bucket.
            _ => false,
        }
    }

    /// The storage stage is paused because of the checkpoints, and it is time to try them again.
    pub async fn probe_again(&self) {
        let breaker = &self.retrier.breaker;
        match self.checkpoints.can_be_kept().await {
            Ok(()) => breaker.control_call_answered(AccountName::STORAGE),
            Err(problem) => breaker.control_call_refused(AccountName::STORAGE, &problem),
        }
    }

    fn later(&self, wait: SignedDuration) -> Timestamp {
        let now = self.retrier.clock.now();
        now.saturating_add(wait).unwrap_or(Timestamp::MAX)
    }
}

pub(super) fn log_not_kept(failure: &Failure) {
    tracing::warn!(
        code = failure.code,
        "an answer could not be checkpointed; this process remembers it, another would pay again"
    );
}
