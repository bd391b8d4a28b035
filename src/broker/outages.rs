//! Logs that the worker has no session: once on the way down, whatever is lost first.
//!
//! Readiness changes before the line is logged: an operator who reads it finds the worker not ready.

use super::error::{BrokerError, Outage};
use crate::telemetry::health::{Health, HealthState};

/// The outages that were logged since jobs were last taken.
#[derive(Debug)]
pub struct OutageLog {
    health: Health,
    logged: Vec<Outage>,
}

impl OutageLog {
    pub fn new(health: Health) -> Self {
        Self {
            health,
            logged: Vec::new(),
        }
    }

    /// The worker cannot connect, or cannot work as it is connected.
    pub fn record(&mut self, error: &BrokerError) {
        let (outage, problem) = (error.outage(), error.to_string());
        self.health.set(HealthState::Disconnected {
            problem: problem.clone(),
        });
        if self.logged.contains(&outage) {
            tracing::debug!(problem, "still so: {}", outage.message());
        } else {
            tracing::error!(problem, "{}", outage.message());
            self.logged.push(outage);
        }
    }

    /// A session was lost in which jobs were taken: that the broker is out of reach is logged by
    /// then.
    pub fn lost(&mut self) {
        self.logged = vec![Outage::OutOfReach];
    }
}
