//! The state of the worker, as `/readyz` shows it.

use crate::domain::account::AccountName;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// A paused account, as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    #[serde(rename = "stage")]
    pub account: AccountName,
    pub code: String,
    pub reason: String,
    pub since: Timestamp,
    pub next_probe: Timestamp,
    /// The account has worked in this process. Then the worker stays ready, because a restart would
    /// not help.
    pub has_worked: bool,
}

/// A stage or a province that this worker keeps closed, as `/readyz` shows it. After `connect`, or a
/// `timeout` of the store, other workers may have it open. The worker takes jobs all the same, and
/// is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClosedScope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<AccountName>,
    /// A registry's name, or `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    pub code: String,
    pub reason: String,
    pub since: Timestamp,
    /// When one call may try.
    pub until: Timestamp,
}

/// Answers what is closed at the moment.
type AskClosures = Box<dyn Fn() -> Vec<ClosedScope> + Send + Sync>;

/// Cheap to clone; clones share the state.
#[derive(Clone)]
pub struct Health {
    state: Arc<watch::Sender<HealthState>>,
    closures: Arc<OnceLock<AskClosures>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HealthState {
    Starting,
    /// The worker is ready and takes jobs.
    Consuming,
    /// The worker takes no jobs, because these stages would fail all of them. They are tried from
    /// time to time. The worker is ready if all of them have worked in this process.
    Paused {
        stages: Vec<Paused>,
    },
    /// The store denies a right that every job needs; `problem` names it. It is checked again.
    Refused {
        problem: String,
    },
    /// Jobs are taken, but a service that each of them needs has not answered yet.
    Unproven {
        problem: String,
    },
    /// The worker takes no jobs: the broker cannot be reached or refuses its user, a queue is
    /// missing, or this machine's clock is wrong. `problem` says which; the worker tries again by
    /// itself.
    Disconnected {
        problem: String,
    },
    /// A part of the worker has failed, and jobs wait for it.
    Stuck {
        problem: String,
        /// The troubles, each with its own problem.
        #[serde(skip)]
        troubles: BTreeMap<Trouble, String>,
        /// The state to return to once every trouble is over.
        #[serde(skip)]
        otherwise: Box<HealthState>,
    },
    /// Several jobs made the program panic at the same place. The worker takes no more jobs until
    /// it is restarted.
    Unfit {
        problem: String,
    },
    /// The worker stops: it takes no more jobs, and finishes those in flight.
    Draining,
}

/// The parts beside the connection that the worker needs. Each one fails and recovers
/// independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A queue of ours refuses results or parked jobs.
    Publishing,
    /// The broker blocks publishers because of a resource alarm.
    Alarm,
    /// A queue of ours, or the control exchange, does not exist.
    Missing,
}

impl HealthState {
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Consuming => true,
            Self::Paused { stages } => stages.iter().all(|paused| paused.has_worked),
            Self::Starting
            | Self::Refused { .. }
            | Self::Unproven { .. }
            | Self::Disconnected { .. }
            | Self::Stuck { .. }
            | Self::Unfit { .. }
            | Self::Draining => false,
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(HealthState::Starting)),
            closures: Arc::default(),
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(formatter)
    }
}

impl Health {
    pub fn set(&self, state: HealthState) {
        self.state.send_replace(state);
    }

    /// Records a trouble of a worker that takes jobs or is paused. Other states are worse, and
    /// stay.
    pub fn trouble(&self, trouble: Trouble, problem: &str) {
        self.state.send_if_modified(|state| {
            let (mut troubles, otherwise) = match state {
                HealthState::Consuming
                | HealthState::Paused { .. }
                | HealthState::Unproven { .. } => (BTreeMap::new(), Box::new(state.clone())),
                HealthState::Stuck {
                    troubles,
                    otherwise,
                    ..
                } => (std::mem::take(troubles), otherwise.clone()),
                HealthState::Starting
                | HealthState::Refused { .. }
                | HealthState::Disconnected { .. }
                | HealthState::Unfit { .. }
                | HealthState::Draining => {
                    return false;
                }
            };
            troubles.insert(trouble, problem.to_owned());
            *state = HealthState::Stuck {
                problem: all_of(&troubles),
                troubles,
                otherwise,
            };
            true
        });
    }

    /// Records that a trouble is over.
    pub fn recovered(&self, trouble: Trouble) {
        self.state.send_if_modified(|state| match state {
            HealthState::Stuck {
                problem,
                troubles,
                otherwise,
            } => {
                if troubles.remove(&trouble).is_none() {
                    return false;
                }
                if troubles.is_empty() {
                    *state = (**otherwise).clone();
                } else {
                    *problem = all_of(troubles);
                }
                true
            }
            _ => false,
        });
    }

    /// From now on, `closures` is asked for what is closed. Only the first call counts.
    pub fn ask_for_closures(
        &self,
        closures: impl Fn() -> Vec<ClosedScope> + Send + Sync + 'static,
    ) {
        // An error means that there is one already.
        let _ = self.closures.set(Box::new(closures));
    }

    /// The scopes that are closed at the moment.
    pub fn closed(&self) -> Vec<ClosedScope> {
        self.closures.get().map(|ask| ask()).unwrap_or_default()
    }

    pub fn state(&self) -> HealthState {
        self.state.borrow().clone()
    }

    /// Sets the state of the intake, unless a worse state has to be shown.
    pub fn flows(&self, paused: &[Paused], doubt: Option<String>) {
        let now = match doubt {
            _ if !paused.is_empty() => HealthState::Paused {
                stages: paused.to_vec(),
            },
            Some(problem) => HealthState::Unproven { problem },
            None => HealthState::Consuming,
        };
        self.state.send_if_modified(|state| match state {
            HealthState::Unfit { .. } | HealthState::Draining => false,
            HealthState::Stuck { otherwise, .. } => {
                **otherwise = now;
                false
            }
            state if *state == now => false,
            state => {
                *state = now;
                true
            }
        });
    }

    /// Returns a receiver of the state and of each one that follows.
    pub fn watch(&self) -> watch::Receiver<HealthState> {
        self.state.subscribe()
    }
}

fn all_of(troubles: &BTreeMap<Trouble, String>) -> String {
    let problems: Vec<&str> = troubles.values().map(String::as_str).collect();
    problems.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::AccountName;

    fn paused() -> Vec<Paused> {
        let time = "2026-03-02T01:00:00Z".parse().unwrap();
        vec![Paused {
            account: AccountName::STORAGE,
            code: "ExpiredToken".into(),
            reason: "why".into(),
            since: time,
            next_probe: time,
            has_worked: true,
        }]
    }

    #[test]
    fn a_trouble_hides_a_pause_and_the_state_of_the_intake_returns_after_it() {
        let health = Health::default();
        health.flows(&paused(), None);
        assert!(health.state().is_ready());
        health.trouble(Trouble::Publishing, "invoice.results refuses");
        assert!(!health.state().is_ready());
        health.flows(&[], None);
        assert!(!health.state().is_ready(), "the trouble is not over");
        health.recovered(Trouble::Publishing);
        assert_eq!(
            health.state(),
            HealthState::Consuming,
            "the pause ended meanwhile"
        );
    }

    #[test]
    fn a_recovery_leaves_other_troubles_as_they_are() {
        let health = Health::default();
        health.flows(&[], None);
        health.trouble(Trouble::Missing, "invoice.results is gone");
        health.trouble(Trouble::Publishing, "invoice.failed refuses");
        assert!(
            matches!(health.state(), HealthState::Stuck { problem, .. } if problem == "invoice.failed refuses; invoice.results is gone")
        );
        health.recovered(Trouble::Publishing);
        health.recovered(Trouble::Alarm);
        assert!(
            matches!(health.state(), HealthState::Stuck { problem, .. } if problem == "invoice.results is gone")
        );
        health.recovered(Trouble::Missing);
        assert_eq!(health.state(), HealthState::Consuming);
    }

    #[test]
    fn a_draining_worker_shows_no_other_state() {
        let health = Health::default();
        health.set(HealthState::Draining);
        health.flows(&paused(), None);
        health.trouble(Trouble::Publishing, "anything");
        assert_eq!(health.state(), HealthState::Draining);
    }

    #[test]
    fn a_worker_that_has_never_worked_is_not_ready() {
        let health = Health::default();
        let never: Vec<Paused> = paused()
            .into_iter()
            .map(|paused| Paused {
                has_worked: false,
                ..paused
            })
            .collect();
        health.flows(&never, None);
        assert!(!health.state().is_ready());
        health.flows(&paused(), Some("why".into()));
        assert!(
            health.state().is_ready(),
            "a paused worker whose account has worked is ready"
        );
        health.flows(&[], Some("no answer yet".into()));
        assert!(!health.state().is_ready());
        health.flows(&[], None);
        assert!(health.state().is_ready());
    }
}
