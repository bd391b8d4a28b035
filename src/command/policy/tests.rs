use super::explain::{Page, explain};
use super::show::show;
use crate::domain::failure::Stage;
use crate::policy::Policy;
use jiff::tz::TimeZone;

/// The width of the snapshots.
const WIDE: usize = 120;

fn shown(policy: &Policy) -> String {
    shown_in(WIDE, policy)
}

fn shown_in(columns: usize, policy: &Policy) -> String {
    let mut out = Vec::new();
    show(policy, columns, &mut out).expect("writing to memory");
    String::from_utf8(out).expect("text")
}

fn explained(policy: &Policy, code: &str, stage: Option<Stage>) -> String {
    explained_in(WIDE, policy, code, stage)
}

fn explained_in(columns: usize, policy: &Policy, code: &str, stage: Option<Stage>) -> String {
    let mut out = Vec::new();
    let now = (
        "2026-11-22T04:00:00Z".parse().expect("a time"),
        std::time::Duration::from_hours(96),
    );
    let timezone = TimeZone::get("Asia/Shanghai").expect("a time zone");
    let mut page = Page {
        out: &mut out,
        columns,
    };
    match explain(policy, code, stage, now, &timezone, &mut page) {
        Ok(()) => String::from_utf8(out).expect("text"),
        Err(problem) => format!("refused: {problem}\n"),
    }
}

#[test]
fn the_table_reads_well() {
    insta::assert_snapshot!(shown(&Policy::builtin()));
}

#[test]
fn rules_from_the_policy_file_are_marked() {
    let rule = "[[rule]]\nstage = \"storage\"\ncode = [\"NoSuchKey\"]\ndo = [{ action = \"fail\" }]\nreason = \"mine\"";
    let policy = Policy::with_overrides(rule, "mine.toml").expect("a sound rule");
    let text = shown(&policy);
    assert!(text.contains("* NoSuchKey"));
    assert!(text.contains("* from policy.file"));
    assert!(!shown(&Policy::builtin()).contains("policy.file"));
    assert!(
        explained(&policy, "NoSuchKey", None).contains("mine [storage/NoSuchKey, policy.file]")
    );
}

#[test]
fn explanations_say_what_happens_when_and_why() {
    let policy = Policy::builtin();
    let asked = [
        "317",
        "316",
        "300",
        "APIGW.0308",
        "http.502",
        "OUT_OF_QUOTA",
        "NoSuchKey",
        "INVALID_ARGUMENT",
        "NEW_CODE",
        " ",
    ];
    let text: Vec<String> = asked
        .iter()
        .map(|code| {
            format!(
                "$ policy explain {code}\n{}",
                explained(&policy, code, None)
            )
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn nothing_is_wider_than_the_terminal_and_no_code_is_cut() {
    let policy = Policy::builtin();
    let codes: std::collections::BTreeSet<&str> = policy
        .rules()
        .iter()
        .flat_map(|rule| &rule.codes)
        .map(String::as_str)
        .collect();
    for columns in [80, 100, 120, 200] {
        let table = shown_in(columns, &policy);
        for code in &codes {
            assert!(table.contains(code), "{code} at {columns}");
        }
        let text = codes
            .iter()
            .map(|code| explained_in(columns, &policy, code, None));
        for line in text.chain([table]).collect::<String>().lines() {
            assert!(line.chars().count() <= columns, "{line}");
        }
    }
}

#[test]
fn every_way_in_which_a_code_can_come_is_explained() {
    let text = explained(&Policy::builtin(), "300", None);
    for age in [
        "without a known date",
        "dated in the future",
        "3 days old",
        "4 days old",
        "365 days old",
        "366 days old",
    ] {
        for found in ["No QR code found", "QR code found"] {
            let wanted = |line: &&str| {
                line.to_lowercase()
                    .contains(&format!(" {}, bill", found.to_lowercase()))
                    && line.contains(age)
            };
            assert!(text.lines().any(|line| wanted(&line)), "{found}, {age}");
        }
    }
}

#[test]
fn a_stage_narrows_the_explanation() {
    let policy = Policy::builtin();
    let text = explained(&policy, "timeout", Some(Stage::Verification));
    assert!(text.contains("verification/timeout"));
    assert!(!text.contains("recognition/timeout"));
    assert!(explained(&policy, "timeout", Some(Stage::Image)).starts_with("refused"));
}

#[test]
fn every_code_that_belongs_to_a_row_says_so() {
    let policy = Policy::builtin();
    for (stage, code, row) in [
        (
            Stage::Storage,
            "AccessDenied",
            "several different keys in a row",
        ),
        (Stage::Storage, "SlowDown", "several calls in a row"),
        (
            Stage::Recognition,
            "400",
            "several requests in a row about different images",
        ),
        (
            Stage::Recognition,
            "APIG.0602",
            "several requests in a row about different images",
        ),
        (Stage::Recognition, "connect", "several calls in a row"),
        (
            Stage::Verification,
            "INVALID_ARGUMENT",
            "several requests in a row about different images",
        ),
        (Stage::Verification, "timeout", "several calls in a row"),
        (
            Stage::Verification,
            "318",
            "several provinces within a short time",
        ),
    ] {
        let text = explained(&policy, code, Some(stage))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(text.contains(row), "{stage} {code}: {text}");
        assert!(
            text.contains(&format!("While {stage} is paused")),
            "{stage} {code}"
        );
    }
    assert!(!explained(&policy, "316", None).contains("is paused,"));
}

#[test]
fn an_end_that_the_deadline_brings_says_so() {
    let policy = Policy::builtin();
    assert!(
        explained(&policy, "316", None)
            .contains("because the next wait would end after the deadline, 11-26 12:00:00")
    );
    assert!(!explained(&policy, "317", None).contains("because the next wait"));
}

/// A rule that people are shown is one that they can use.
#[test]
fn the_rules_in_the_documentation_are_sound() {
    let rules: Vec<&str> = include_str!("../../../config/policy.md")
        .split("```")
        .filter_map(|block| block.strip_prefix("toml\n[[rule]]"))
        .collect();
    assert!(!rules.is_empty());
    for rule in rules {
        let policy = Policy::with_overrides(&format!("[[rule]]{rule}"), "the documentation");
        assert!(shown(&policy.expect("a sound rule")).contains("* 317"));
    }
}

#[test]
fn codes_of_our_own_are_shown_as_such() {
    for code in [
        "job.deadline",
        "job.malformed",
        "job.poison",
        "image.too_large",
        "worker.panic",
        "redelivered",
        "worker.lost",
        "registry_status_unknown",
        "delivery_limit",
        "other",
    ] {
        let text = explained(&Policy::builtin(), code, None);
        assert!(
            text.starts_with(&format!("{code} is a code of this program's own")),
            "{text}"
        );
        assert!(!text.contains("parked for"), "{text}");
    }
}
