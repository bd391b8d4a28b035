//! Checkpoints, read and written with patience. Their store's failures are never the job's fault.

use super::Pipeline;
use crate::checkpoint::{Parcel, StoredResult, UnparkedRun};
use crate::domain::failure::{Failure, Stage};
use crate::domain::result::Status;
use crate::policy::Decision;
use crate::retry::{Case, LONGEST_HOLD, StageStopped, wait};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Where somebody waits, a store that refuses an answer is not tried for long.
const AT_ONCE: Duration = Duration::from_secs(5);
/// A job whose checkpoints cannot be read, or written, waits so long, uncharged: going on without
/// them might buy an answer twice.
const UNREADABLE: SignedDuration = SignedDuration::from_mins(5);

/// How long one delivery may be held for the sake of a store that does not answer.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// Cancelled when this worker may start nothing more for the job.
    pub halt: &'a CancellationToken,
    /// Since when the delivery is held.
    pub began: Instant,
    /// It can wait; otherwise somebody waits for it, or it is late as it is.
    pub may_wait: bool,
}

/// What became of a final result.
pub enum Kept {
    /// Whoever gets the job next finds it.
    Durably,
    /// Only this process knows of it.
    Here,
    /// This one stands in its place: of this run's twin, or of another run that was completed
    /// meanwhile.
    Stands(StoredResult),
}

impl Pipeline {
    /// # Errors
    /// [`StageStopped`], to be parked: the store does not answer. Past the deadline, final.
    pub(super) async fn recall<T, A>(
        &self,
        case: &Case<'_>,
        read: impl Fn() -> A,
    ) -> Result<Option<T>, Box<StageStopped>>
    where
        A: Future<Output = Result<Option<T>, Failure>>,
    {
        self.recall_until(&case.halt, case.deadline, read).await
    }

    /// As [`Pipeline::recall`], for a job with this deadline.
    pub(super) async fn recall_until<T, A>(
        &self,
        halt: &CancellationToken,
        deadline: Timestamp,
        read: impl Fn() -> A,
    ) -> Result<Option<T>, Box<StageStopped>>
    where
        A: Future<Output = Result<Option<T>, Failure>>,
    {
        self.patiently(halt, read).await.map_err(|failure| {
            let now = self.retrier.clock.now();
            let decision = if now > deadline {
                Decision::Fail { invalid_job: None }
            } else {
                Decision::Park {
                    until: now.saturating_add(UNREADABLE).unwrap_or(Timestamp::MAX),
                }
            };
            StageStopped::boxed(failure, decision)
        })
    }

    /// A paid answer is not given up because the store is down: it is tried for as long as the
    /// delivery may be held, while nothing else is bought. After that it travels with its job.
    ///
    /// # Errors
    /// [`StageStopped`], to be parked: `pack` has put the answer into the job's parcel.
    pub(super) async fn keep<A>(
        &self,
        case: &mut Case<'_>,
        image: &str,
        write: impl Fn() -> A,
        pack: impl FnOnce(&mut Parcel),
    ) -> Result<(), Box<StageStopped>>
    where
        A: Future<Output = Result<(), Failure>>,
    {
        let patience = Patience {
            halt: &case.halt,
            began: case.began,
            may_wait: case.is_queued,
        };
        let Err(failure) = self.insistently(patience, write).await else {
            return Ok(());
        };
        let now = self.retrier.clock.now();
        if !case.is_queued || now > case.deadline {
            // Nothing waits any longer: the answer goes into the result.
            unkept(&failure);
            return Ok(());
        }
        self.pack_up(case, image, pack).await;
        let wait = if case.halt.is_cancelled() {
            SignedDuration::ZERO
        } else {
            UNREADABLE
        };
        let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let message = format!(
            "a paid answer cannot be stored ({}); it travels with its job",
            failure.message
        );
        Err(StageStopped::boxed(
            Failure::new(Stage::Storage, failure.code, message),
            Decision::Park { until },
        ))
    }

    /// Writes, until it succeeds or the delivery may be held no longer. A job that may start
    /// nothing more still has some tries: whoever is handed it next waits longer than they take.
    async fn insistently<T, A>(
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
        let (mut tries, mut last_tries, mut hold) = (1, TRIES, None);
        loop {
            let failure = match write().await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let is_halted = halt.is_cancelled();
            last_tries -= u32::from(is_halted);
            if last_tries == 0 || Instant::now() >= until {
                return Err(failure);
            }
            if tries >= TRIES && may_wait && hold.is_none() {
                hold = Some(self.retrier.breaker.hold(&failure));
            }
            let round = if is_halted { TRIES - last_tries } else { tries };
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait(FIRST_WAIT, round, self.retrier.chance.unit())) => {}
                () = halt.cancelled(), if !is_halted => {}
            }
            tries += 1;
        }
    }

    /// Keeps a final result, so that the same run is answered with the same bytes: as insistently
    /// as a paid answer, and it is published whether or not this succeeds. A result of the same run
    /// is replaced only by one that was asked for `again`, one of another run unless it is
    /// completed.
    pub async fn keep_result(
        &self,
        question: &str,
        result: &StoredResult,
        again: bool,
        patience: Patience<'_>,
    ) -> Kept {
        let replaces = |kept: &StoredResult| {
            if kept.run == result.run {
                again
            } else {
                kept.status != Status::Completed
            }
        };
        match self
            .insistently(patience, || {
                self.checkpoints.keep_result(question, result, replaces)
            })
            .await
        {
            Ok(Some(first)) => Kept::Stands(first),
            Ok(None) if self.checkpoints.is_durable() => Kept::Durably,
            Ok(None) => Kept::Here,
            Err(failure) => {
                self.checkpoints.remember_result(question, result).await;
                tracing::warn!(
                    code = failure.code,
                    "a result could not be checkpointed; this process alone would repeat its bytes"
                );
                Kept::Here
            }
        }
    }

    /// The answer that a run was given, where it never came as far as a question.
    pub async fn answer_of(&self, run: &str, halt: &CancellationToken) -> Option<StoredResult> {
        self.patiently(halt, || self.checkpoints.result(run))
            .await
            .ok()
            .flatten()
    }

    /// What a run has paid for and could not be parked with: whichever worker gets its delivery
    /// next goes on from there.
    pub async fn keep_unparked(&self, unparked: &UnparkedRun, halt: &CancellationToken) {
        let patience = Patience {
            halt,
            began: Instant::now(),
            may_wait: false,
        };
        if let Err(failure) = self
            .insistently(patience, || self.checkpoints.keep_unparked(unparked))
            .await
        {
            unkept(&failure);
        }
    }

    /// As far as the store answers.
    pub async fn unparked(&self, run: &str, halt: &CancellationToken) -> Option<UnparkedRun> {
        self.patiently(halt, || self.checkpoints.unparked(run))
            .await
            .ok()
            .flatten()
    }

    pub(super) async fn patiently<T, A>(
        &self,
        halt: &CancellationToken,
        attempt: impl Fn() -> A,
    ) -> Result<T, Failure>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let mut tries = 1;
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) if tries == TRIES || halt.is_cancelled() => return Err(failure),
                Err(_) => {
                    tokio::time::sleep(wait(FIRST_WAIT, tries, self.retrier.chance.unit())).await;
                }
            }
            tries += 1;
        }
    }
}

fn unkept(failure: &Failure) {
    tracing::warn!(
        code = failure.code,
        "an answer could not be checkpointed; this process remembers it, another would pay again"
    );
}
