use super::*;
use crate::domain::account::AccountId;

/// A change of the policy is a visible difference here: every code, in every way in which it can
/// come, through a job's whole life.
#[test]
fn the_whole_table_reads_as_designed() {
    let policy = Policy::builtin();
    let mut lines = Vec::new();
    for stage in [Stage::Storage, Stage::Recognition, Stage::Verification] {
        for code in codes(&policy, stage) {
            for occurrence in Occurrence::all(&[&policy], stage, &code, &facts()) {
                let forecast = occurrence.forecast(&policy);
                let decided = &forecast[0].decided;
                let label = if occurrence.given.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", occurrence.given.join(", "))
                };
                let (scope, billed) = (
                    format!("{:?}", decided.scope).to_lowercase(),
                    decided.billed.as_str(),
                );
                lines.push(format!(
                    "{stage} {code}{label}: {} | billed {billed} | scope {scope} | {}",
                    in_words(&forecast),
                    decided.rule
                ));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// Every code that the table names, and examples of what only its patterns catch.
fn codes(policy: &Policy, stage: Stage) -> Vec<String> {
    let mut codes = Vec::new();
    for rule in policy.rules().iter().filter(|rule| rule.stage == stage) {
        for code in &rule.codes {
            let examples: &[&str] = match code.as_str() {
                "http.4xx" => &["http.418"],
                "http.5xx" => &["http.500", "http.503"],
                "#" => &["322", "1001"],
                "*" => &["701", "APIG.9999", "http.302", "SOMETHING_NEW", ""],
                exact => &[exact],
            };
            codes.extend(
                examples
                    .iter()
                    .map(|code| (*code).to_owned())
                    .filter(|code| !codes.contains(code))
                    .collect::<Vec<_>>(),
            );
        }
    }
    codes
}

#[test]
fn every_rule_says_why() {
    for rule in Policy::builtin().rules() {
        assert!(!rule.reason.is_empty(), "{}", rule.id);
        assert!(!rule.overridden, "{}", rule.id);
    }
}

#[test]
fn rule_ids_are_unique_and_readable() {
    let policy = Policy::builtin();
    let ids: std::collections::BTreeSet<&str> =
        policy.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids.len(), policy.rules().len());
    assert!(ids.contains("verification/317"));
    assert!(ids.contains("verification/300.2"));
}

#[test]
fn a_store_without_credentials_pauses_and_fails_no_job() {
    let decided = decide(
        &Policy::builtin(),
        &occurrence(Stage::Storage, "NoCredentials"),
    );
    assert_eq!(
        (decided.decision, decided.billed),
        (Decision::Pause, Billed::No)
    );
}

#[test]
fn an_unlisted_code_fails_without_a_second_call() {
    let decided = decide(&Policy::builtin(), &occurrence(Stage::Image, "317"));
    assert_eq!(decided.decision, Decision::Fail { invalid_job: None });
    assert_eq!(decided.rule, "image/unlisted");
}

#[test]
fn only_named_codes_become_metric_labels() {
    let policy = Policy::builtin();
    for (code, named) in [
        ("317", true),
        ("http.502", true),
        ("timeout", true),
        ("322", false),
        ("SOMETHING_NEW", false),
        ("*", false),
    ] {
        assert_eq!(policy.names(Stage::Verification, code), named, "{code}");
    }
}

#[test]
fn good_answers_are_paid_for() {
    let policy = Policy::builtin();
    assert_eq!(policy.billed(AccountId::RECOGNITION, "200").as_str(), "yes");
    assert_eq!(policy.billed(AccountId::VERIFICATION, "OK").as_str(), "yes");
    let image = AccountId {
        stage: Stage::Image,
        ..AccountId::STORAGE
    };
    assert_eq!(policy.billed(image, "OK").as_str(), "unknown");
}
