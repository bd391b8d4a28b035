use super::*;
use crate::domain::policy::merge::merge;
use crate::domain::policy::{Rule, Step, codes};

fn overridden(text: &str) -> Policy {
    Policy::with_overrides(text, "mine.toml").unwrap_or_else(|problem| panic!("{problem}"))
}

fn refusal(text: &str) -> String {
    Policy::with_overrides(text, "mine.toml").map_or_else(|problem| problem.to_string(), |_| "accepted".to_owned())
}

/// A rule with nothing special about it but this line.
fn with(line: &str) -> String {
    let mut rule = String::from("[[rule]]\n");
    for default in ["stage = \"verification\"", "code = [\"777\"]", "do = [{ action = \"fail\" }]"] {
        let key = default.split(' ').next().unwrap_or_default();
        if line.split(' ').next() != Some(key) {
            rule += default;
            rule.push('\n');
        }
    }
    rule + line
}

fn ruled_by(policy: &Policy, stage: Stage, code: &str) -> Rule {
    let ruling = decide(policy, &case(stage, code));
    policy.rules().iter().find(|rule| rule.id == ruling.rule).expect("the rule").clone()
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
        assert_eq!(ruled_by(&policy, Stage::Recognition, code).id, "recognition/601", "{code}");
    }
}

#[test]
fn each_code_of_an_override_goes_to_its_own_place() {
    let policy = overridden(&with("code = [\"316\", \"777\", \"http.5xx\", \"*\"]"));
    for code in ["316", "777", "http.503", "SOMETHING_NEW"] {
        assert!(ruled_by(&policy, Stage::Verification, code).overridden, "{code}");
    }
    for code in ["317", "INTERNAL_ERROR", "malformed", "connect", "778"] {
        assert!(!ruled_by(&policy, Stage::Verification, code).overridden, "{code}");
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
    let exact = |rule: &Rule| rule.codes.iter().filter(|code| !codes::is_open(code)).cloned().collect::<Vec<_>>();
    let named: Vec<(Stage, String)> =
        builtin.rules().iter().flat_map(|rule| exact(rule).into_iter().map(move |code| (rule.stage, code))).collect();
    for replaced in builtin.rules() {
        for code in &replaced.codes {
            let rule = Rule { codes: vec![code.clone()], steps: vec![Step::Pause], reason: "replaced".to_owned(), ..replaced.clone() };
            let policy = Policy { rules: merge(builtin.rules().to_vec(), vec![rule]) };
            for (stage, other) in named.iter().filter(|(stage, other)| (*stage, other) != (replaced.stage, code)) {
                let case = case(*stage, other);
                assert_eq!(decide(&policy, &case).decision, decide(&builtin, &case).decision, "{code} replaced, {stage} {other} asked");
            }
            let ids: std::collections::BTreeSet<&str> = policy.rules().iter().map(|rule| rule.id.as_str()).collect();
            assert_eq!(ids.len(), policy.rules().len(), "{code} replaced");
            assert_eq!(policy.rules().iter().filter(|rule| rule.reason == "replaced").count(), 1);
        }
    }
}

#[test]
fn only_the_variant_with_the_same_conditions_is_replaced() {
    let policy = overridden(&with("code = [\"300\"]"));
    let mut case = case(Stage::Verification, "300");
    case.failure.qr_code_found = Some(true);
    assert!(matches!(decide(&policy, &case).decision, Decision::Park { .. }));
    let fallback: Vec<&Rule> = policy.rules().iter().filter(|rule| rule.overridden).collect();
    assert_eq!(fallback.len(), 1);
    assert_eq!(fallback[0].id, "verification/300.8");
}

#[test]
fn a_new_condition_is_asked_before_the_built_in_ones() {
    let policy = overridden(&with("code = [\"317\"]\nwhen = { qr_code_found = true }"));
    let mut case = case(Stage::Verification, "317");
    assert!(matches!(decide(&policy, &case).decision, Decision::Retry { .. }));
    case.failure.qr_code_found = Some(true);
    assert!(matches!(decide(&policy, &case).decision, Decision::Fail { .. }));
}

#[test]
fn several_rules_for_a_new_code_keep_their_order() {
    let text = with("code = [\"777\"]\nwhen = { qr_code_found = true }") + "\n" + &with("do = [{ action = \"pause\" }]");
    let policy = overridden(&text);
    let mut case = case(Stage::Verification, "777");
    assert_eq!(decide(&policy, &case).decision, Decision::Pause);
    case.failure.qr_code_found = Some(true);
    assert!(matches!(decide(&policy, &case).decision, Decision::Fail { .. }));
}

#[test]
fn mistakes_are_told_with_their_line() {
    let mistakes = [
        with("stage = \"image\""),
        with("scope = \"city\""),
        with("scope = \"bill\"").replace("verification", "storage"),
        with("billed = \"maybe\""),
        with("colour = \"red\""),
        with("when = { qr_cod_found = true }"),
        with("when = { bill_age_days_min = 5, bill_age_days_max = 4 }"),
        with("when = { http_status = [70] }"),
        with("when = { message_contains = \"\" }"),
        with("code = []"),
        with("code = [\"7*\"]"),
        with("code = [\"777\", \"777\"]"),
        with("code = [\"OK\"]"),
        with("do = []"),
        with("do = [{ action = \"explode\" }]"),
        with("do = [{ action = \"fail\", attempts = 3 }]"),
        with("do = [{ action = \"fail\", invalid_job = \"job.odd\" }]"),
        with("do = [{ action = \"fail\" },\n{ action = \"pause\" }]"),
        with("do = [{ action = \"retry\", attempts = 1 }]"),
        with("do = [{ action = \"retry\", attempts = 0 }, { action = \"fail\" }]"),
        with("do = [{ action = \"retry\", attempts = 99 }, { action = \"fail\" }]"),
        with("do = [{ action = \"retry\", attempts = 1, backoff = \"1h\" }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", attempts = 1 }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [] }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [\"soon\"] }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [\"0s\"] }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [\"1h\"], attempts = -1 }, { action = \"fail\" }]"),
        with("do = [{ action = \"verdict\" }]"),
        with("do = [{ action = \"verdict\", verdict = \"genuine\" }]"),
        with("do = [{ action = \"verdict\", verdict = \"registry\" }]"),
        with("do = [{ action = \"verdict\", verdict = \"invalid\" }]").replace("verification", "recognition"),
        with("do = [{ action = \"continue\" }]"),
        with("do = [{ action = \"resign\" }, { action = \"fail\" }]"),
        with(&format!("do = [{}{{ action = \"fail\" }}]", "{ action = \"rotate\" }, ".repeat(16))),
        with("") + "\n" + &with("when = { rotated = true }"),
        with("code = [\"#\"]") + "\n" + &with(""),
        "[[rule]\n".to_owned(),
        "rule = 3\n".to_owned(),
    ];
    let told: Vec<String> = mistakes.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(told.join("\n"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\[\\[rule\\]\\]\n)?\\PC{0,60}") {
        let _ = Policy::with_overrides(&text, "mine.toml");
    }
}
