use super::*;

#[test]
fn a_wait_that_would_end_after_the_deadline_is_not_begun() {
    let policy = Policy::builtin();
    let mut at_the_deadline = occurrence(Stage::Recognition, "500");
    at_the_deadline.facts.deadline = time("2026-11-22T04:05:00Z");
    assert_eq!(
        decide(&policy, &at_the_deadline).decision,
        Decision::Park {
            until: at_the_deadline.facts.deadline
        }
    );

    let mut too_late = at_the_deadline;
    too_late.facts.deadline = time("2026-11-22T04:04:59Z");
    let decided = decide(&policy, &too_late);
    assert_eq!(
        (decided.step, decided.decision),
        (1, Decision::Fail { invalid_job: None })
    );
}

#[test]
fn a_deadline_that_cuts_a_rule_short_makes_no_verdict() {
    let policy = Policy::builtin();
    let mut occurrence = occurrence(Stage::Verification, "300");
    occurrence.failure.qr_code_found = Some(true);
    occurrence.facts.billing_date = Some(jiff::civil::date(2026, 11, 22));
    let not_found = Decision::Verdict(Some(Verdict::NotFound));
    let fail = Decision::Fail { invalid_job: None };

    // Both waits of a day fit: then it is known that the registry does not know the bill.
    assert_eq!(
        occurrence
            .forecast(&policy)
            .last()
            .map(|last| &last.decided.decision),
        Some(&not_found)
    );
    // Only the first fits, or none of them.
    for deadline in ["2026-11-24T03:59:59Z", "2026-11-22T05:00:00Z"] {
        occurrence.facts.deadline = time(deadline);
        let forecast = occurrence.forecast(&policy);
        assert_eq!(
            forecast.last().map(|last| &last.decided.decision),
            Some(&fail),
            "{deadline}: {}",
            in_words(&forecast)
        );
    }
    // A bill old enough needs no waiting, so the deadline cuts nothing short.
    occurrence.facts.billing_date = Some(jiff::civil::date(2026, 11, 1));
    assert_eq!(decide(&policy, &occurrence).decision, not_found);
}

#[test]
fn nothing_is_attempted_after_the_deadline() {
    let policy = Policy::builtin();
    for (stage, code) in [
        (Stage::Verification, "301"),
        (Stage::Recognition, "connect"),
        (Stage::Verification, "313"),
    ] {
        let mut late = occurrence(stage, code);
        late.facts.deadline = time("2026-11-22T03:59:59Z");
        assert_eq!(
            decide(&policy, &late).decision,
            Decision::Fail { invalid_job: None },
            "{code}"
        );
    }
}

#[test]
fn a_step_without_attempts_lasts_until_the_deadline() {
    let forecast = occurrence(Stage::Verification, "316").forecast(&Policy::builtin());
    let waits: Vec<u64> = forecast
        .iter()
        .filter_map(park)
        .map(|wait| wait.as_secs() / 60)
        .collect();
    assert_eq!(waits[..5], [30, 60, 120, 240, 240]);
    assert!(
        forecast
            .last()
            .is_some_and(|last| last.at > time("2026-11-26T00:00:00Z"))
    );
}

#[test]
fn next_day_begins_in_the_policys_time_zone() {
    let policy = Policy::builtin();
    for (zone, now, spread, until) in [
        (
            "Asia/Shanghai",
            "2026-11-22T04:00:00Z",
            0.0,
            "2026-11-22T16:10:00Z",
        ),
        (
            "Asia/Shanghai",
            "2026-11-22T04:00:00Z",
            1.0,
            "2026-11-22T18:00:00Z",
        ),
        (
            "Asia/Shanghai",
            "2026-11-22T15:59:59Z",
            0.5,
            "2026-11-22T17:05:00Z",
        ),
        (
            "Asia/Shanghai",
            "2026-11-22T16:00:00Z",
            0.0,
            "2026-11-23T16:10:00Z",
        ),
        ("UTC", "2026-11-30T12:00:00Z", 0.0, "2026-12-01T00:10:00Z"),
        ("UTC", "2024-02-28T12:00:00Z", 0.0, "2024-02-29T00:10:00Z"),
        ("UTC", "2026-12-31T23:59:59Z", 7.0, "2027-01-01T02:00:00Z"),
        (
            "UTC",
            "2026-12-31T00:00:00Z",
            f64::NAN,
            "2027-01-01T00:10:00Z",
        ),
        ("UTC", "2026-12-31T00:00:00Z", -1.0, "2027-01-01T00:10:00Z"),
    ] {
        let mut occurrence = occurrence(Stage::Verification, "313");
        occurrence.facts.timezone = TimeZone::get(zone).expect("a time zone");
        occurrence.facts.now = time(now);
        occurrence.facts.deadline = time("2030-01-01T00:00:00Z");
        occurrence.facts.spread = spread;
        assert_eq!(
            decide(&policy, &occurrence).decision,
            Decision::Park { until: time(until) },
            "{zone} {now} {spread}"
        );
    }
}

#[test]
fn a_bills_age_is_counted_in_the_policys_time_zone() {
    let policy = Policy::builtin();
    let mut occurrence = occurrence(Stage::Verification, "300");
    occurrence.failure.qr_code_found = Some(true);
    occurrence.facts.billing_date = Some(jiff::civil::date(2026, 11, 19));
    // Three days old in Shanghai until its midnight, which is 16:00 in UTC.
    occurrence.facts.now = time("2026-11-22T15:59:59Z");
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Park { .. }
    ));
    occurrence.facts.now = time("2026-11-22T16:00:00Z");
    assert!(matches!(
        decide(&policy, &occurrence).decision,
        Decision::Verdict(Some(_))
    ));
}
