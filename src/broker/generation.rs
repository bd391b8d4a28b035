//! One generation: a session, and whether its jobs may still be worked on and settled.

use super::session::Session;
use std::fmt::Display;
use std::sync::OnceLock;
use tokio_util::sync::CancellationToken;

/// A session and its end. Deliveries can be settled only while it lives.
#[derive(Debug)]
pub struct Generation {
    pub session: Session,
    /// Cancelled when its jobs may start nothing more: the generation is over, or the worker
    /// drains.
    pub halt: CancellationToken,
    ended: CancellationToken,
    /// Why this worker gave the generation up; none where the broker ended it.
    problem: OnceLock<String>,
}

impl Generation {
    pub fn new(session: Session, stop: &CancellationToken) -> Self {
        Self {
            session,
            halt: stop.child_token(),
            ended: CancellationToken::new(),
            problem: OnceLock::new(),
        }
    }

    /// Ends the whole generation: what it did not acknowledge is delivered again to the next one.
    pub fn end(&self) {
        self.ended.cancel();
        self.halt.cancel();
    }

    /// Ends the generation because the broker refuses this worker something that every job needs.
    pub fn give_up(&self, problem: impl Display) {
        // Err: it was given up before, and the first problem is the one to log.
        let _ = self.problem.set(problem.to_string());
        self.end();
    }

    /// Did [`Generation::give_up`] end it?
    pub fn is_given_up(&self) -> bool {
        self.problem.get().is_some()
    }

    /// Why it is over; none where nothing is known.
    pub fn problem(&self) -> Option<&str> {
        self.problem
            .get()
            .map(String::as_str)
            .or_else(|| self.session.trouble())
    }

    pub fn is_over(&self) -> bool {
        self.ended.is_cancelled() || self.session.is_lost()
    }

    /// Returns once it is over.
    pub async fn over(&self) {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            () = self.session.lost() => {}
        }
    }
}
