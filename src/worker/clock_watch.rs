//! A worker whose clock is wrong takes no jobs: it would end some too early, and call before their
//! time those that wait.

use super::Worker;
use crate::clock::skew::{ClockVerdict, clock_verdict};
use crate::telemetry::metric;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// While jobs are taken, what the servers' answers say is looked at so often.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// Until a wrong clock is looked at again.
pub(super) const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// Any answer has a time: that there is no such object, or that it may not be read.
const NO_OBJECT: &str = "invoice-worker-clock";
/// A store that does not answer says nothing about the clock.
const PATIENCE: Duration = Duration::from_secs(5);

impl Worker {
    /// What is wrong with our clock, if anything is. The store is asked where it said nothing yet,
    /// or something bad.
    pub(super) async fn clock_problem(&self) -> Option<String> {
        let store = &self.pipeline.loader.store;
        if !store.tells_time() {
            return None;
        }
        let is_known = store.clock_reading().is_some() && self.clock_problem_so_far().is_none();
        if is_known {
            return None;
        }
        // Any answer has a time, a refusal as well.
        let _ = timeout(
            PATIENCE,
            store.get(&self.pipeline.loader.bucket, NO_OBJECT, 0),
        )
        .await;
        self.clock_problem_so_far()
    }

    /// Returns what is wrong with our clock, once something is.
    pub(super) async fn clock_goes_wrong(&self) -> String {
        loop {
            sleep(LOOK_EVERY).await;
            if let Some(problem) = self.clock_problem_so_far() {
                return problem;
            }
        }
    }

    fn clock_problem_so_far(&self) -> Option<String> {
        let pipeline = &self.pipeline;
        let readings = [
            ("store", pipeline.loader.store.clock_reading()),
            ("recognition", pipeline.recognition.clock_reading()),
            ("verification", pipeline.verification.clock_reading()),
        ];
        for (server, reading) in readings {
            if let Some(reading) = reading {
                metric::clock_skew(server, reading.ahead);
            }
        }
        let readings = readings.into_iter().filter_map(|(_, reading)| reading);
        let (skew, direction) = match clock_verdict(readings, pipeline.retrier.clock.now()) {
            ClockVerdict::Unknown | ClockVerdict::Right => return None,
            ClockVerdict::Behind(skew) => (skew, "behind"),
            ClockVerdict::Ahead(skew) => (skew, "ahead of"),
        };
        Some(format!(
            "this machine's clock is {skew:#} {direction} the store's and the providers': no jobs are taken until it is right; synchronise \
             it (NTP)"
        ))
    }
}
