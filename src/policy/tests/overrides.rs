//! What a rule of `policy.file` replaces, and what it leaves as it was.

use super::*;
use crate::policy::merge::merge;
use crate::policy::{Billing, Rule, ScopeKind, Step, codes};
use std::sync::Arc;

fn ruled_by(policy: &Policy, stage: Stage, code: &str) -> Rule {
    let decided = decide(policy, &occurrence(stage, code));
    policy
        .rules()
        .iter()
        .find(|rule| rule.id == decided.rule)
        .expect("the rule")
        .clone()
}

#[test]
fn an_empty_file_changes_nothing() {
    assert_eq!(overridden("").rules(), Policy::builtin().rules());
}

#[test]
fn one_code_of_a_rule_is_replaced_alone() {
    let policy = overridden(&with("code = [\"602\"]").replace("verification", "recognition"));
    assert!(ruled_by(&policy, Stage::Recognition, "602").overridden);
    for code in ["601", "603", "604", "607"] {
        assert_eq!(
            ruled_by(&policy, Stage::Recognition, code).id,
            "recognition/601",
            "{code}"
        );
    }
}

#[test]
fn each_code_of_an_override_goes_to_its_own_place() {
    let policy = overridden(&with("code = [\"316\", \"777\", \"http.5xx\", \"*\"]"));
    for code in ["316", "777", "http.503", "SOMETHING_NEW"] {
        assert!(
            ruled_by(&policy, Stage::Verification, code).overridden,
            "{code}"
        );
    }
    for code in ["317", "INTERNAL_ERROR", "malformed", "connect", "778"] {
        assert!(
            !ruled_by(&policy, Stage::Verification, code).overridden,
            "{code}"
        );
    }
}

#[test]
fn a_pattern_does_not_take_the_exact_code_beside_it() {
    let policy = overridden(&with("code = [\"*\"]").replace("verification", "recognition"));
    assert!(!ruled_by(&policy, Stage::Recognition, "999").overridden);
    assert!(ruled_by(&policy, Stage::Recognition, "701").overridden);

    let policy = overridden(&with("code = [\"#\"]").replace("verification", "recognition"));
    assert!(!ruled_by(&policy, Stage::Recognition, "999").overridden);
    assert!(ruled_by(&policy, Stage::Recognition, "701").overridden);
    assert!(!ruled_by(&policy, Stage::Recognition, "NEW").overridden);
}

#[test]
fn replacing_any_code_changes_no_other() {
    let builtin = Policy::builtin();
    let exact = |rule: &Rule| {
        rule.codes
            .iter()
            .filter(|code| !codes::is_open(code))
            .cloned()
            .collect::<Vec<_>>()
    };
    let named: Vec<(Stage, String)> = builtin
        .rules()
        .iter()
        .flat_map(|rule| exact(rule).into_iter().map(move |code| (rule.stage, code)))
        .collect();
    for replaced in builtin.rules() {
        for code in &replaced.codes {
            let rule = Rule {
                codes: vec![code.clone()],
                steps: vec![Step::Pause],
                reason: "replaced".to_owned(),
                ..replaced.clone()
            };
            let policy = Policy {
                streaks: Arc::clone(&builtin.streaks),
                registry_words: Arc::clone(builtin.registry_words()),
                rules: merge(builtin.rules().to_vec(), vec![rule]),
            };
            for (stage, other) in named
                .iter()
                .filter(|(stage, other)| (*stage, other) != (replaced.stage, code))
            {
                let occurrence = occurrence(*stage, other);
                assert_eq!(
                    decide(&policy, &occurrence).decision,
                    decide(&builtin, &occurrence).decision,
                    "{code} replaced, {stage} {other} asked"
                );
            }
            let ids: std::collections::BTreeSet<&str> =
                policy.rules().iter().map(|rule| rule.id.as_str()).collect();
            assert_eq!(ids.len(), policy.rules().len(), "{code} replaced");
            assert_eq!(
                policy
                    .rules()
                    .iter()
                    .filter(|rule| rule.reason == "replaced")
                    .count(),
                1
            );
        }
    }
}

#[test]
fn only_the_variant_with_the_same_conditions_is_replaced() {
    let policy = overridden(&with("code = [\"300\"]"));
    let mut occurrence = occurrence(Stage::Verification, "300");
    occurrence.failure.qr_code_found = Some(true);
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Park { .. }
    ));
    let fallback: Vec<&Rule> = policy
        .rules()
        .iter()
        .filter(|rule| rule.overridden)
        .collect();
    assert_eq!(fallback.len(), 1);
    assert_eq!(fallback[0].id, "verification/300.8");
}

#[test]
fn a_new_condition_is_asked_before_the_built_in_ones() {
    let policy = overridden(&with("code = [\"317\"]\nwhen = { qr_code_found = true }"));
    let mut occurrence = occurrence(Stage::Verification, "317");
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Retry { .. }
    ));
    occurrence.failure.qr_code_found = Some(true);
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Fail { .. }
    ));
}

#[test]
fn several_rules_for_a_new_code_keep_their_order() {
    let text = with("code = [\"777\"]\nwhen = { qr_code_found = true }")
        + "\n"
        + &with("do = [{ action = \"pause\" }]");
    let policy = overridden(&text);
    let mut occurrence = occurrence(Stage::Verification, "777");
    assert_eq!(decide(&policy, &occurrence).decision, Decision::Pause);
    occurrence.failure.qr_code_found = Some(true);
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Fail { .. }
    ));
}

#[test]
fn everything_a_rule_can_say_may_be_overridden() {
    let rule = "[[rule]]
stage = \"verification\"
code = [\"313\", \"316\", \"http.503\", \"RATE_LIMIT_EXCEEDED\"]
when = { qr_code_found = true, bill_age_days_max = 30, http_status = [200, 503], message_contains = \"province\", transfer = \"inline\" }
do = [
  { action = \"retry\", attempts = 2, backoff = \"5s\" },
  { action = \"park\", delays = [\"10m\", \"1h30m\"], attempts = 3 },
  { action = \"next_day\", attempts = 1 },
  { action = \"fail\" },
]
scope = \"province\"
billed = \"unknown\"
reason = \"mine\"
";
    let policy = overridden(rule);
    let mine: Vec<&Rule> = policy
        .rules()
        .iter()
        .filter(|rule| rule.overridden)
        .collect();
    assert_eq!(
        mine.iter()
            .map(|rule| rule.codes.join(" "))
            .collect::<Vec<_>>(),
        ["RATE_LIMIT_EXCEEDED", "313", "316", "http.503"]
    );
    for rule in mine {
        assert_eq!(
            (
                rule.scope,
                rule.billed,
                rule.steps.len(),
                rule.when.bill_age_days_max
            ),
            (
                ScopeKind::Province,
                Billing::Fixed(Billed::Unknown),
                4,
                Some(30)
            )
        );
    }
}
