//! Policies that are refused, each with its file and its line.

use super::*;

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
    let problem: Vec<String> = mistakes.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(problem.join("\n"));
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
        let problem = refusal(&impossible);
        assert!(
            problem.starts_with(&format!("mine.toml, {expected}")),
            "{problem}"
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
    let problem = asked.map(|(stage, name)| {
        refusal(
            &with(&format!("code = [\"{name}\"]"))
                .replace("\"verification\"", &format!("{stage:?}")),
        )
    });
    insta::assert_snapshot!(problem.collect::<Vec<_>>().join("\n"));
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
    let problem = steps.map(|steps| {
        refusal(&with(&format!(
            "do = [{}, {{ action = \"fail\" }}]",
            steps.join(", ")
        )))
    });
    insta::assert_snapshot!(problem.join("\n"));
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
        let problem = refusal(&rules.join("\n"));
        assert!(
            problem.contains("is never reached"),
            "{problem}\n{}",
            rules.join("\n")
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
        let problem = refusal(&with(verdict).replace("777", code));
        assert!(
            problem.starts_with("mine.toml, line 4:") && problem.contains("its codes are numbers"),
            "{code}: {problem}"
        );
    }
    for code in ["777", "#"] {
        assert_eq!(refusal(&with(verdict).replace("777", code)), "accepted");
    }
    let problem = refusal(&with(
        "do = [{ action = \"fail\", invalid_job = \"image.not_found\" }]",
    ));
    assert!(problem.contains("is no fault of the job's"), "{problem}");
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
        let problem = refusal(
            &with(&format!("when = {{ {when} }}"))
                .replace("verification", stage)
                .replace("777", code),
        );
        assert!(
            problem.starts_with("mine.toml, line 5:"),
            "{stage} {when}: {problem}"
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
    let problem = refusal(&with("scope = \"stage\""));
    assert_eq!(
        problem,
        "mine.toml, line 5: a scope is closed for as long as a job waits: this rule has no wait"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\[\\[rule\\]\\]\n)?\\PC{0,60}") {
        let _ = Policy::with_overrides(&text, "mine.toml");
    }
}
