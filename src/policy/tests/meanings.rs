//! `means`, `billed` and `[streak.NAME]` in `policy.file`: what an override changes, and which
//! mistakes are refused.

use super::*;
use crate::policy::{Billing, Proof, Streak};

fn meaning(stage: &str, code: &str, means: &str) -> String {
    with(&format!("means = {means}"))
        .replace("verification", stage)
        .replace("777", code)
}

#[test]
fn a_key_of_means_changes_that_key_and_leaves_the_others_as_built_in() {
    type Says = fn(&Policy) -> bool;
    let rows: [(&str, &str, &str, Says); 10] = [
        (
            "verification",
            "317",
            "[{ streak = \"outage\" }]",
            |policy| said(policy, Stage::Verification, "317").streak == Some(Streak::Outage),
        ),
        (
            "verification",
            "timeout",
            "[{ streak = \"none\" }]",
            |policy| {
                let said = said(policy, Stage::Verification, "timeout");
                said.streak.is_none() && said.evidence == Proof::Nothing
            },
        ),
        (
            "recognition",
            "606",
            "[{ may_be_our = [\"network\", \"setting\"] }]",
            |policy| {
                let said = said(policy, Stage::Recognition, "606");
                said.may_be_our_network && said.may_be_our_setting
            },
        ),
        (
            "recognition",
            "connect",
            "[{ may_be_our = [] }]",
            |policy| {
                let said = said(policy, Stage::Recognition, "connect");
                !said.may_be_our_network && said.streak == Some(Streak::Outage)
            },
        ),
        (
            "verification",
            "317",
            "[{ evidence = \"stage\" }]",
            |policy| said(policy, Stage::Verification, "317").evidence == Proof::Stage,
        ),
        (
            "recognition",
            "400",
            "[{ about_address = false }]",
            |policy| {
                let said = said(policy, Stage::Recognition, "400");
                !said.is_about_address && said.streak == Some(Streak::Refused)
            },
        ),
        (
            "storage",
            "SlowDown",
            "[{ about_bucket = true }]",
            |policy| said(policy, Stage::Storage, "SlowDown").is_about_bucket,
        ),
        (
            "verification",
            "UNAUTHORIZED",
            "[{ probes = [\"1m\"] }]",
            |policy| {
                let schedule =
                    policy.probes(&Failure::new(Stage::Verification, "UNAUTHORIZED", ""));
                schedule.waits == [Duration::from_mins(1)] && !schedule.next_day
            },
        ),
        (
            "verification",
            "UNAUTHORIZED",
            "[{ probe_next_day = true }]",
            |policy| {
                policy
                    .probes(&Failure::new(Stage::Verification, "UNAUTHORIZED", ""))
                    .next_day
            },
        ),
        (
            "verification",
            "UNAUTHORIZED",
            "[{ mend = \"ask the office\" }]",
            |policy| {
                let failure = Failure::new(Stage::Verification, "UNAUTHORIZED", "");
                crate::policy::mend(policy, &failure, None) == "ask the office"
            },
        ),
    ];
    for (stage, code, means, says) in rows {
        assert!(
            !says(&Policy::builtin()),
            "{code} {means}: built in already"
        );
        let policy = overridden(&meaning(stage, code, means));
        assert!(says(&policy), "{code} {means}");
    }
}

fn said(policy: &Policy, stage: Stage, code: &str) -> crate::policy::Meaning {
    let failure = Failure::new(stage, code, "");
    let rule = policy.rule_about(&failure).expect("a rule");
    rule.meaning(code, None)
}

#[test]
fn an_entry_for_one_code_or_status_says_nothing_about_the_others() {
    let policy = overridden(&with(
        "code = [\"317\", \"318\"]\nmeans = [{ code = [\"317\"], streak = \"outage\" }]",
    ));
    let streak = |code| said(&policy, Stage::Verification, code).streak;
    assert_eq!(
        (streak("317"), streak("318")),
        (Some(Streak::Outage), Some(Streak::Identity))
    );
    let policy = overridden(&with(
        "means = [{ http_status = [503], streak = \"outage\" }]",
    ));
    let failure = Failure::new(Stage::Verification, "777", "");
    let rule = policy.rule_about(&failure).expect("a rule");
    let streak = |status| rule.meaning("777", Some(status)).streak;
    assert_eq!((streak(503), streak(200)), (Some(Streak::Outage), None));
}

#[test]
fn billed_is_what_the_override_says() {
    for (written, billing) in [
        ("yes", Billing::Fixed(Billed::Yes)),
        ("no", Billing::Fixed(Billed::No)),
        ("unknown", Billing::Fixed(Billed::Unknown)),
        ("2xx", Billing::With2xx),
    ] {
        let policy = overridden(&with(&format!("billed = {written:?}")));
        let mine = policy.rules().iter().find(|rule| rule.overridden);
        assert_eq!(mine.map(|rule| rule.billed), Some(billing), "{written}");
    }
}

#[test]
fn a_streak_keeps_the_keys_that_are_left_out() {
    let builtin = Policy::builtin();
    for (text, streak, in_a_row, reason, mend) in [
        (
            "[streak.outage]\nin_a_row = 3",
            Streak::Outage,
            3,
            None,
            None,
        ),
        (
            "[streak.refused]\nreason = \"refused\"\nthen = \"control_call\"",
            Streak::Refused,
            5,
            Some("refused"),
            None,
        ),
        (
            "[streak.malformed]\nmend = \"call us\"",
            Streak::Malformed,
            10,
            None,
            Some("call us"),
        ),
        (
            "[streak.forbidden]\nin_a_row = 1000",
            Streak::Forbidden,
            1_000,
            None,
            None,
        ),
        (
            "[streak.unlisted]\nin_a_row = 2",
            Streak::Unlisted,
            2,
            None,
            None,
        ),
    ] {
        let (before, policy) = (&builtin.streaks()[&streak], overridden(text));
        let after = &policy.streaks()[&streak];
        assert_eq!(
            (after.in_a_row, after.reason.as_str(), after.mend.as_str()),
            (
                in_a_row,
                reason.unwrap_or(&before.reason),
                mend.unwrap_or(&before.mend)
            ),
            "{text}"
        );
        assert_eq!(policy.rules(), builtin.rules(), "{text}");
    }
    let policy = overridden("[streak.identity]\nwithin = \"1h\"");
    let identity = &policy.streaks()[&Streak::Identity];
    assert_eq!(
        (identity.in_a_row, identity.within),
        (3, Some(jiff::SignedDuration::from_hours(1)))
    );
}

#[test]
fn mistakes_in_a_meaning_are_refused_with_their_line() {
    for (stage, means, problem) in [
        ("verification", "[{}]", "says nothing about the answer"),
        (
            "verification",
            "[{ code = [\"777\"] }]",
            "says nothing about the answer",
        ),
        (
            "verification",
            "[{ code = [\"778\"], streak = \"outage\" }]",
            "\"778\" is none of the rule's codes",
        ),
        (
            "verification",
            "[{ http_status = [70], streak = \"outage\" }]",
            "`http_status` is a list of numbers from 100 to 599",
        ),
        (
            "verification",
            "[{ streak = \"outrage\" }]",
            "there is no streak of verification \"outrage\"",
        ),
        (
            "verification",
            "[{ streak = \"forbidden\" }]",
            "there is no streak of verification \"forbidden\"",
        ),
        (
            "verification",
            "[{ may_be_our = [\"fault\"] }]",
            "there is no part of ours \"fault\"",
        ),
        (
            "verification",
            "[{ evidence = \"all\" }]",
            "there is no evidence \"all\"",
        ),
        (
            "recognition",
            "[{ evidence = \"registry\" }]",
            "the registry is asked by verification only",
        ),
        (
            "storage",
            "[{ about_address = true }]",
            "`about_address` is about the address that a provider fetches an image from",
        ),
        (
            "verification",
            "[{ about_bucket = true }]",
            "`about_bucket` is about the store",
        ),
        (
            "verification",
            "[{ probes = [] }]",
            "`probes` needs 1 to 32 durations",
        ),
        (
            "verification",
            "[{ probes = [\"25h\"] }]",
            "\"25h\" is not between 1ms and 24h",
        ),
        ("verification", "[{ mend = \"\" }]", "`mend` is empty"),
        (
            "verification",
            "[{ colour = \"red\" }]",
            "unknown field `colour`",
        ),
    ] {
        let code = if stage == "storage" {
            "SlowDown"
        } else {
            "777"
        };
        let text = refusal(&meaning(stage, code, means));
        assert!(
            text.starts_with("mine.toml, line 5") && text.contains(problem),
            "{means}: {text}"
        );
    }
    let text = refusal(&with("billed = \"3xx\""));
    assert!(text.starts_with("mine.toml, line 5"), "{text}");
}

#[test]
fn mistakes_in_a_streak_are_refused_with_their_line() {
    for (text, line, problem) in [
        (
            "[streak.outrage]\nin_a_row = 3",
            1,
            "there is no streak \"outrage\"",
        ),
        (
            "[streak.network]\nin_a_row = 3",
            1,
            "there is no streak \"network\"",
        ),
        (
            "[streak.outage]\nin_a_row = 1",
            2,
            "`in_a_row` is a number from 2 to 1000",
        ),
        (
            "[streak.outage]\nin_a_row = 1001",
            2,
            "`in_a_row` is a number from 2 to 1000",
        ),
        (
            "[streak.outage]\nthen = \"control_call\"",
            2,
            "what follows is \"pause\"",
        ),
        (
            "[streak.refused]\nthen = \"pause\"",
            2,
            "what follows is \"control_call\"",
        ),
        (
            "[streak.outage]\nwithin = \"10m\"",
            2,
            "only `identity` counts",
        ),
        (
            "[streak.identity]\nwithin = \"25h\"",
            2,
            "\"25h\" is not between 1ms and 24h",
        ),
        (
            "[streak.identity]\nwithin = \"soon\"",
            2,
            "\"soon\" is not a duration",
        ),
        ("[streak.outage]\nin_row = 3", 2, "unknown field `in_row`"),
    ] {
        let refused = refusal(text);
        assert!(
            refused.starts_with(&format!("mine.toml, line {line}")) && refused.contains(problem),
            "{text}: {refused}"
        );
    }
}
