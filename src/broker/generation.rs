//! One generation: a session, and whether its jobs may still be worked on and settled.

use super::error::BrokerError;
use super::session::Session;
use crate::telemetry::health::{Health, HealthState};
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

/// How a generation ended for those who take jobs from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationEnd {
    /// Nothing can be settled any more.
    Lost,
    /// The broker ended a consumer, and nothing else: the jobs in hand are finished.
    Cancelled,
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

    /// No more jobs come. Readiness and the log say why, and that so many jobs were in hand.
    pub fn record_end(&self, health: &Health, in_hand: usize) -> GenerationEnd {
        let problem = self.problem().unwrap_or("given up by this worker");
        let (end, message) = if self.is_given_up() {
            // Because of what the broker refuses to this worker.
            (
                GenerationEnd::Lost,
                "the worker takes no more jobs; what was not acknowledged is delivered again",
            )
        } else if self.is_over() {
            return record_lost(health, in_hand, problem);
        } else {
            (
                GenerationEnd::Cancelled,
                "no more jobs come from the broker; connecting anew, those in flight are finished",
            )
        };
        record_disconnected(health, in_hand, problem, message);
        end
    }

    /// An operation on the session failed.
    pub fn record_error(
        &self,
        error: &BrokerError,
        health: &Health,
        in_hand: usize,
    ) -> GenerationEnd {
        let problem = error.to_string();
        let problem = match error {
            BrokerError::Forbidden { .. } => &problem,
            _ => self.problem().unwrap_or(&problem),
        };
        record_lost(health, in_hand, problem)
    }
}

/// The jobs in hand will be delivered again.
pub fn record_lost(health: &Health, in_hand: usize, problem: &str) -> GenerationEnd {
    let message = "the broker was lost; what was not acknowledged will be delivered again";
    record_disconnected(health, in_hand, problem, message);
    GenerationEnd::Lost
}

fn record_disconnected(health: &Health, in_hand: usize, problem: &str, message: &'static str) {
    health.set(HealthState::Disconnected {
        problem: problem.to_owned(),
    });
    tracing::warn!(problem, in_flight = in_hand, "{message}");
}
