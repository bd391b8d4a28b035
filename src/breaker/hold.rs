//! A paid answer that the store does not take is in this process alone. Until it is stored, or
//! travels with its job, this worker takes nothing from the queues and buys nothing more: it could
//! not keep that either.

use super::shared::{Breaker, State};
use crate::breaker::Blocked;
use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Scope;
use crate::telemetry::health::Paused;
use crate::telemetry::metric;
use jiff::{SignedDuration, Timestamp};

const REASON: &str = "a paid answer cannot be stored";
/// No delivery is held for longer: then the answer travels with its job.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// Answers that are not stored yet.
#[derive(Debug)]
pub(super) struct Unstored {
    answers: usize,
    code: String,
    since: Timestamp,
}

/// Held while an answer is stored with patience.
#[derive(Debug)]
#[must_use]
pub struct Hold(Breaker);

impl Breaker {
    /// The store does not take a paid answer, and `failure` is what it says.
    pub fn hold(&self, failure: &Failure) -> Hold {
        let is_first = {
            let (since, unstored) = (self.0.clock.now(), &mut self.state().unstored);
            let unstored = unstored.get_or_insert_with(|| Unstored {
                answers: 0,
                code: failure.code.clone(),
                since,
            });
            unstored.answers += 1;
            unstored.answers == 1
        };
        if is_first {
            metric::paused(
                Stage::Storage,
                self.0.policy.label(Stage::Storage, &failure.code),
                true,
            );
            tracing::error!(
                code = failure.code,
                problem = failure.message,
                mend = "make the checkpoint bucket writable (s3:PutObject): see checkpoint.bucket and checkpoint.prefix",
                "a paid answer cannot be stored: nothing is taken from the queues and nothing bought until it is"
            );
            self.0.changed.send_replace(());
        }
        Hold(self.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let over = {
            let unstored = &mut self.0.state().unstored;
            if let Some(unstored) = unstored {
                unstored.answers -= 1;
            }
            unstored.take_if(|unstored| unstored.answers == 0)
        };
        if let Some(Unstored { code, since, .. }) = over {
            metric::paused(
                Stage::Storage,
                self.0.0.policy.label(Stage::Storage, &code),
                false,
            );
            tracing::info!(code, %since, "paid answers are stored or travel with their jobs: jobs are taken again");
            self.0.0.changed.send_replace(());
        }
    }
}

impl State {
    /// What keeps a paid call from being made, because its answer could not be kept.
    pub(super) fn unstored_at(&self, places: &[Scope], now: Timestamp) -> Option<Blocked> {
        let unstored = self.unstored.as_ref()?;
        let is_paid = |place: &Scope| {
            matches!(
                place,
                Scope::Pause(Stage::Recognition | Stage::Verification)
            )
        };
        places.iter().any(is_paid).then(|| Blocked {
            place: Scope::Pause(Stage::Storage),
            stage: Stage::Storage,
            code: unstored.code.clone(),
            // Another worker may have a store that takes answers.
            until: now,
            opens: now,
            brief: false,
        })
    }

    /// As a stage that nobody gets past, for people.
    pub(super) fn unstored_as_paused(&self) -> Option<Paused> {
        let Unstored { code, since, .. } = self.unstored.as_ref()?;
        let next_probe = since.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
        Some(Paused {
            stage: Stage::Storage,
            code: code.clone(),
            reason: REASON.to_owned(),
            since: *since,
            next_probe,
            has_worked: false,
        })
    }
}
