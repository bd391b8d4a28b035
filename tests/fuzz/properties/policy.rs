//! A policy file: an operator's, who has a right to mistakes. None of them may cost money without
//! end or invent a verdict.

use super::names_its_line;
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::progress::Progress;
use invoice_worker::domain::result::Verdict;
use invoice_worker::policy::{Decision, Facts, Others, Policy, Rule, Step, Transfer};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

static BUILTIN: LazyLock<Policy> = LazyLock::new(Policy::builtin);
/// In-place retries under all steps of a rule; they hold a delivery.
const MAX_RETRIES: usize = 9 * 16;

/// A policy that is taken has only rules that end, and leaves what a good answer means; a mistake
/// is told with its line.
pub fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let policy = match Policy::with_overrides(&text, "policy.toml") {
        Ok(policy) => policy,
        Err(error) => {
            names_its_line(&error, &text, "policy.toml");
            return;
        }
    };
    let ids: HashSet<&str> = policy.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(
        ids.len(),
        policy.rules().len(),
        "two budgets under one name"
    );
    for rule in policy.rules().iter().filter(|rule| rule.overridden) {
        is_sound(rule);
        for code in &rule.codes {
            ends(&policy, &Failure::new(rule.stage, code, ""));
        }
    }
    for (stage, code) in [(Stage::Recognition, "200"), (Stage::Verification, "OK")] {
        let (good, now) = (Failure::new(stage, code, ""), facts(Timestamp::UNIX_EPOCH));
        let progress = Progress::new("run".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(
            policy.decide(&good, &progress, &now).decision,
            BUILTIN.decide(&good, &progress, &now).decision
        );
    }
}

fn is_sound(rule: &Rule) {
    assert!(
        !rule.codes.is_empty() && !rule.steps.is_empty(),
        "{}",
        rule.id
    );
    for step in &rule.steps {
        if let Step::Verdict(Some(verdict)) = step {
            assert!(
                rule.stage == Stage::Verification
                    && !matches!(verdict, Verdict::Genuine | Verdict::Recognized),
                "{}",
                rule.id
            );
        }
    }
}

/// Takes the steps as they are decided, until one is final or the job is parked: what happens in
/// place is bounded.
fn ends(policy: &Policy, failure: &Failure) {
    let mut progress = Progress::new("run".to_owned(), Timestamp::UNIX_EPOCH);
    let facts = facts(Timestamp::UNIX_EPOCH);
    for _ in 0..=MAX_RETRIES {
        let decided = policy.decide(failure, &progress, &facts);
        progress.charge(&decided.rule, decided.step);
        match decided.decision {
            Decision::Continue
            | Decision::Verdict(_)
            | Decision::Fail { .. }
            | Decision::Pause
            | Decision::Throttle => return,
            Decision::Park { until } => {
                return assert!(
                    until > facts.now && until <= facts.deadline,
                    "{}: {until}",
                    decided.rule
                );
            }
            Decision::Rotate => progress.steps.rotated_for = Some(failure.code.clone()),
            Decision::Retry { wait } => {
                assert!(wait <= Duration::from_mins(1), "{}: {wait:?}", decided.rule);
            }
            Decision::Resign | Decision::Inline => {}
        }
    }
    panic!("{failure} is tried in place for ever");
}

fn facts(now: Timestamp) -> Facts {
    Facts {
        now,
        deadline: now + SignedDuration::from_hours(96),
        timezone: TimeZone::UTC,
        billing_date: None,
        transfer: Transfer::Url,
        spread: 0.5,
        others: Others::default(),
    }
}
