//! Whether the parts that every job needs are known to work: before that a worker is not ready, so
//! that a rollout does not go on.

use super::shared::{Breaker, State};
use crate::breaker::{Cause, next_probe};
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::domain::scope::Scope;
use crate::policy::{Decision, Facts, Others, Transfer};
use jiff::Timestamp;

impl Breaker {
    /// A part that jobs need has not been seen at work yet: the worker is not ready until
    /// [`Breaker::trust`].
    pub fn doubt(&self, problem: &str) {
        self.state().doubt = Some(problem.to_owned());
        self.0.changed.send_replace(());
    }

    /// Nothing keeps the worker from being ready any more, unless a stage is paused that has never
    /// worked.
    pub fn trust(&self) {
        self.state().doubt = None;
        self.0.changed.send_replace(());
    }

    /// Returns once each of these stages was seen at work in this process.
    pub async fn works(&self, stages: &[Stage]) {
        let mut changes = self.changes();
        while !stages.iter().all(|stage| self.has_worked(*stage)) {
            // Never an error: the sender lives as long as this breaker.
            let _ = changes.changed().await;
        }
    }

    /// Why the worker is not ready, although nothing keeps it from consuming.
    pub fn doubts(&self) -> Option<String> {
        self.state().doubt.clone()
    }

    /// Has the stage been seen at work in this process?
    pub fn has_worked(&self, stage: Stage) -> bool {
        self.state().worked.contains(&stage)
    }

    /// The store works, as a request beside the jobs has shown.
    pub fn store_works(&self) {
        let now = self.0.clock.now();
        let change = {
            let state = &mut *self.state();
            state.worked.insert(Stage::Storage);
            state.streaks.answered(Stage::Storage);
            state
                .closures
                .open(&Scope::Pause(Stage::Storage), &state.peers, now)
        };
        self.announce();
        self.tell(change.as_slice());
    }

    /// A request beside the jobs failed. Where no job could be served either, the stage is paused
    /// before one is taken.
    pub fn store_fails(&self, failure: &Failure) {
        let now = self.0.clock.now();
        let facts = Facts {
            now,
            deadline: Timestamp::MAX,
            timezone: self.0.timezone.clone(),
            billing_date: None,
            transfer: Transfer::Inline,
            spread: 0.5,
            others: Others::default(),
        };
        let ruling = self
            .0
            .policy
            .decide(failure, &Progress::new(String::new(), now), &facts);
        self.doubt(&failure.message);
        if ruling.decision != Decision::Pause {
            return;
        }
        let change = {
            let State {
                peers, closures, ..
            } = &mut *self.state();
            let reason = super::shared::reason(self.0.policy.reason_of(&ruling), failure);
            let (stage, code) = (Stage::Storage, failure.code.clone());
            let cause = Cause {
                stage,
                code,
                reason,
                streak: None,
                run: String::new(),
                is_probe: false,
                now,
            };
            let until = |failures| next_probe(&failure.code, failures, now, &self.0.timezone);
            closures.close(&Scope::Pause(stage), &cause, until, peers)
        };
        self.announce();
        self.tell(change.as_slice());
    }
}
