//! The codes that are labels of metrics, known before the first of them is met.

use super::{Rule, Step, codes};
use crate::domain::failure::{Billed, Stage};
use std::collections::BTreeSet;

/// A code that the policy names, and what its first rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLabel<'a> {
    pub stage: Stage,
    pub code: &'a str,
    /// Whether an answer with it is paid for.
    pub billed: Billed,
    /// Whether its job may be parked.
    pub may_park: bool,
}

/// Every code that the rules name, once for each stage. Patterns name codes that are not known
/// here.
pub(super) fn code_labels(rules: &[Rule]) -> Vec<CodeLabel<'_>> {
    let mut seen = BTreeSet::new();
    let named = rules.iter().flat_map(|rule| {
        let exact = rule.codes.iter().filter(|code| !codes::is_pattern(code));
        exact.map(move |code| (rule, code.as_str()))
    });
    named
        .filter(|(rule, code)| seen.insert((rule.stage, *code)))
        .map(|(rule, code)| CodeLabel {
            stage: rule.stage,
            code,
            billed: rule.billed.of(None),
            may_park: may_park(rules, rule.stage, code),
        })
        .collect()
}

/// Whether one of the rules about this code parks, or stops a stage whose jobs are parked.
fn may_park(rules: &[Rule], stage: Stage, code: &str) -> bool {
    rules.iter().any(|rule| {
        let is_about = rule.stage == stage && rule.codes.iter().any(|known| known == code);
        is_about && rule.steps.iter().any(parks)
    })
}

fn parks(step: &Step) -> bool {
    match step {
        Step::Park { .. } | Step::NextDay { .. } | Step::Throttle | Step::Pause => true,
        Step::Continue
        | Step::Verdict(_)
        | Step::Fail { .. }
        | Step::Retry { .. }
        | Step::Rotate
        | Step::Resign
        | Step::Inline => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn each_named_code_is_a_label_once_and_patterns_are_none() {
        let policy = Policy::builtin();
        let labels = policy.code_labels();
        let find = |stage, code: &str| {
            let mut found = labels
                .iter()
                .filter(|label| (label.stage, label.code) == (stage, code));
            let first = found.next().copied();
            assert_eq!(found.next(), None, "{code} twice");
            first
        };
        let closed = find(Stage::Verification, "316").unwrap();
        assert_eq!((closed.billed, closed.may_park), (Billed::Yes, true));
        let good = find(Stage::Recognition, "200").unwrap();
        assert_eq!((good.billed, good.may_park), (Billed::Yes, false));
        assert!(find(Stage::Verification, "UNAUTHORIZED").unwrap().may_park);
        for pattern in ["*", "#", "http.4xx", "http.5xx", "KMS.*"] {
            assert!(
                labels.iter().all(|label| label.code != pattern),
                "{pattern}"
            );
        }
        for label in &labels {
            assert_eq!(policy.label(label.stage, label.code), label.code);
        }
    }
}
