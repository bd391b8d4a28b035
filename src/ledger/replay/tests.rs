//! Runs under other policies, with figures that were computed by hand.

use super::*;
use crate::domain::account::AccountName;
use crate::domain::failure::{Billed, Stage};
use crate::ledger::event::LedgerEvent;
use crate::ledger::reading::LedgerPeriod;
use crate::policy::Policy;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::time::Duration;

mod left_out;

const FIRST_SEEN: &str = "2026-11-29T01:00:00Z";
const TIMED_OUT: &str = "the data source timed out";

/// So many milliseconds after the job was first seen.
fn at(millis: i64) -> Timestamp {
    let first_seen: Timestamp = FIRST_SEEN.parse().unwrap();
    first_seen + SignedDuration::from_millis(millis)
}

/// A call that takes a second.
fn call(account: &str, code: &str, at_millis: i64) -> Value {
    let price = if account == "recognition" {
        "0.25"
    } else {
        "1.5"
    };
    json!({
        "id": format!("{account} {code} {at_millis}"), "account": account, "code": code, "billed": "yes",
        "price": price, "currency": "CNY", "at": at(at_millis), "duration_ms": 1_000,
    })
}

fn event(turn: u32, at_millis: i64, ending: &str, calls: &[Value], more: &Value) -> Value {
    let mut event = json!({
        "schema": "invoice.ledger/1", "id": format!("{turn} {at_millis} {ending}"), "at": at(at_millis),
        "run": "run", "turn": turn, "ending": ending, "calls": calls, "first_seen": FIRST_SEEN,
    });
    let more = more.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(more);
    event
}

fn parked(
    turn: u32,
    at_millis: i64,
    calls: &[Value],
    until: i64,
    code: &str,
    reason: &str,
) -> Value {
    let wait =
        json!({ "stage": "verification", "code": code, "reason": reason, "until": at(until) });
    event(turn, at_millis, "parked", calls, &json!({ "parked": wait }))
}

fn failed(turn: u32, at_millis: i64, calls: &[Value], code: &str) -> Value {
    let error = json!({ "stage": "verification", "code": code });
    let more = json!({ "status": "undetermined", "error": error });
    event(turn, at_millis, "answered", calls, &more)
}

fn genuine(turn: u32, at_millis: i64, calls: &[Value]) -> Value {
    let more = json!({ "status": "completed", "verdict": "genuine" });
    event(turn, at_millis, "answered", calls, &more)
}

fn read(events: &[Value]) -> Vec<LedgerEvent> {
    let read = events
        .iter()
        .map(|event| serde_json::from_value(event.clone()).unwrap());
    read.collect()
}

fn book() -> RunBook {
    book_of(LedgerPeriod::default())
}

fn book_of(period: LedgerPeriod) -> RunBook {
    let stages = vec![
        (AccountName::RECOGNITION, Stage::Recognition),
        (AccountName::VERIFICATION, Stage::Verification),
    ];
    RunBook::new(period, stages, SignedDuration::from_secs(5))
}

fn run_of(events: &[Value]) -> RunRecord {
    let mut book = book();
    for event in read(events) {
        match &mut book.add(&event)[..] {
            [] => {}
            [RunNews::Ended(run)] => return run.clone(),
            other => panic!("{other:?}"),
        }
    }
    book.end().next().unwrap()
}

fn replay(in_force: &str, tried: &str) -> PolicyReplay {
    let policy = |rules: &str| Policy::with_overrides(rules, "the test's rules").unwrap();
    let settings = ReplaySettings {
        timezone: TimeZone::get("Asia/Shanghai").unwrap(),
        job_deadline: Duration::from_hours(96),
        auto_rotate: false,
        read_to: at(7_200_000),
    };
    PolicyReplay::new(policy(in_force), policy(tried), settings)
}

/// How many calls, what they cost, how it ends and after how many milliseconds.
fn told(replay: &PolicyReplay, run: &RunRecord) -> (usize, String, String) {
    let replayed = replay.replay(run);
    let paid = replayed
        .calls
        .iter()
        .filter(|call| call.billed == Billed::Yes);
    let paid: Decimal = paid.map(|call| call.price.as_ref().unwrap().price).sum();
    let end = match replayed.end {
        ReplayEnd::Answered { label, took } => format!("{label} {}", took.as_millis()),
        ReplayEnd::Waiting => "waiting".to_owned(),
        ReplayEnd::Unknown { reason, price } => {
            format!("unknown {} {}", reason.as_str(), price.unwrap().price)
        }
    };
    (replayed.calls.len(), paid.to_string(), end)
}

fn rule(code: &str, steps: &str) -> String {
    format!(
        "[[rule]]\nstage = 'verification'\ncode = ['{code}']\nbilled = 'yes'\ndo = [{steps}]\n\
         reason = '{TIMED_OUT}'\n"
    )
}

/// 317 to the end of the built-in rule: at once, after 30 s, and four times after 10 min. The job
/// comes back a second late each time.
fn timed_out() -> Vec<Value> {
    let mut events = Vec::new();
    let mut calls = vec![
        call("recognition", "200", 0),
        call("verification", "317", 1_000),
        call("verification", "317", 32_000),
    ];
    let mut decided = 33_000;
    for turn in 0..4 {
        let until = decided + 600_000;
        events.push(parked(turn, decided, &calls, until, "317", TIMED_OUT));
        calls = vec![call("verification", "317", until + 1_000)];
        decided = until + 2_000;
    }
    events.push(failed(4, decided, &calls, "317"));
    events
}

#[test]
fn a_step_more_or_less_changes_what_was_computed_by_hand() {
    let run = run_of(&timed_out());
    let retry = |times| format!("{{ action = 'retry', attempts = {times}, backoff = '30s' }}, ");
    let park = |times| format!("{{ action = 'park', delays = ['10m'], attempts = {times} }}, ");
    let steps = |steps: &[String]| rule("317", &format!("{}{{ action = 'fail' }}", steps.concat()));
    let fails = |millis: u64| format!("undetermined verification 317 {millis}");
    for (tried, calls, paid, end) in [
        // 0.25 + 6 × 1.5; the sixth answer comes at 33 s + 4 × 602 s.
        (String::new(), 7, "9.25", fails(2_441_000)),
        (steps(&[retry(1), park(4)]), 7, "9.25", fails(2_441_000)),
        // A wait less: one call of 1.5 is saved, and 602 s.
        (steps(&[retry(1), park(3)]), 6, "7.75", fails(1_839_000)),
        // No retry: the second answer comes at 2 s + 601 s, the others 602 s after each other.
        (steps(&[park(4)]), 6, "7.75", fails(2_409_000)),
        // A wait of 5 minutes: the job is back 300 s sooner each of four times.
        (
            steps(&[retry(1), park(4).replace("10m", "5m")]),
            7,
            "9.25",
            fails(1_241_000),
        ),
        // Neither retry nor wait: the first answer is the end.
        (steps(&[]), 2, "1.75", fails(2_000)),
        // A retry more: it takes the third answer at 63 s; a seventh was never asked for.
        (
            steps(&[retry(2), park(4)]),
            7,
            "9.25",
            "unknown never_asked 1.5".to_owned(),
        ),
        (
            steps(&[retry(1), park(5)]),
            7,
            "9.25",
            "unknown never_asked 1.5".to_owned(),
        ),
        (
            rule("317", "{ action = 'pause' }"),
            2,
            "1.75",
            "unknown pause 1.5".to_owned(),
        ),
    ] {
        let expected = (calls, paid.to_owned(), end);
        assert_eq!(told(&replay("", &tried), &run), expected, "{tried}");
    }
}

#[test]
fn a_retry_more_takes_the_answers_that_came_later() {
    // 317, after 30 s again, and after 10 minutes the good answer.
    let first = [
        call("recognition", "200", 0),
        call("verification", "317", 1_000),
        call("verification", "317", 32_000),
    ];
    let events = [
        parked(0, 33_000, &first, 633_000, "317", TIMED_OUT),
        genuine(1, 635_100, &[call("verification", "OK", 634_000)]),
    ];
    let retries = "{ action = 'retry', attempts = 2, backoff = '30s' }, { action = 'fail' }";
    let replayed = told(&replay("", &rule("317", retries)), &run_of(&events));
    // Asked at 63 s, answered at 64 s, and told a tenth of a second later, as it was.
    let expected = (4, "4.75".to_owned(), "completed genuine 64100".to_owned());
    assert_eq!(replayed, expected);
}

#[test]
fn a_job_that_still_waits_waits_unless_its_next_call_is_due() {
    let first = [
        call("recognition", "200", 0),
        call("verification", "317", 1_000),
    ];
    let retried = [first.to_vec(), vec![call("verification", "317", 32_000)]].concat();
    // The ledger is read up to two hours after the job was first seen.
    let events = [parked(0, 33_000, &retried, 633_000, "317", TIMED_OUT)];
    let run = run_of(&events);
    let wait = |delay: &str| {
        let park = format!("{{ action = 'park', delays = ['{delay}'], attempts = 4 }}");
        let retry = "{ action = 'retry', attempts = 1, backoff = '30s' }";
        rule("317", &format!("{retry}, {park}, {{ action = 'fail' }}"))
    };
    for (tried, end) in [
        (wait("10m"), "waiting"),
        (wait("3h"), "waiting"),
        (wait("5m"), "unknown never_asked 1.5"),
    ] {
        let expected = (3, "3.25".to_owned(), end.to_owned());
        assert_eq!(told(&replay("", &tried), &run), expected, "{tried}");
    }
}

/// The registry does not know the bill: whether the QR code was found, and how old the bill is,
/// shows in what followed.
#[test]
fn what_the_ledger_does_not_say_of_an_answer_is_seen_in_what_followed() {
    let turned = [
        call("recognition", "200", 0),
        call("verification", "300", 1_000),
        call("verification", "OK", 2_100),
    ];
    let with_code = [
        call("recognition", "200", 0),
        call("verification", "300", 1_000),
    ];
    let not_found = json!({
        "status": "completed", "verdict": "not_found", "error": { "stage": "verification", "code": "300" },
    });
    let turned = run_of(&[genuine(0, 3_200, &turned)]);
    let not_found = run_of(&[event(0, 2_000, "answered", &with_code, &not_found)]);
    let fail = |when: &str| {
        format!(
            "[[rule]]\nstage = 'verification'\ncode = ['300']\nwhen = {{ {when} }}\n\
             do = [{{ action = 'fail' }}]\nbilled = 'yes'\n"
        )
    };
    let same = (3, "3.25".to_owned(), "completed genuine 3200".to_owned());
    let found = (2, "1.75".to_owned(), "completed not_found 2000".to_owned());
    let failed = (
        2,
        "1.75".to_owned(),
        "undetermined verification 300 2000".to_owned(),
    );
    let unturned = fail("qr_code_found = false, rotated = false");
    let old = fail("qr_code_found = true");
    for (run, tried, expected) in [
        (&turned, "", &same),
        (&turned, unturned.as_str(), &failed),
        // Only bills whose QR code was found are concerned.
        (&turned, old.as_str(), &same),
        (&not_found, "", &found),
        (&not_found, unturned.as_str(), &found),
        (&not_found, old.as_str(), &failed),
    ] {
        assert_eq!(&told(&replay("", tried), run), expected, "{tried}");
    }
    // The bill may be four days old or three hundred: nothing shows which.
    let young = "[[rule]]\nstage = 'verification'\ncode = ['300']\n\
                 when = { qr_code_found = true, bill_age_days_min = 4, bill_age_days_max = 100 }\n\
                 do = [{ action = 'fail' }]\nbilled = 'yes'\n";
    let unknown = (2, "1.75".to_owned(), "unknown facts 1.5".to_owned());
    assert_eq!(told(&replay("", young), &not_found), unknown);
}

/// An older policy's decision is no reason to follow it.
#[test]
fn a_record_of_an_older_policy_is_replayed_under_the_one_in_force() {
    let first = [
        call("recognition", "200", 0),
        call("verification", "319", 1_000),
    ];
    let events = [
        parked(0, 2_000, &first, 302_000, "319", "an older text"),
        genuine(1, 304_500, &[call("verification", "OK", 303_000)]),
    ];
    let run = run_of(&events);
    let replayed = replay("", "").replay(&run);
    assert_eq!((replayed.unexplained, replayed.calls.len()), (1, 2));
    let ended = (
        2,
        "1.75".to_owned(),
        "undetermined verification 319 2000".to_owned(),
    );
    assert_eq!(told(&replay("", ""), &run), ended);
    // Under a policy that waits so long it is what it was.
    let waits = rule(
        "319",
        "{ action = 'park', delays = ['5m'], attempts = 1 }, { action = 'fail' }",
    );
    let same = (3, "3.25".to_owned(), "completed genuine 304500".to_owned());
    assert_eq!(told(&replay("", &waits), &run), same);
}

/// A budget, a pause and a scope that another job closed: the job waits without a charge.
#[test]
fn waits_for_another_reason_are_charged_to_no_step_and_kept() {
    let first = [
        call("recognition", "200", 0),
        call("verification", "317", 1_000),
    ];
    let other = |turn, at_millis, until, stage: &str, code: &str, reason: &str| {
        let wait = json!({ "stage": stage, "code": code, "reason": reason, "until": at(until) });
        event(turn, at_millis, "parked", &[], &json!({ "parked": wait }))
    };
    let second = [first.to_vec(), vec![call("verification", "317", 32_000)]].concat();
    let events = [
        other(
            0,
            0,
            5_000,
            "worker",
            "budget",
            "the budget of calls is used up",
        ),
        parked(1, 33_000, &second, 633_000, "317", TIMED_OUT),
        other(
            2,
            634_000,
            934_000,
            "worker",
            "budget",
            "the budget of calls is used up",
        ),
        other(
            3,
            935_000,
            999_000,
            "verification",
            "317",
            "not asked: a scope is closed",
        ),
        genuine(4, 1_002_000, &[call("verification", "OK", 1_000_000)]),
    ];
    let run = run_of(&events);
    let same = (4, "4.75".to_owned(), "completed genuine 1002000".to_owned());
    assert_eq!(told(&replay("", ""), &run), same);
    assert_eq!(replay("", "").replay(&run).held_up, 3);
    // Five minutes sooner, and held up as long as before: 633 s to 1000 s.
    let sooner = rule(
        "317",
        "{ action = 'retry', attempts = 1, backoff = '30s' }, \
         { action = 'park', delays = ['5m'], attempts = 4 }, { action = 'fail' }",
    );
    let sooner = told(&replay("", &sooner), &run);
    assert_eq!(
        sooner,
        (4, "4.75".to_owned(), "completed genuine 702000".to_owned())
    );
}
