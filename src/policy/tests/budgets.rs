use super::*;
use crate::policy::{Rule, Step};
use proptest::prelude::*;

#[test]
fn a_job_that_was_parked_is_not_retried_in_place_again() {
    let policy = Policy::builtin();
    let mut occurrence = occurrence(Stage::Verification, "317");
    occurrence.progress.charge("verification/317", 1);
    assert_eq!(decide(&policy, &occurrence).step, 1);
}

#[test]
fn a_thousand_different_unknown_codes_share_one_budget() {
    let policy = Policy::builtin();
    let mut progress = progress();
    let mut parked = 0;
    for number in 0..1000 {
        let failure = Failure::new(Stage::Recognition, format!("NEW_{number}"), "");
        let decided = policy.decide(&failure, &progress, &facts());
        progress.charge(&decided.rule, decided.step);
        parked += usize::from(matches!(decided.decision, Decision::Park { .. }));
    }
    assert_eq!(parked, 2);
}

#[test]
fn a_job_is_turned_upright_once_whatever_asks_for_it() {
    let policy = Policy::builtin();
    let mut occurrence = occurrence(Stage::Verification, "301");
    assert_eq!(decide(&policy, &occurrence).decision, Decision::Rotate);
    occurrence.progress.steps.rotated_for = Some("301".to_owned());
    occurrence.failure.code = "312".to_owned();
    assert_eq!(
        decide(&policy, &occurrence).decision,
        Decision::Fail { invalid_job: None }
    );
}

#[test]
fn an_image_that_the_provider_cannot_fetch_is_sent_inline_once() {
    let policy = Policy::builtin();
    let mut occurrence = occurrence(Stage::Verification, "DOWNLOAD_ERROR");
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Park { .. }
    ));
    occurrence.facts.transfer = Transfer::Url;
    let decided = decide(&policy, &occurrence);
    assert_eq!(decided.decision, Decision::Inline);
    occurrence.progress.charge(&decided.rule, decided.step);
    assert!(
        matches!(decide(&policy, &occurrence).decision, Decision::Park { .. }),
        "a job whose image is a URL of its own goes on to park"
    );
}

#[test]
fn throttling_and_pauses_never_use_up_an_attempt() {
    let policy = Policy::builtin();
    for (code, decision) in [
        ("APIG.0308", Decision::Throttle),
        ("APIG.0301", Decision::Pause),
    ] {
        let mut occurrence = occurrence(Stage::Recognition, code);
        for _ in 0..100 {
            let decided = decide(&policy, &occurrence);
            assert_eq!(decided.decision, decision);
            occurrence.progress.charge(&decided.rule, decided.step);
        }
    }
}

/// At most so many decisions before the last one.
fn budget(rule: &Rule, until_deadline: Duration) -> usize {
    let steps = rule.steps.iter().map(|step| match step {
        Step::Retry { attempts, .. }
        | Step::NextDay { attempts }
        | Step::Park {
            attempts: Some(attempts),
            ..
        } => *attempts as usize,
        Step::Park {
            delays,
            attempts: None,
        } => {
            let shortest = delays.iter().min().map_or(1, Duration::as_secs).max(1);
            usize::try_from(until_deadline.as_secs() / shortest).unwrap() + 1
        }
        Step::Rotate | Step::Resign | Step::Inline => 1,
        Step::Continue | Step::Verdict(_) | Step::Fail { .. } | Step::Throttle | Step::Pause => 0,
    });
    steps.sum()
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Storage),
        Just(Stage::Recognition),
        Just(Stage::Verification),
        Just(Stage::Image)
    ]
}

fn any_code() -> impl Strategy<Value = String> {
    let named: Vec<String> = Policy::builtin()
        .rules()
        .iter()
        .flat_map(|rule| rule.codes.clone())
        .collect();
    prop_oneof![
        proptest::sample::select(named),
        "\\PC{0,12}",
        "[0-9]{1,5}",
        "http\\.[0-9]{3}"
    ]
}

prop_compose! {
    fn any_case()(
        stage in any_stage(),
        code in any_code(),
        message in "(a day|expired|\\PC{0,8})",
        http_status in proptest::option::of(100_u16..600),
        qr_code_found in any::<Option<bool>>(),
        nothing_read in any::<bool>(),
        rotated_for in proptest::option::of(any_code()),
        hours in -10_i64..200,
        age in proptest::option::of(-500_i32..2000),
        url in any::<bool>(),
        spread in any::<f64>(),
    ) -> Occurrence {
        let mut occurrence = occurrence(stage, &code);
        occurrence.failure.message = message.into();
        occurrence.failure.http_status = http_status;
        occurrence.failure.qr_code_found = qr_code_found;
        occurrence.failure.nothing_read = nothing_read;
        occurrence.progress.steps.rotated_for = rotated_for;
        occurrence.facts.deadline = occurrence.facts.now + jiff::SignedDuration::from_hours(hours);
        occurrence.facts.billing_date = age.map(|age| jiff::civil::date(2026, 11, 22).saturating_sub(jiff::Span::new().days(age)));
        occurrence.facts.transfer = if url { Transfer::Url } else { Transfer::Inline };
        occurrence.facts.spread = spread;
        occurrence
    }
}

proptest! {
    #[test]
    fn a_failure_that_never_changes_ends_within_the_budgets_of_its_rules(occurrence in any_case()) {
        let policy = Policy::builtin();
        let forecast = occurrence.forecast(&policy);
        let left = Duration::try_from(occurrence.facts.deadline.duration_since(occurrence.facts.now)).unwrap_or_default();
        let rules = policy.rules().iter().filter(|rule| rule.catches(occurrence.failure.vendor, occurrence.failure.stage, &occurrence.failure.code));
        let budget: usize = rules.map(|rule| budget(rule, left)).sum();
        prop_assert!(forecast.len() <= budget + 1, "{}", in_words(&forecast));
        let last = forecast.last().map(|entry| &entry.decided.decision);
        let ended = matches!(last, Some(Decision::Continue | Decision::Verdict(_) | Decision::Fail { .. } | Decision::Throttle | Decision::Pause));
        prop_assert!(ended, "{}", in_words(&forecast));
    }

    #[test]
    fn no_attempt_is_planned_for_after_the_deadline(occurrence in any_case()) {
        for entry in occurrence.forecast(&Policy::builtin()) {
            if let Decision::Park { until } = entry.decided.decision {
                prop_assert!(until > entry.at && until <= occurrence.facts.deadline);
            }
        }
    }

    #[test]
    fn no_verdict_comes_from_being_short_of_time(occurrence in any_case()) {
        let policy = Policy::builtin();
        let mut patient = occurrence.clone();
        patient.facts.deadline = Timestamp::MAX;
        let (hurried, patient) = (decide(&policy, &occurrence).decision, decide(&policy, &patient).decision);
        prop_assert!(hurried == patient || !matches!(hurried, Decision::Verdict(_)), "{hurried:?} instead of {patient:?}");
    }
}
