use super::*;
use crate::policy::{Rule, Step};
use proptest::prelude::*;

#[test]
fn a_job_that_was_parked_is_not_retried_in_place_again() {
    let policy = Policy::builtin();
    let mut case = case(Stage::Verification, "317");
    case.progress.charge("verification/317", 1);
    assert_eq!(decide(&policy, &case).step, 1);
}

#[test]
fn a_thousand_different_unknown_codes_share_one_budget() {
    let policy = Policy::builtin();
    let mut progress = progress();
    let mut parked = 0;
    for number in 0..1000 {
        let failure = Failure::new(Stage::Recognition, format!("NEW_{number}"), "");
        let ruling = policy.decide(&failure, &progress, &facts());
        progress.charge(&ruling.rule, ruling.step);
        parked += usize::from(matches!(ruling.decision, Decision::Park { .. }));
    }
    assert_eq!(parked, 2);
}

#[test]
fn a_job_is_turned_upright_once_whatever_asks_for_it() {
    let policy = Policy::builtin();
    let mut case = case(Stage::Verification, "301");
    assert_eq!(decide(&policy, &case).decision, Decision::Rotate);
    case.progress.steps.rotated_for = Some("301".to_owned());
    case.failure.code = "312".to_owned();
    assert_eq!(
        decide(&policy, &case).decision,
        Decision::Fail { invalid_job: None }
    );
}

#[test]
fn an_image_that_the_provider_cannot_fetch_is_sent_inline_once() {
    let policy = Policy::builtin();
    let mut case = case(Stage::Verification, "DOWNLOAD_ERROR");
    assert!(matches!(
        decide(&policy, &case).decision,
        Decision::Park { .. }
    ));
    case.facts.transfer = Transfer::Url;
    let ruling = decide(&policy, &case);
    assert_eq!(ruling.decision, Decision::Inline);
    case.progress.charge(&ruling.rule, ruling.step);
    assert!(
        matches!(decide(&policy, &case).decision, Decision::Park { .. }),
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
        let mut case = case(Stage::Recognition, code);
        for _ in 0..100 {
            let ruling = decide(&policy, &case);
            assert_eq!(ruling.decision, decision);
            case.progress.charge(&ruling.rule, ruling.step);
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
    ) -> Case {
        let mut case = case(stage, &code);
        case.failure.message = message;
        case.failure.http_status = http_status;
        case.failure.qr_code_found = qr_code_found;
        case.failure.nothing_read = nothing_read;
        case.progress.steps.rotated_for = rotated_for;
        case.facts.deadline = case.facts.now + jiff::SignedDuration::from_hours(hours);
        case.facts.billing_date = age.map(|age| jiff::civil::date(2026, 11, 22).saturating_sub(jiff::Span::new().days(age)));
        case.facts.transfer = if url { Transfer::Url } else { Transfer::Inline };
        case.facts.spread = spread;
        case
    }
}

proptest! {
    #[test]
    fn a_failure_that_never_changes_ends_within_the_budgets_of_its_rules(case in any_case()) {
        let policy = Policy::builtin();
        let moments = case.forecast(&policy);
        let left = Duration::try_from(case.facts.deadline.duration_since(case.facts.now)).unwrap_or_default();
        let rules = policy.rules().iter().filter(|rule| rule.catches(case.failure.vendor, case.failure.stage, &case.failure.code));
        let budget: usize = rules.map(|rule| budget(rule, left)).sum();
        prop_assert!(moments.len() <= budget + 1, "{}", life(&moments));
        let last = moments.last().map(|moment| &moment.ruling.decision);
        let ended = matches!(last, Some(Decision::Continue | Decision::Verdict(_) | Decision::Fail { .. } | Decision::Throttle | Decision::Pause));
        prop_assert!(ended, "{}", life(&moments));
    }

    #[test]
    fn no_attempt_is_planned_for_after_the_deadline(case in any_case()) {
        for moment in case.forecast(&Policy::builtin()) {
            if let Decision::Park { until } = moment.ruling.decision {
                prop_assert!(until > moment.at && until <= case.facts.deadline);
            }
        }
    }

    #[test]
    fn no_verdict_comes_from_being_short_of_time(case in any_case()) {
        let policy = Policy::builtin();
        let mut patient = case.clone();
        patient.facts.deadline = Timestamp::MAX;
        let (hurried, patient) = (decide(&policy, &case).decision, decide(&policy, &patient).decision);
        prop_assert!(hurried == patient || !matches!(hurried, Decision::Verdict(_)), "{hurried:?} instead of {patient:?}");
    }
}
