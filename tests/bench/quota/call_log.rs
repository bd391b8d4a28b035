//! What the providers counted: what was let through in which second, and what was refused.

use super::rig::figures::number;
use invoice_worker::dev::sandbox::{CallLog, SandboxCall};
use invoice_worker::domain::failure::Stage;
use std::time::Duration;
use tokio::time::Instant;

const STAGES: [Stage; 2] = [Stage::Recognition, Stage::Verification];
const REFUSALS: [&str; 2] = ["APIG.0308", "RATE_LIMIT_EXCEEDED"];
/// So long a time has to be used to this share before a change counts as settled.
const SPAN: Duration = Duration::from_secs(5);
const SETTLED: f64 = 0.95;
const STEP: Duration = Duration::from_millis(250);

pub(crate) struct QuotaLog {
    calls: CallLog,
    rate: f64,
    opened: Instant,
    phases: Vec<Phase>,
    /// All of them, once it is closed.
    entries: Vec<SandboxCall>,
}

struct Phase {
    change: String,
    workers: usize,
    begun: Duration,
    steady_from: Duration,
    ended: Duration,
}

impl QuotaLog {
    pub(crate) fn new(calls: CallLog, rate: u32) -> Self {
        Self {
            calls,
            rate: f64::from(rate),
            opened: Instant::now(),
            phases: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// By the clock of the calls, which begins when they are forgotten.
    pub(crate) fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    /// It has just ended.
    pub(crate) fn phase(
        &mut self,
        change: String,
        workers: usize,
        steady_from: Duration,
        begun: Duration,
    ) {
        self.phases.push(Phase {
            change,
            workers,
            begun,
            steady_from,
            ended: self.now(),
        });
    }

    pub(crate) fn close(&mut self) {
        self.entries = self.calls.all();
    }

    pub(crate) fn steady(&self, limiter: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for phase in &self.phases {
            for stage in STAGES {
                let (let_through, refused) = self.between(stage, phase.steady_from, phase.ended);
                let allowed =
                    self.rate * phase.ended.saturating_sub(phase.steady_from).as_secs_f64();
                rows.push(vec![
                    limiter.to_owned(),
                    phase.workers.to_string(),
                    stage.to_string(),
                    format!("{:.1} %", 100.0 * let_through / allowed),
                    format!("{:.2} %", 100.0 * refused / (let_through + refused)),
                ]);
            }
        }
        rows
    }

    pub(crate) fn changes(&self, limiter: &str) -> Vec<Vec<String>> {
        let told = |phase: &Phase| {
            let settled = self
                .settled(phase)
                .map_or("not at all".to_owned(), |after| {
                    format!("{:.1} s", after.as_secs_f64())
                });
            vec![limiter.to_owned(), phase.change.clone(), settled]
        };
        self.phases.iter().map(told).collect()
    }

    /// How long after the change the quota of both providers is used again.
    fn settled(&self, phase: &Phase) -> Option<Duration> {
        let enough = SETTLED * self.rate * SPAN.as_secs_f64();
        let is_used = |from: Duration| {
            STAGES
                .iter()
                .all(|stage| self.between(*stage, from, from + SPAN).0 >= enough)
        };
        let mut from = phase.begun;
        while from + SPAN <= phase.ended {
            if is_used(from) {
                return Some(from.saturating_sub(phase.begun));
            }
            from += STEP;
        }
        None
    }

    /// How many calls of a stage were let through, and how many refused.
    fn between(&self, stage: Stage, from: Duration, to: Duration) -> (f64, f64) {
        let calls = self
            .entries
            .iter()
            .filter(|call| call.stage == stage && (from..to).contains(&call.at));
        let (refused, let_through): (Vec<_>, Vec<_>) =
            calls.partition(|call| REFUSALS.contains(&call.answer.as_str()));
        (number(let_through.len()), number(refused.len()))
    }
}
