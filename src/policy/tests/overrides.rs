use super::*;
use crate::policy::merge::merge;
use crate::policy::{Billing, Rule, ScopeKind, Step, codes};
use std::sync::Arc;

fn overridden(text: &str) -> Policy {
    Policy::with_overrides(text, "mine.toml").unwrap_or_else(|problem| panic!("{problem}"))
}

fn refusal(text: &str) -> String {
    Policy::with_overrides(text, "mine.toml")
        .map_or_else(|problem| problem.to_string(), |_| "accepted".to_owned())
}

/// A rule with nothing special about it but this line.
fn with(line: &str) -> String {
    let mut rule = String::from("[[rule]]\n");
    for default in [
        "stage = \"verification\"",
        "code = [\"777\"]",
        "do = [{ action = \"fail\" }]",
    ] {
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
    policy
        .rules()
        .iter()
        .find(|rule| rule.id == ruling.rule)
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
                rules: merge(builtin.rules().to_vec(), vec![rule]),
            };
            for (stage, other) in named
                .iter()
                .filter(|(stage, other)| (*stage, other) != (replaced.stage, code))
            {
                let case = case(*stage, other);
                assert_eq!(
                    decide(&policy, &case).decision,
                    decide(&builtin, &case).decision,
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
    let mut case = case(Stage::Verification, "300");
    case.failure.qr_code_found = Some(true);
    assert!(matches!(
        decide(&policy, &case).decision,
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
    let mut case = case(Stage::Verification, "317");
    assert!(matches!(
        decide(&policy, &case).decision,
        Decision::Retry { .. }
    ));
    case.failure.qr_code_found = Some(true);
    assert!(matches!(
        decide(&policy, &case).decision,
        Decision::Fail { .. }
    ));
}

#[test]
fn several_rules_for_a_new_code_keep_their_order() {
    let text = with("code = [\"777\"]\nwhen = { qr_code_found = true }")
        + "\n"
        + &with("do = [{ action = \"pause\" }]");
    let policy = overridden(&text);
    let mut case = case(Stage::Verification, "777");
    assert_eq!(decide(&policy, &case).decision, Decision::Pause);
    case.failure.qr_code_found = Some(true);
    assert!(matches!(
        decide(&policy, &case).decision,
        Decision::Fail { .. }
    ));
}

#[test]
fn mistakes_are_reported_with_their_line() {
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
        with(
            "do = [{ action = \"retry\", attempts = 1, backoff = \"1h\" }, { action = \"fail\" }]",
        ),
        with("do = [{ action = \"park\", attempts = 1 }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [] }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [\"soon\"] }, { action = \"fail\" }]"),
        with("do = [{ action = \"park\", delays = [\"0s\"] }, { action = \"fail\" }]"),
        with(
            "do = [{ action = \"park\", delays = [\"1h\"], attempts = -1 }, { action = \"fail\" }]",
        ),
        with("do = [{ action = \"verdict\" }]"),
        with("do = [{ action = \"verdict\", verdict = \"genuine\" }]"),
        with("do = [{ action = \"verdict\", verdict = \"registry\" }]"),
        with("do = [{ action = \"verdict\", verdict = \"invalid\" }]")
            .replace("verification", "recognition"),
        with("do = [{ action = \"continue\" }]"),
        with("do = [{ action = \"resign\" }, { action = \"fail\" }]"),
        with(&format!(
            "do = [{}{{ action = \"fail\" }}]",
            "{ action = \"rotate\" }, ".repeat(16)
        )),
        with("") + "\n" + &with("when = { rotated = true }"),
        with("code = [\"#\"]") + "\n" + &with(""),
        "[[rule]\n".to_owned(),
        "rule = 3\n".to_owned(),
    ];
    let told: Vec<String> = mistakes.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// The promises of the issue, each with its file and its line.
#[test]
fn an_impossible_policy_is_refused() {
    for (impossible, expected) in [
        (
            with("do = [{ action = \"wait\" }]"),
            "line 4: there is no action \"wait\"",
        ),
        (
            with("code = [\"OUT_OF_QOUTA\"]"),
            "line 4: \"OUT_OF_QOUTA\" is no code of verification; did you mean \"OUT_OF_QUOTA\"?",
        ),
        (
            with("do = [{ action = \"park\", delays = [] }, { action = \"fail\" }]"),
            "line 4: `delays` needs 1 to 32 durations",
        ),
        (
            with("") + "\n" + &with(""),
            "line 6: verification \"777\" is never reached: the rule in line 1 takes it",
        ),
        (
            with("do = [{ action = \"verdict\" }]"),
            "line 4: \"verdict\" needs `verdict`",
        ),
        (
            with("do = [{ action = \"park\", delays = [\"5m\"] }]"),
            "line 4: \"park\" cannot be last",
        ),
    ] {
        let told = refusal(&impossible);
        assert!(
            told.starts_with(&format!("mine.toml, {expected}")),
            "{told}"
        );
    }
}

#[test]
fn every_action_that_is_not_final_cannot_be_last() {
    for step in [
        "action = \"retry\", attempts = 1",
        "action = \"park\", delays = [\"5m\"], attempts = 1",
        "action = \"next_day\", attempts = 1",
        "action = \"rotate\"",
        "action = \"inline\"",
    ] {
        assert!(
            refusal(&with(&format!("do = [{{ {step} }}]"))).contains("cannot be last"),
            "{step}"
        );
        assert_eq!(
            refusal(&with(&format!(
                "do = [{{ {step} }}, {{ action = \"fail\" }}]"
            ))),
            "accepted",
            "{step}"
        );
    }
}

#[test]
fn names_that_no_answer_of_the_stage_carries_are_reported_with_what_was_meant() {
    let names = [
        (
            "storage",
            "NoSuchKye nosuchkey # 316 OUT_OF_QUOTA malformed",
        ),
        ("recognition", "APIG.038 APIGW.03080 OUT_OF_QUOTA truncated"),
        (
            "verification",
            "OUT_OF_QOUTA TIMEOUT time_out http.5XX http.5021 http.700 0316 APIG.0308 SOMETHING_NEW",
        ),
    ];
    let asked = names
        .iter()
        .flat_map(|(stage, names)| names.split(' ').map(move |name| (*stage, name)));
    let told = asked.map(|(stage, name)| {
        refusal(
            &with(&format!("code = [\"{name}\"]"))
                .replace("\"verification\"", &format!("{stage:?}")),
        )
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn steps_that_would_always_be_skipped_are_refused() {
    let steps = [
        [
            "{ action = \"park\", delays = [\"5m\"], attempts = 1 }",
            "{ action = \"retry\", attempts = 1 }",
        ],
        [
            "{ action = \"park\", delays = [\"5m\"] }",
            "{ action = \"next_day\", attempts = 1 }",
        ],
        ["{ action = \"rotate\" }", "{ action = \"rotate\" }"],
    ];
    let told = steps.map(|steps| {
        refusal(&with(&format!(
            "do = [{}, {{ action = \"fail\" }}]",
            steps.join(", ")
        )))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn rules_that_would_never_be_reached_are_refused() {
    let when = |text: &str| with(&format!("when = {{ {text} }}"));
    for rules in [
        [with(""), when("rotated = true"), String::new()],
        [
            when("rotated = true"),
            when("rotated = true, qr_code_found = true"),
            String::new(),
        ],
        [when("rotated = true"), when("rotated = false"), with("")],
        [with("code = [\"#\"]"), with(""), String::new()],
        [
            with("code = [\"*\"]"),
            with("code = [\"OUT_OF_QUOTA\"]"),
            String::new(),
        ],
        [
            with("code = [\"http.5xx\"]"),
            with("code = [\"http.502\"]"),
            String::new(),
        ],
    ] {
        let told = refusal(&rules.join("\n"));
        assert!(
            told.contains("is never reached"),
            "{told}\n{}",
            rules.join("\n")
        );
    }
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

/// A rule with this scope, and something to wait for.
fn waiting(scope: &str) -> String {
    with(&format!(
        "do = [{{ action = \"park\", delays = [\"1h\"], attempts = 1 }}, {{ action = \"fail\" }}]\nscope = {scope:?}"
    ))
}

#[test]
fn only_the_registry_says_what_a_bill_is_and_only_the_store_that_a_job_is_at_fault() {
    let verdict = "do = [{ action = \"verdict\", verdict = \"invalid\" }]";
    for code in [
        "timeout",
        "http.5xx",
        "malformed",
        "UNAUTHORIZED",
        "*",
        "INVALID_ARGUMENT",
    ] {
        let told = refusal(&with(verdict).replace("777", code));
        assert!(
            told.starts_with("mine.toml, line 4:") && told.contains("its codes are numbers"),
            "{code}: {told}"
        );
    }
    for code in ["777", "#"] {
        assert_eq!(refusal(&with(verdict).replace("777", code)), "accepted");
    }
    let told = refusal(&with(
        "do = [{ action = \"fail\", invalid_job = \"image.not_found\" }]",
    ));
    assert!(told.contains("is no fault of the job's"), "{told}");
}

#[test]
fn conditions_that_the_stage_never_knows_are_refused() {
    for (when, stage, code) in [
        ("qr_code_found = true", "recognition", "500"),
        ("rotated = false", "storage", "NoSuchKey"),
        ("bill_age_days_max = 3", "recognition", "500"),
        ("nothing_read = true", "verification", "777"),
        ("transfer = \"url\"", "storage", "NoSuchKey"),
    ] {
        let told = refusal(
            &with(&format!("when = {{ {when} }}"))
                .replace("verification", stage)
                .replace("777", code),
        );
        assert!(
            told.starts_with("mine.toml, line 5:"),
            "{stage} {when}: {told}"
        );
    }
}

#[test]
fn province_and_bill_are_scopes_of_verification_alone() {
    for (stage, code) in [("storage", "NoSuchKey"), ("recognition", "500")] {
        for scope in ["province", "bill"] {
            let rule = with(&format!("scope = {scope:?}"))
                .replace("verification", stage)
                .replace("777", code);
            assert_eq!(
                refusal(&rule),
                "mine.toml, line 5: province and bill are not known before verification"
            );
        }
        assert_eq!(
            refusal(
                &waiting("stage")
                    .replace("verification", stage)
                    .replace("777", code)
            ),
            "accepted"
        );
    }
    for scope in ["none", "stage", "province", "bill"] {
        assert_eq!(refusal(&waiting(scope)), "accepted");
    }
    let told = refusal(&with("scope = \"stage\""));
    assert_eq!(
        told,
        "mine.toml, line 5: a scope is closed for as long as a job waits: this rule has no wait"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\[\\[rule\\]\\]\n)?\\PC{0,60}") {
        let _ = Policy::with_overrides(&text, "mine.toml");
    }
}
