//! Watches this worker's clock: it takes no jobs while every server says another time.

use super::skew::{ClockReading, clock_verdict};
use crate::telemetry::health::{Health, HealthState};
use crate::telemetry::metric;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::sleep;

/// While jobs are taken, what the servers' answers say about the time is looked at so often.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// A wrong clock is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Says what is wrong with this machine's clock, as far as the servers have said what time it is.
/// The difference of each account's server goes to the metrics.
pub fn clock_problem(servers: &[(String, ClockReading)], now: Timestamp) -> Option<String> {
    for (server, reading) in servers {
        metric::clock_skew(server, reading.ahead);
    }
    let readings = servers.iter().map(|(_, reading)| *reading);
    clock_verdict(readings, now).problem()
}

/// Returns what is wrong once the clock goes wrong; `look` is asked again and again.
pub async fn clock_goes_wrong(look: impl Fn() -> Option<String>) -> String {
    loop {
        sleep(LOOK_EVERY).await;
        if let Some(problem) = look() {
            return problem;
        }
    }
}

/// Returns once `look` finds nothing wrong. Readiness and the log say what is.
pub async fn clock_is_right<A>(health: &Health, look: impl Fn() -> A)
where
    A: Future<Output = Option<String>>,
{
    let mut is_logged = false;
    while let Some(problem) = look().await {
        health.set(HealthState::Disconnected {
            problem: problem.clone(),
        });
        if !std::mem::replace(&mut is_logged, true) {
            tracing::error!(problem, "the clock of this machine is wrong");
        }
        sleep(LOOK_AGAIN).await;
    }
}
