use super::*;
use crate::policy::Policy;

fn meaning(failure: &Failure) -> Meaning {
    Policy::builtin().meaning(failure)
}

/// One more failure in these rows.
fn count(
    streaks: &mut Streaks,
    failure: &Failure,
    subject: &Subject<'_>,
    now: Timestamp,
) -> Option<Streak> {
    streaks.failed(
        Policy::builtin().streaks(),
        AccountName::parse(failure.stage.as_str()).unwrap(),
        failure,
        meaning(failure),
        subject,
        now,
    )
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
}

fn failure(stage: Stage, code: &str) -> Failure {
    Failure::new(stage, code, "")
}

fn about(name: &str) -> Subject<'_> {
    Subject {
        name,
        is_inline: true,
        ..Subject::default()
    }
}

/// What each of these failures in turn amounts to, each about an image of its own.
fn told(codes: &[&str]) -> Vec<Option<Streak>> {
    let mut streaks = Streaks::default();
    let tell = |(index, code): (usize, &&str)| {
        count(
            &mut streaks,
            &failure(Stage::Verification, code),
            &about(&index.to_string()),
            at(0),
        )
    };
    codes.iter().enumerate().map(tell).collect()
}

#[test]
fn the_tenth_call_without_an_answer_in_a_row_is_one_too_many() {
    let codes = ["connect", "timeout", "http.502"].repeat(4);
    let told = told(&codes);
    assert_eq!(told.iter().position(Option::is_some), Some(9));
    assert_eq!(told[9..], [Some(Streak::Outage); 3]);
    let mut interrupted = codes.clone();
    interrupted[5] = "316";
    assert_eq!(super::tests::told(&interrupted), [None; 12]);
}

#[test]
fn a_good_answer_ends_every_row() {
    let mut streaks = Streaks::default();
    for _ in 0..9 {
        assert_eq!(
            count(
                &mut streaks,
                &failure(Stage::Recognition, "timeout"),
                &about(""),
                at(0)
            ),
            None
        );
    }
    streaks.answered(AccountName::RECOGNITION);
    assert_eq!(
        count(
            &mut streaks,
            &failure(Stage::Recognition, "timeout"),
            &about(""),
            at(0)
        ),
        None
    );
}

#[test]
fn stages_have_rows_of_their_own() {
    let mut streaks = Streaks::default();
    for stage in [Stage::Storage, Stage::Recognition, Stage::Verification].repeat(9) {
        assert_eq!(
            count(&mut streaks, &failure(stage, "connect"), &about(""), at(0)),
            None
        );
    }
    assert_eq!(
        count(
            &mut streaks,
            &failure(Stage::Storage, "connect"),
            &about(""),
            at(0)
        ),
        Some(Streak::Outage)
    );
}

#[test]
fn five_different_images_that_are_refused_are_one_too_many() {
    let mut streaks = Streaks::default();
    let mut tell = |image: &str| {
        count(
            &mut streaks,
            &failure(Stage::Verification, "INVALID_ARGUMENT"),
            &about(image),
            at(0),
        )
    };
    assert_eq!(["a", "a", "b", "c", "a", "d"].map(&mut tell), [None; 6]);
    assert_eq!(tell("e"), Some(Streak::Refused));
}

#[test]
fn only_the_gateways_own_bad_requests_count() {
    let gateway = |status| Failure {
        http_status: Some(status),
        ..failure(Stage::Recognition, "APIG.0201")
    };
    let other = |status| Failure {
        http_status: Some(status),
        ..failure(Stage::Recognition, "APIG.0602")
    };
    for (failure, expected) in [
        (gateway(400), Some(Streak::Refused)),
        (gateway(413), None),
        (other(400), Some(Streak::Refused)),
        (other(500), None),
        (failure(Stage::Verification, "400"), None),
    ] {
        assert_eq!(meaning(&failure).streak, expected, "{failure:?}");
    }
}

#[test]
fn five_forbidden_keys_in_a_row_are_our_own_rights() {
    let mut streaks = Streaks::default();
    let mut tell = |code: &str, key: &str| {
        count(
            &mut streaks,
            &failure(Stage::Storage, code),
            &about(key),
            at(0),
        )
    };
    for key in ["a", "b", "c", "d"] {
        assert_eq!(tell("AccessDenied", key), None);
    }
    assert_eq!(tell("NoSuchKey", "x"), None);
    assert_eq!(
        ["a", "b", "c", "d"].map(|key| tell("AccessDenied", key)),
        [None; 4]
    );
    assert_eq!(tell("AccessDenied", "e"), Some(Streak::Forbidden));
}

#[test]
fn the_identity_check_has_to_fail_in_three_provinces_within_ten_minutes() {
    let mut streaks = Streaks::default();
    let mut tell = |province: &str, minute: i64| {
        let province = Province::of(province);
        let subject = Subject {
            province: province.as_ref(),
            ..about("")
        };
        count(
            &mut streaks,
            &failure(Stage::Verification, "318"),
            &subject,
            at(minute),
        )
    };
    assert_eq!(
        [
            tell("河南", 0),
            tell("河南", 1),
            tell("浙江", 2),
            tell("", 3)
        ],
        [None; 4]
    );
    assert_eq!(tell("北京", 12), None, "Henan's is eleven minutes old");
    assert_eq!(tell("河南", 12), Some(Streak::Identity));
    streaks.answered(AccountName::VERIFICATION);
    let beijing = Province::of("北京");
    let again = count(
        &mut streaks,
        &failure(Stage::Verification, "318"),
        &Subject {
            province: beijing.as_ref(),
            ..about("")
        },
        at(12),
    );
    assert_eq!(
        again,
        Some(Streak::Identity),
        "bills of other provinces may be answered meanwhile"
    );
}

/// How many of twenty such failures, each about a subject of its own, were one too many.
fn too_many(stage: Stage, code: &str, subject: &Subject<'_>) -> usize {
    let mut streaks = Streaks::default();
    let failed = |index: i32| {
        count(
            &mut streaks,
            &failure(stage, code),
            &Subject {
                name: &index.to_string(),
                ..subject.clone()
            },
            at(0),
        )
    };
    (0..20).filter_map(failed).count()
}

#[test]
fn a_failure_of_the_jobs_own_making_never_counts() {
    let brought = Subject {
        is_brought: true,
        ..about("")
    };
    for (stage, code) in [
        (Stage::Storage, "AccessDenied"),
        (Stage::Storage, "NeverHeardOf"),
        (Stage::Storage, "connect"),
        (Stage::Storage, "http.503"),
        (Stage::Recognition, "400"),
        (Stage::Recognition, "timeout"),
        (Stage::Verification, "INVALID_ARGUMENT"),
        (Stage::Verification, "http.502"),
    ] {
        assert_eq!(too_many(stage, code, &brought), 0, "{stage} {code}");
    }
    assert_eq!(
        too_many(Stage::Verification, "connect", &brought),
        11,
        "nothing was sent: that is our network"
    );
    assert_eq!(
        too_many(
            Stage::Recognition,
            "400",
            &Subject {
                is_inline: false,
                ..about("")
            }
        ),
        0,
        "an address of ours"
    );
}

#[test]
fn the_same_unknown_code_for_five_keys_is_one_too_many() {
    let unlisted = about("");
    assert_eq!(too_many(Stage::Storage, "NeverHeardOf", &unlisted), 16);
    assert_eq!(too_many(Stage::Storage, "request", &unlisted), 0);
    assert_eq!(
        too_many(Stage::Storage, "NoSuchKey", &about("")),
        0,
        "it is known"
    );
    let mut streaks = Streaks::default();
    let codes = ["A", "A", "A", "A", "B", "A", "A", "A", "A"];
    let told = codes.iter().enumerate().map(|(index, code)| {
        count(
            &mut streaks,
            &failure(Stage::Storage, code),
            &Subject {
                name: &index.to_string(),
                ..unlisted.clone()
            },
            at(0),
        )
    });
    assert_eq!(told.flatten().count(), 0, "another code comes between");
}

#[test]
fn a_store_that_is_unwell_is_out_whatever_it_calls_it() {
    let slow = Failure {
        http_status: Some(503),
        ..failure(Stage::Storage, "SlowDown")
    };
    assert_eq!(meaning(&slow).streak, Some(Streak::Outage));
    let too_many = Failure {
        http_status: Some(429),
        ..slow
    };
    assert_eq!(meaning(&too_many).streak, None);
    let unwell = Failure {
        http_status: Some(500),
        ..failure(Stage::Verification, "INTERNAL_ERROR")
    };
    assert_eq!(meaning(&unwell).streak, None);
}
