//! The plan, the bound, the names and the recording.

use super::*;

#[test]
fn no_more_calls_are_planned_to_be_paid_than_may_be_and_the_free_come_first() {
    for spend in 1..=20 {
        for pictures in 1..4 {
            let plan = CertifyPlan::new(&settings(), pictures, spend);
            let paid = plan.paid(Stage::Recognition) + plan.paid(Stage::Verification);
            assert!(paid <= spend as usize, "{plan:?}");
            let is_free = plan.calls.iter().map(|planned| !planned.call.is_free());
            assert!(is_free.is_sorted(), "{plan:?}");
            let all = paid + plan.left_out.len();
            assert_eq!(all, 6 + 2 * pictures, "{plan:?}");
        }
    }
}

#[test]
fn the_bound_counts_what_may_have_been_paid_for() {
    let mut bound = SpendBound::new(2);
    for (billed, spent, allows) in [
        (Billed::No, 0, true),
        (Billed::Unknown, 1, true),
        (Billed::No, 1, true),
        (Billed::Yes, 2, false),
    ] {
        assert!(bound.allows_a_call());
        bound.record(billed);
        assert_eq!((bound.spent(), bound.allows_a_call()), (spent, allows));
    }
}

#[test]
fn names_of_assumptions_and_calls_are_those_of_their_stage() {
    let mut names: Vec<&str> = assumptions().map(|assumption| assumption.name).collect();
    for assumption in assumptions() {
        let stage = assumption.name.split('.').next().unwrap();
        for call in assumption.calls {
            assert_eq!(call.stage().as_str(), stage, "{}", assumption.name);
            assert_eq!(json!(call), json!(call.as_str()));
        }
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_recording_is_read_as_it_is_written_and_only_with_answers_to_give() {
    let recording = CallRecording::of(&documented().made);
    let text = recording.to_json();
    assert_eq!(CallRecording::parse(&text).unwrap(), recording);
    assert!(
        !text.contains("0103152099") && !text.contains("检查费"),
        "{text}"
    );
    for (from, to, problem) in [
        (
            "invoice.recording/1",
            "invoice.recording/9",
            "invoice.recording/9",
        ),
        (
            "recognition-picture",
            "recognition-turned",
            "no good answer of recognition",
        ),
        ("{", "[", "no recording"),
    ] {
        let error = CallRecording::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}
