//! A paid answer that the store does not take is in this process alone. Until it is stored, or
//! travels with its job, this worker takes nothing from the queues and buys nothing more: it could
//! not keep that either.

use super::Blocked;
use crate::domain::account::AccountName;
use crate::domain::failure::{Failure, Stage};
use crate::domain::scope::Scope;
use crate::telemetry::health::Paused;
use crate::telemetry::metric;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

const REASON: &str = "a paid answer cannot be stored";
/// No delivery is held for longer: then the answer travels with its job.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// The paid answers of this process that are not stored yet. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct UnstoredAnswers {
    current: Arc<Mutex<Option<Unstored>>>,
    changed: watch::Sender<()>,
}

/// One answer at least.
#[derive(Debug)]
struct Unstored {
    answers: usize,
    code: String,
    /// The code as a metric label.
    label: String,
    since: Timestamp,
}

/// One answer that is not stored yet. Dropped once it is, or once it travels with its job.
#[derive(Debug)]
#[must_use]
pub struct UnstoredAnswer(UnstoredAnswers);

impl UnstoredAnswers {
    /// `changed` is notified when the first one comes and when the last one goes.
    pub(super) fn new(changed: watch::Sender<()>) -> Self {
        Self {
            current: Arc::default(),
            changed,
        }
    }

    /// The store does not take a paid answer, and `failure` is what it says.
    pub(super) fn add(&self, failure: &Failure, label: &str, now: Timestamp) -> UnstoredAnswer {
        let is_first = {
            let mut current = self.current();
            let unstored = current.get_or_insert_with(|| Unstored {
                answers: 0,
                code: failure.code.clone(),
                label: label.to_owned(),
                since: now,
            });
            unstored.answers += 1;
            unstored.answers == 1
        };
        if is_first {
            metric::paused(AccountName::STORAGE, label, true);
            tracing::error!(
                code = failure.code,
                problem = failure.message,
                mend = "make the checkpoint bucket writable (s3:PutObject): see checkpoint.bucket and checkpoint.prefix",
                "a paid answer cannot be stored: nothing is taken from the queues and nothing bought until it is"
            );
            self.changed.send_replace(());
        }
        UnstoredAnswer(self.clone())
    }

    /// Why a paid call in these scopes may not be made: its answer could not be kept.
    pub(super) fn blocked(&self, scopes: &[Scope], now: Timestamp) -> Option<Blocked> {
        let current = self.current();
        let unstored = current.as_ref()?;
        let is_paid = |scope: &Scope| match scope {
            Scope::Pause(account) => *account != AccountName::STORAGE,
            Scope::Account(_) | Scope::Province(_) | Scope::Bill(_) => false,
        };
        scopes.iter().any(is_paid).then(|| Blocked {
            scope: Scope::Pause(AccountName::STORAGE),
            stage: Stage::Storage,
            code: unstored.code.clone(),
            // Another worker may have a store that takes answers.
            until: now,
            opens: now,
            is_brief: false,
        })
    }

    /// The pause of the store that these answers amount to.
    pub(super) fn as_paused(&self) -> Option<Paused> {
        let current = self.current();
        let Unstored { code, since, .. } = current.as_ref()?;
        Some(Paused {
            account: AccountName::STORAGE,
            code: code.clone(),
            reason: REASON.to_owned(),
            since: *since,
            next_probe: since.saturating_add(LONGEST).unwrap_or(Timestamp::MAX),
            has_worked: false,
        })
    }

    fn current(&self) -> MutexGuard<'_, Option<Unstored>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnstoredAnswer {
    fn drop(&mut self) {
        let last = {
            let mut current = self.0.current();
            if let Some(unstored) = &mut *current {
                unstored.answers -= 1;
            }
            current.take_if(|unstored| unstored.answers == 0)
        };
        if let Some(Unstored {
            code, label, since, ..
        }) = last
        {
            metric::paused(AccountName::STORAGE, &label, false);
            tracing::info!(code, %since, "paid answers are stored or travel with their jobs: jobs are taken again");
            self.0.changed.send_replace(());
        }
    }
}
