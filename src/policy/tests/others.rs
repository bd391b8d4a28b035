//! What other jobs met with changes what becomes of this one.

use super::*;
use crate::policy::{Others, ScopeKind, Streak};

fn with(others: Others, stage: Stage, code: &str) -> Occurrence {
    let mut occurrence = occurrence(stage, code);
    occurrence.facts.others = others;
    occurrence
}

fn failures(scope: ScopeKind, failures: u32) -> Others {
    Others {
        failures: vec![(scope, failures)],
        ..Others::default()
    }
}

fn minutes(occurrence: &Occurrence, until: Timestamp) -> i64 {
    until.duration_since(occurrence.facts.now).as_mins()
}

/// For how long the job is parked, and for how long its scope is closed.
fn waits(occurrence: &Occurrence) -> (Option<i64>, Option<i64>) {
    let decided = decide(&Policy::builtin(), occurrence);
    let parked = if let Decision::Park { until } = decided.decision {
        Some(minutes(occurrence, until))
    } else {
        None
    };
    (
        parked,
        decided.closes.map(|until| minutes(occurrence, until)),
    )
}

#[test]
fn each_failure_under_a_scope_takes_the_scopes_next_step() {
    let steps: Vec<_> = (0..6)
        .map(|times| {
            waits(&with(
                failures(ScopeKind::Province, times),
                Stage::Verification,
                "316",
            ))
        })
        .collect();
    let expected = [30, 60, 120, 240, 240, 240].map(|minutes| (Some(minutes), Some(minutes)));
    assert_eq!(steps, expected);
}

#[test]
fn a_job_that_is_further_on_than_its_scope_keeps_its_own_step() {
    let mut occurrence = with(failures(ScopeKind::Province, 0), Stage::Verification, "316");
    occurrence.progress.charge("verification/316", 0);
    occurrence.progress.charge("verification/316", 0);
    assert_eq!(
        waits(&occurrence),
        (Some(120), Some(30)),
        "nobody remembered that the province was closed"
    );
}

#[test]
fn a_job_that_has_no_time_left_ends_and_closes_its_scope_all_the_same() {
    let mut occurrence = with(failures(ScopeKind::Province, 3), Stage::Verification, "316");
    occurrence.facts.deadline = occurrence.facts.now + Duration::from_mins(100);
    let decided = decide(&Policy::builtin(), &occurrence);
    assert_eq!(decided.decision, Decision::Fail { invalid_job: None });
    assert_eq!(
        decided.closes.map(|until| minutes(&occurrence, until)),
        Some(240)
    );
}

#[test]
fn a_retry_in_place_closes_nothing() {
    let decided = decide(
        &Policy::builtin(),
        &occurrence(Stage::Verification, "http.502"),
    );
    assert!(matches!(decided.decision, Decision::Retry { .. }));
    assert_eq!((decided.scope, decided.closes), (ScopeKind::Stage, None));
}

#[test]
fn a_stage_that_answers_others_is_not_closed_by_one_job() {
    let mut occurrence = occurrence(Stage::Recognition, "500");
    assert_eq!(waits(&occurrence), (Some(5), Some(5)));
    occurrence.facts.others.answered = true;
    assert_eq!(waits(&occurrence), (Some(5), None));
}

#[test]
fn a_failure_of_the_jobs_own_making_closes_no_scope() {
    for (stage, code, closes) in [
        (Stage::Storage, "SlowDown", false),
        (Stage::Verification, "INTERNAL_ERROR", false),
        (Stage::Recognition, "http.502", false),
        (Stage::Recognition, "500", true),
        (Stage::Recognition, "connect", true),
        (Stage::Verification, "313", true),
    ] {
        let mut occurrence = occurrence(stage, code);
        occurrence.facts.others.is_brought = true;
        // Retries in place close nothing anyway.
        for rule in Policy::builtin().rules() {
            (0..9).for_each(|_| occurrence.progress.charge(&rule.id, 0));
        }
        assert_eq!(
            decide(&Policy::builtin(), &occurrence).closes.is_some(),
            closes,
            "{stage} {code}"
        );
    }
}

#[test]
fn a_bill_is_closed_until_tomorrow() {
    let occurrence = occurrence(Stage::Verification, "313");
    let (parked, closed) = waits(&occurrence);
    assert_eq!(parked, closed);
    assert!(parked.is_some());
}

#[test]
fn a_streak_pauses_whatever_the_rule_says_but_a_verdict() {
    let policy = Policy::builtin();
    for (stage, code) in [
        (Stage::Recognition, "400"),
        (Stage::Verification, "timeout"),
        (Stage::Storage, "AccessDenied"),
    ] {
        let decided = decide(
            &policy,
            &with(
                Others {
                    streak: Some(Streak::Outage),
                    ..Others::default()
                },
                stage,
                code,
            ),
        );
        assert_eq!(
            (decided.decision, decided.closes, decided.streak),
            (Decision::Pause, None, Some(Streak::Outage)),
            "{stage} {code}"
        );
    }
    let verdict = decide(
        &policy,
        &with(
            Others {
                streak: Some(Streak::Outage),
                ..Others::default()
            },
            Stage::Verification,
            "315",
        ),
    );
    assert_eq!(
        verdict.decision,
        Decision::Verdict(Some(Verdict::NotUsable))
    );
}

#[test]
fn a_job_that_paused_its_stage_three_times_while_others_were_answered_fails() {
    let mut occurrence = occurrence(Stage::Verification, "UNAUTHORIZED");
    let mut now = occurrence.facts.now;
    for times in 0..3 {
        assert_eq!(
            decide(&Policy::builtin(), &occurrence).decision,
            Decision::Pause,
            "{times}"
        );
        occurrence
            .progress
            .paused(Stage::Verification, now, Some(now));
        now += Duration::from_mins(10);
    }
    assert_eq!(
        decide(&Policy::builtin(), &occurrence).decision,
        Decision::Fail { invalid_job: None }
    );
    occurrence.failure = Failure::new(Stage::Recognition, "601", "");
    assert_eq!(
        decide(&Policy::builtin(), &occurrence).decision,
        Decision::Pause,
        "each stage for itself"
    );
}

#[test]
fn a_pause_during_which_no_call_was_answered_does_not_count_against_the_job() {
    let mut occurrence = occurrence(Stage::Verification, "UNAUTHORIZED");
    let first = occurrence.facts.now;
    for hours in 0..20 {
        let answered = first - Duration::from_hours(1);
        occurrence.progress.paused(
            Stage::Verification,
            first + Duration::from_hours(hours),
            (hours % 2 == 0).then_some(answered),
        );
    }
    assert_eq!(occurrence.progress.pauses(Stage::Verification), 0);
}

#[test]
fn where_the_streak_is_the_jobs_own_doing_its_rule_decides() {
    let mut occurrence = with(
        Others {
            streak: Some(Streak::Outage),
            ..Others::default()
        },
        Stage::Verification,
        "http.500",
    );
    for minutes in 0..3 {
        let now = occurrence.facts.now + Duration::from_mins(minutes);
        occurrence
            .progress
            .paused(Stage::Verification, now, Some(now));
    }
    assert!(matches!(
        decide(&Policy::builtin(), &occurrence).decision,
        Decision::Retry { .. }
    ));
}
