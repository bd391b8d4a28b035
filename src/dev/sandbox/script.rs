//! A scenario in progress: counts the calls of every subject and says which fault, if any, answers
//! the next one.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

use crate::dev::scenario::{CallFacts, Fault, FaultUses};
use crate::domain::failure::Stage;

/// Subjects beyond these are counted together: clients decide how many there are.
const MAX_SUBJECTS: usize = 100_000;

#[derive(Debug)]
pub(super) struct FaultScript {
    seed: u64,
    faults: Vec<Fault>,
    progress: Mutex<ScriptProgress>,
}

#[derive(Debug)]
struct ScriptProgress {
    started: Instant,
    counts: HashMap<(Stage, String), u32>,
    uses: FaultUses,
}

impl FaultScript {
    pub(super) fn new(seed: u64, faults: Vec<Fault>) -> Self {
        let progress = Mutex::new(ScriptProgress::new(&faults));
        Self {
            seed,
            faults,
            progress,
        }
    }

    /// Counts this call under the name of its subject: its number, from 1, and the fault that
    /// answers it.
    pub(super) fn next(
        &self,
        stage: Stage,
        subject: &str,
        facts: CallFacts<'_>,
    ) -> (u32, Option<&Fault>) {
        let mut progress = self.lock();
        let (nth, at) = progress.count(stage, subject);
        let facts = CallFacts {
            at,
            number: Some(nth),
            ..facts
        };
        let draw = |rule| self.share(&format!("{rule} {stage} {subject} {nth}"));
        let fault = progress.uses.next(&self.faults, stage, &facts, draw);
        (nth, fault)
    }

    /// `base` and up to `jitter` more, the same for the same call in every run.
    pub(super) fn latency(&self, base: Duration, jitter: Duration, call: &str) -> Duration {
        base + jitter.mul_f64(self.share(call))
    }

    pub(super) fn reset(&self) {
        *self.lock() = ScriptProgress::new(&self.faults);
    }

    /// Between 0 and 1. Drawn from what is asked about rather than from a running generator, so
    /// that the order in which concurrent calls arrive changes nothing.
    fn share(&self, what: &str) -> f64 {
        let mut seed = [0; 32];
        seed.copy_from_slice(
            &Sha256::new()
                .chain_update(self.seed.to_le_bytes())
                .chain_update(what)
                .finalize(),
        );
        StdRng::from_seed(seed).random()
    }

    fn lock(&self) -> MutexGuard<'_, ScriptProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScriptProgress {
    fn new(faults: &[Fault]) -> Self {
        Self {
            started: Instant::now(),
            counts: HashMap::new(),
            uses: FaultUses::of(faults),
        }
    }

    fn count(&mut self, stage: Stage, name: &str) -> (u32, Duration) {
        let key = (stage, name.to_owned());
        let key = if self.counts.len() < MAX_SUBJECTS || self.counts.contains_key(&key) {
            key
        } else {
            (stage, String::new())
        };
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
        (*count, self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::sandbox::scenario::SandboxScenario;
    use crate::dev::scenario::CallNumbers;

    fn script(text: &str) -> FaultScript {
        let scenario = SandboxScenario::parse(text, "test").unwrap();
        FaultScript::new(scenario.seed, scenario.faults)
    }

    fn answers(
        script: &FaultScript,
        (subject, facts): (&str, CallFacts<'_>),
        calls: usize,
    ) -> Vec<String> {
        (0..calls)
            .map(|_| {
                script
                    .next(Stage::Verification, subject, facts)
                    .1
                    .map_or("-".to_owned(), |fault| fault.answer.to_string())
            })
            .collect()
    }

    #[test]
    fn the_first_rule_that_fits_answers_and_subjects_are_counted_apart() {
        let fault = |answer| Fault::new(Stage::Verification, answer);
        let faults = vec![
            fault("316").sample("a").calls([2]),
            Fault {
                calls: CallNumbers::Between(2, 3),
                ..fault("317")
            },
            fault("321").sample("b*"),
            Fault::new(Stage::Recognition, "500"),
        ];
        let script = FaultScript::new(0, faults);
        let subject = |name| {
            let facts = CallFacts {
                sample: Some(name),
                ..CallFacts::default()
            };
            (name, facts)
        };
        assert_eq!(answers(&script, subject("a"), 4), ["-", "316", "317", "-"]);
        assert_eq!(
            answers(&script, subject("beta"), 4),
            ["321", "317", "317", "321"]
        );
    }

    #[test]
    fn conditions_must_all_hold() {
        let script = script(
            "[[fault]]\nstage = 'verification'\nanswer = '316'\nprovince = '北京'\nauto_rotate = true",
        );
        let subject = |province, auto_rotate| {
            let facts = CallFacts {
                province,
                auto_rotate,
                ..CallFacts::default()
            };
            ("", facts)
        };
        assert_eq!(answers(&script, subject(Some("北京"), true), 1), ["316"]);
        assert_eq!(answers(&script, subject(Some("北京"), false), 1), ["-"]);
        assert_eq!(answers(&script, subject(Some("河南"), true), 1), ["-"]);
        assert_eq!(answers(&script, subject(None, true), 1), ["-"]);
    }

    #[test]
    fn a_fault_is_given_so_often_whatever_the_calls_are_about() {
        let script = script("[[fault]]\nstage = 'verification'\ncode = '316'\ntimes = 2");
        let given = |subject| answers(&script, (subject, CallFacts::default()), 2);
        assert_eq!(given("a"), ["316", "316"]);
        assert_eq!(given("b"), ["-", "-"]);
    }

    #[test]
    fn a_storage_fault_is_for_downloads_unless_it_names_another_operation() {
        let script = FaultScript::new(0, vec![Fault::new(Stage::Storage, "SlowDown")]);
        let asked = |operation| {
            script
                .next(
                    Stage::Storage,
                    operation,
                    CallFacts {
                        operation: Some(operation),
                        ..CallFacts::default()
                    },
                )
                .1
        };
        assert!(asked("get").is_some());
        assert!(asked("put").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn after_and_until_are_counted_from_the_start_and_again_from_a_reset() {
        let script =
            script("[[fault]]\nstage = 'verification'\nanswer = '316'\nafter = '1s'\nuntil = '3s'");
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.extend(answers(&script, ("", CallFacts::default()), 1));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(seen, ["-", "316", "316", "-"]);
        script.reset();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(
            script.next(Stage::Verification, "", CallFacts::default()).0,
            1
        );
        assert_eq!(answers(&script, ("", CallFacts::default()), 1), ["316"]);
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_and_about_as_many_as_asked_for() {
        let text = |seed| {
            format!(
                "seed = {seed}\n[[fault]]\nstage = 'verification'\nanswer = '100'\nprobability = 0.2"
            )
        };
        let drawn = |seed| answers(&script(&text(seed)), ("", CallFacts::default()), 1_000);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let faults = drawn(1).iter().filter(|answer| *answer == "100").count();
        assert!((150..250).contains(&faults), "{faults}");
    }
}
