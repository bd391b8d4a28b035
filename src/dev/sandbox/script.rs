//! A scenario in progress: counts the calls of every subject and says which fault, if any, answers
//! the next one.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

use super::scenario::fault::fits;
use super::scenario::{Fault, Whom};
use crate::domain::failure::Stage;

/// Subjects beyond these are not told apart from each other: strangers decide how many there are.
const MAX_SUBJECTS: usize = 100_000;

/// What a call is about, as far as a fault can ask.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject<'a> {
    /// Counted by this name: see [`super::calls::Call::subject`].
    pub(super) name: &'a str,
    pub(super) sample: Option<&'a str>,
    pub(super) note_no: Option<&'a str>,
    pub(super) province: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) operation: Option<&'a str>,
    pub(super) auto_rotate: bool,
}

#[derive(Debug)]
pub(super) struct Script {
    seed: u64,
    faults: Vec<Fault>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    started: Instant,
    counts: HashMap<(Stage, String), u32>,
}

impl Script {
    pub(super) fn new(seed: u64, faults: Vec<Fault>) -> Self {
        Self {
            seed,
            faults,
            progress: Mutex::new(Progress::new()),
        }
    }

    /// Counts this call: its number, from 1, and the first fault that fits it.
    pub(super) fn next(&self, stage: Stage, subject: &Subject<'_>) -> (u32, Option<&Fault>) {
        let (nth, elapsed) = self.lock().count(stage, subject.name);
        let fault = self.faults.iter().enumerate().find(|(rule, fault)| {
            fault.stage == stage
                && fault.calls.contain(nth)
                && elapsed >= fault.after
                && fault.until.is_none_or(|until| elapsed < until)
                && concerns(&fault.whom, subject)
                && (fault.probability >= 1.0
                    || self.share(&format!("{rule} {stage} {} {nth}", subject.name))
                        < fault.probability)
        });
        (nth, fault.map(|(_, fault)| fault))
    }

    /// `base` and up to `jitter` more, the same for the same call in every run.
    pub(super) fn latency(&self, base: Duration, jitter: Duration, call: &str) -> Duration {
        base + jitter.mul_f64(self.share(call))
    }

    pub(super) fn reset(&self) {
        *self.lock() = Progress::new();
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

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            counts: HashMap::new(),
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

fn concerns(whom: &Whom, subject: &Subject<'_>) -> bool {
    let text = |wanted: &Option<String>, is: Option<&str>| {
        wanted
            .as_deref()
            .is_none_or(|pattern| pattern == "*" || is.is_some_and(|text| fits(pattern, text)))
    };
    // Only the store has operations; a fault that names none is meant for downloads.
    let operation = subject
        .operation
        .is_none_or(|operation| fits(whom.operation.as_deref().unwrap_or("get"), operation));
    operation
        && text(&whom.sample, subject.sample)
        && text(&whom.note_no, subject.note_no)
        && text(&whom.province, subject.province)
        && text(&whom.key, subject.key)
        && whom
            .auto_rotate
            .is_none_or(|wanted| wanted == subject.auto_rotate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::sandbox::scenario::{Calls, Scenario};

    fn script(text: &str) -> Script {
        let scenario = Scenario::parse(text, "test").unwrap();
        Script::new(scenario.seed, scenario.faults)
    }

    fn answers(script: &Script, subject: &Subject<'_>, calls: usize) -> Vec<String> {
        (0..calls)
            .map(|_| {
                script
                    .next(Stage::Verification, subject)
                    .1
                    .map_or("-".to_owned(), |fault| fault.answer.to_string())
            })
            .collect()
    }

    #[test]
    fn the_first_rule_that_fits_answers_and_subjects_are_counted_apart() {
        let fault = |answer| Fault::new(Stage::Verification, answer).unwrap();
        let faults = vec![
            fault("316").sample("a").calls([2]),
            Fault {
                calls: Calls::Between(2, 3),
                ..fault("317")
            },
            fault("321").sample("b*"),
            Fault::new(Stage::Recognition, "500").unwrap(),
        ];
        let script = Script::new(0, faults);
        let subject = |name| Subject {
            name,
            sample: Some(name),
            ..Subject::default()
        };
        assert_eq!(answers(&script, &subject("a"), 4), ["-", "316", "317", "-"]);
        assert_eq!(
            answers(&script, &subject("beta"), 4),
            ["321", "317", "317", "321"]
        );
    }

    #[test]
    fn conditions_must_all_hold() {
        let script = script(
            "[[fault]]\nstage = 'verification'\nanswer = '316'\nprovince = '北京'\nauto_rotate = true",
        );
        let subject = |province, auto_rotate| Subject {
            province: Some(province),
            auto_rotate,
            ..Subject::default()
        };
        assert_eq!(answers(&script, &subject("北京", true), 1), ["316"]);
        assert_eq!(answers(&script, &subject("北京", false), 1), ["-"]);
        assert_eq!(answers(&script, &subject("河南", true), 1), ["-"]);
        assert_eq!(
            answers(
                &script,
                &Subject {
                    auto_rotate: true,
                    ..Subject::default()
                },
                1
            ),
            ["-"]
        );
    }

    #[test]
    fn a_storage_fault_is_for_downloads_unless_it_names_another_operation() {
        let script = Script::new(0, vec![Fault::new(Stage::Storage, "SlowDown").unwrap()]);
        let asked = |operation| {
            script
                .next(
                    Stage::Storage,
                    &Subject {
                        name: operation,
                        operation: Some(operation),
                        ..Subject::default()
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
            seen.extend(answers(&script, &Subject::default(), 1));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(seen, ["-", "316", "316", "-"]);
        script.reset();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(script.next(Stage::Verification, &Subject::default()).0, 1);
        assert_eq!(answers(&script, &Subject::default(), 1), ["316"]);
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_and_about_as_many_as_asked_for() {
        let text = |seed| {
            format!(
                "seed = {seed}\n[[fault]]\nstage = 'verification'\nanswer = '100'\nprobability = 0.2"
            )
        };
        let drawn = |seed| answers(&script(&text(seed)), &Subject::default(), 1_000);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let faults = drawn(1).iter().filter(|answer| *answer == "100").count();
        assert!((150..250).contains(&faults), "{faults}");
    }
}
