//! What state the worker is in, told to whoever asks `/readyz`.

use crate::domain::breaker::Paused;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::watch;

/// Cheap to clone; clones tell the same state.
#[derive(Clone, Debug)]
pub struct Health(Arc<watch::Sender<State>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Starting,
    /// Ready: jobs are taken.
    Consuming,
    /// Ready, and deliberately taking nothing: nobody gets past these stages. They are tried from time to time.
    Paused {
        stages: Vec<Paused>,
    },
    /// The broker is out of reach; `problem` says why, the worker tries again by itself.
    Disconnected {
        problem: String,
    },
    /// Jobs are taken, but a queue of ours does not take what they become.
    Stuck {
        problem: String,
    },
    /// Stopping: no more jobs are taken, those in flight are finished.
    Draining,
}

impl State {
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Consuming | Self::Paused { .. } => true,
            Self::Starting | Self::Disconnected { .. } | Self::Stuck { .. } | Self::Draining => false,
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::Starting)))
    }
}

impl Health {
    pub fn set(&self, state: State) {
        self.0.send_replace(state);
    }

    /// While consuming, something of ours does not work; other states have something worse to say.
    pub fn trouble(&self, problem: &str) {
        self.0.send_if_modified(|state| {
            let tell = matches!(state, State::Consuming | State::Stuck { .. });
            if tell {
                *state = State::Stuck { problem: problem.to_owned() };
            }
            tell
        });
    }

    pub fn recovered(&self) {
        self.0.send_if_modified(|state| {
            let was_stuck = matches!(state, State::Stuck { .. });
            if was_stuck {
                *state = State::Consuming;
            }
            was_stuck
        });
    }

    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }

    /// What is taken from the queues, while nothing worse is to be told.
    pub fn flows(&self, paused: &[Paused]) {
        let now = if paused.is_empty() { State::Consuming } else { State::Paused { stages: paused.to_vec() } };
        self.0.send_if_modified(|state| {
            let tell = *state != now && !matches!(state, State::Stuck { .. } | State::Draining);
            if tell {
                *state = now;
            }
            tell
        });
    }

    /// Resolves once the worker consumes. For tests and the demo, which must not sleep and hope.
    pub async fn consuming(&self) {
        self.becomes(State::is_ready).await;
    }

    /// Resolves once the state is such a one.
    pub async fn becomes(&self, is_such: impl FnMut(&State) -> bool) {
        // Never an error: the sender lives in `self`.
        let _ = self.0.subscribe().wait_for(is_such).await;
    }
}
