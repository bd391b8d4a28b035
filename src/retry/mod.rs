//! The one owner of in-place retry: a failure is judged by the policy, then waited out here or
//! handed up.

mod attempt;
mod recalled;

pub use attempt::Attempted;
pub use recalled::RecallTime;

use crate::breaker::Blocked;
use crate::breaker::{About, Breaker, CallPermit};
use crate::clock::Clock;
use crate::domain::failure::{Billed, Failure, Stage};
use crate::domain::progress::Progress;
use crate::policy::{Decision, Facts, Policy, PolicyDecision, Streak, Subject, Transfer, UNPROVEN};
use crate::randomness::Randomness;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A provider may ask for patience; a delivery is not held for longer than this at once.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
/// A throttled call is made again after 2 to 5 seconds, for as long as a delivery may be held
/// (error-codes, `throttle`).
const THROTTLED_FROM: Duration = Duration::from_secs(2);
const THROTTLED_WINDOW: Duration = Duration::from_secs(3);
/// No delivery is held for longer, for whatever reason.
pub const LONGEST_HOLD: Duration = Duration::from_mins(10);
/// What every judgement needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Retrier {
    pub policy: Arc<Policy>,
    pub timezone: TimeZone,
    pub clock: Clock,
    pub chance: Randomness,
    pub breaker: Breaker,
    pub observer: Arc<dyn DecisionObserver>,
}

/// Sees by which rule of the policy each answer was decided.
pub trait DecisionObserver: std::fmt::Debug + Send + Sync {
    fn decided(&self, rule: &str);
}

/// A line in the log of `debug` for each decision.
#[derive(Debug)]
pub struct DecisionLog;

impl DecisionObserver for DecisionLog {
    fn decided(&self, rule: &str) {
        tracing::debug!(rule, "the policy decided about an answer");
    }
}

/// One job, as far as a judgement depends on it.
#[derive(Debug)]
pub struct Case<'a> {
    pub progress: &'a mut Progress,
    /// Cancelled when this worker may start nothing more for the job: it drains, or the delivery
    /// was lost with its connection.
    pub halt: CancellationToken,
    pub deadline: Timestamp,
    /// Since when the job's delivery is held.
    pub began: Instant,
    /// It can be parked; otherwise somebody waits for it.
    pub is_queued: bool,
    /// What is asked about: the image, or before that is at hand its key.
    pub subject: String,
    pub billing_date: Option<Date>,
    pub transfer: Transfer,
    /// Where the image is, as far as the job itself chose it.
    pub brought: Brought,
    /// Could the image's bytes be sent instead of its address? Not where the job brought the
    /// address.
    pub has_bytes: bool,
    /// When it was last looked whether another worker has paid for the next answer.
    pub recalled: RecallTime,
    /// Another worker that is handed the job waits so long before it pays for anything.
    pub redelivery_wait: Duration,
    /// Since when the call that is being made fails, in an earlier turn with the same code or in
    /// this one.
    pub failing_since: Option<Timestamp>,
}

/// What a job says itself about where its image is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Brought {
    /// The key alone: the image is in the default bucket.
    #[default]
    Nothing,
    /// A bucket other than the default one.
    Bucket,
    /// A URL of its own, which the providers fetch.
    Url,
}

impl Brought {
    /// Does a failure of this stage speak of the address that the job brought?
    fn concerns(self, stage: Stage, transfer: Transfer) -> bool {
        match (self, stage) {
            (Self::Nothing, _) => false,
            (Self::Url, _) | (Self::Bucket, Stage::Storage) => true,
            (Self::Bucket, _) => transfer == Transfer::Url,
        }
    }
}

/// A failure that is not waited out in place, and what the policy makes of it.
#[derive(Debug)]
pub struct StageStopped {
    pub failure: Failure,
    pub ruling: PolicyDecision,
    /// No call was made: this was in its way.
    pub barrier: Option<Blocked>,
}

impl Retrier {
    /// What the policy makes of this failure.
    pub fn rule(
        &self,
        failure: &Failure,
        pass: &CallPermit,
        case: &mut Case<'_>,
    ) -> PolicyDecision {
        let now = self.clock.now();
        let before = case.progress.last_told(failure.stage, &failure.code);
        let failing_since = *case.failing_since.get_or_insert(before.unwrap_or(now));
        let subject = Subject {
            name: &case.subject,
            province: case
                .progress
                .bill
                .as_ref()
                .and_then(|bill| bill.province.as_ref()),
            is_brought: case.brought.concerns(failure.stage, case.transfer),
            is_inline: case.transfer == Transfer::Inline,
        };
        let facts = Facts {
            now,
            deadline: case.deadline,
            timezone: self.timezone.clone(),
            billing_date: case.billing_date,
            transfer: case.transfer,
            spread: self.chance.unit(),
            others: self.breaker.others(
                pass,
                failure,
                &About {
                    subject,
                    failing_since,
                },
            ),
        };
        loop {
            let ruling = self.policy.decide(failure, case.progress, &facts);
            if ruling.decision != Decision::Inline || case.has_bytes {
                self.observer.decided(&ruling.rule);
                return ruling;
            }
            // A URL that the job brought: its bytes never pass through us, so the step is had and
            // the next one is taken.
            case.progress.charge(&ruling.rule, ruling.step);
        }
    }

    /// Whether a good answer with this code is paid for.
    pub fn billed(&self, stage: Stage, code: &str) -> Billed {
        if let Some(rule) = self.policy.rule_about(&Failure::new(stage, code, "")) {
            self.observer.decided(&rule.id);
        }
        self.policy.billed(stage, code)
    }

    /// May a call be started?
    ///
    /// # Errors
    /// [`StageStopped`]: to be parked at once where the worker is stopping, with `job.deadline` and
    /// final where it is too late.
    pub fn may_call(&self, case: &Case<'_>) -> Result<(), Box<StageStopped>> {
        let now = self.clock.now();
        if case.halt.is_cancelled() {
            return Err(self.stopping());
        }
        if now > case.deadline {
            let failure = Failure::new(
                Stage::Job,
                "job.deadline",
                "the job's deadline passed before another attempt could be started",
            );
            return Err(StageStopped::boxed(
                failure,
                Decision::Fail { invalid_job: None },
            ));
        }
        Ok(())
    }

    fn stopping(&self) -> Box<StageStopped> {
        let failure = Failure::new(
            Stage::Worker,
            "worker.stopping",
            "the worker was asked to stop; another one goes on",
        );
        StageStopped::boxed(
            failure,
            Decision::Park {
                until: self.clock.now(),
            },
        )
    }

    /// Leave to make a call of this stage.
    ///
    /// # Errors
    /// [`StageStopped`]: the stage, the province or the bill is closed.
    pub async fn enter(
        &self,
        stage: Stage,
        case: &Case<'_>,
        kept: Option<CallPermit>,
    ) -> Result<CallPermit, Box<StageStopped>> {
        self.breaker
            .enter(&case.progress.scopes(stage), &case.progress.run, kept)
            .await
            .map_err(|barrier| self.barred(barrier, case.deadline))
    }

    /// What becomes of a job for which no call may be made. It costs no attempt; where the deadline
    /// is nearer than the opening, it ends.
    pub fn barred(&self, barrier: Blocked, deadline: Timestamp) -> Box<StageStopped> {
        let too_late =
            self.clock.now() > deadline || (!barrier.scope.is_pause() && barrier.until > deadline);
        let decision = if too_late {
            Decision::Fail { invalid_job: None }
        } else {
            Decision::Park {
                until: barrier.until,
            }
        };
        let message = format!(
            "not asked: {} answered {} to others, and no call is made until {}",
            barrier.scope, barrier.code, barrier.until
        );
        let failure = Failure::new(barrier.stage, &barrier.code, message);
        Box::new(StageStopped {
            failure,
            ruling: PolicyDecision::without_rule(decision),
            barrier: Some(barrier),
        })
    }

    /// Returns when it is time to try again, with the leave for it where that is still held.
    ///
    /// # Errors
    /// [`StageStopped`] for every decision that is not carried out in place.
    pub async fn wait_or_stop(
        &self,
        failure: Failure,
        ruling: PolicyDecision,
        pass: CallPermit,
        case: &mut Case<'_>,
    ) -> Result<Option<CallPermit>, Box<StageStopped>> {
        if is_charged(&ruling.decision) {
            case.progress.charge(&ruling.rule, ruling.step);
        }
        match ruling.decision {
            Decision::Retry { wait } if case.began.elapsed() < LONGEST_HOLD => {
                case.progress.totals.retries = case.progress.totals.retries.saturating_add(1);
                self.wait(wait, &failure, case).await;
                Ok(Some(pass))
            }
            // The client has corrected its clock from the answer: the next call is signed anew.
            Decision::Resign => Ok(Some(pass)),
            Decision::Throttle if case.began.elapsed() < LONGEST_HOLD => {
                self.breaker.failed(pass, &failure, &ruling);
                let wait = THROTTLED_FROM + THROTTLED_WINDOW.mul_f64(self.chance.unit());
                self.wait(wait, &failure, case).await;
                Ok(None)
            }
            _ => {
                if ruling.streak == Some(Streak::Unproven) {
                    case.progress.charge(UNPROVEN, 0);
                }
                if ruling.decision == Decision::Pause {
                    case.progress.paused(
                        failure.stage,
                        self.clock.now(),
                        self.breaker.last_answer(failure.stage),
                    );
                }
                self.breaker.failed(pass, &failure, &ruling);
                Err(Box::new(StageStopped {
                    failure,
                    ruling,
                    barrier: None,
                }))
            }
        }
    }

    async fn wait(&self, wait: Duration, failure: &Failure, case: &Case<'_>) {
        let wait = wait.max(
            failure
                .retry_after
                .unwrap_or_default()
                .min(LONGEST_RETRY_AFTER),
        );
        tracing::debug!(stage = %failure.stage, code = failure.code, wait_ms = wait.as_millis(), "trying again in place");
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            // Whoever makes the next attempt asks whether it may.
            () = case.halt.cancelled() => {}
        }
    }
}

impl StageStopped {
    /// The job itself is at fault: no question of policy.
    pub fn at_fault(failure: Failure) -> Box<Self> {
        let decision = Decision::Fail {
            invalid_job: Some(failure.code.clone()),
        };
        Self::boxed(failure, decision)
    }

    /// Decided without the policy's table.
    pub fn boxed(failure: Failure, decision: Decision) -> Box<Self> {
        Box::new(Self {
            failure,
            ruling: PolicyDecision::without_rule(decision),
            barrier: None,
        })
    }
}

/// What is not the job's fault is not charged.
fn is_charged(decision: &Decision) -> bool {
    match decision {
        Decision::Continue
        | Decision::Verdict(_)
        | Decision::Fail { .. }
        | Decision::Retry { .. }
        | Decision::Park { .. }
        | Decision::Rotate
        | Decision::Resign => true,
        // Throttled or paused is not the job's fault.
        Decision::Throttle | Decision::Inline | Decision::Pause => false,
    }
}
