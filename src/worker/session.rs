//! One generation: a session and everything that hangs on it.

use crate::broker::Session;
use std::fmt::Display;
use std::sync::OnceLock;
use tokio_util::sync::CancellationToken;

/// Its deliveries can be settled only while it lives.
pub(super) struct Generation {
    pub(super) session: Session,
    /// Cancelled when its jobs may start nothing more: the generation is over, or the worker
    /// drains.
    pub(super) halt: CancellationToken,
    ended: CancellationToken,
    /// Why this worker gave it up; none where the broker ended it.
    problem: OnceLock<String>,
}

impl Generation {
    pub(super) fn new(session: Session, stop: &CancellationToken) -> Self {
        Self {
            session,
            halt: stop.child_token(),
            ended: CancellationToken::new(),
            problem: OnceLock::new(),
        }
    }

    /// Gives the whole generation up: what it did not acknowledge is delivered again to the next
    /// one.
    pub(super) fn end(&self) {
        self.ended.cancel();
        self.halt.cancel();
    }

    /// As [`Generation::end`], because of what the broker refuses to this worker whatever the job.
    pub(super) fn give_up(&self, problem: impl Display) {
        // Err: it was given up before, and the first problem is the one to tell.
        let _ = self.problem.set(problem.to_string());
        self.end();
    }

    /// By [`Generation::give_up`].
    pub(super) fn is_given_up(&self) -> bool {
        self.problem.get().is_some()
    }

    /// Why it is over; none where nothing is known.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem
            .get()
            .map(String::as_str)
            .or_else(|| self.session.trouble())
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.is_cancelled() || self.session.is_lost()
    }

    pub(super) async fn over(&self) {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            () = self.session.lost() => {}
        }
    }
}
