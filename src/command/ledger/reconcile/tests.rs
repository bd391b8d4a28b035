//! A statement with ten planted differences: ten are found, and no more.

use super::matching::{Comparing, DifferenceKind, Reconciliation, StatementId};
use super::statement::{StatementColumns, StatementRow, read};
use crate::ledger::LedgerEvent;
use crate::ledger::reading::{LedgerPeriod, NamedTime, decode};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write;

const CALLS: u32 = 200;

fn at(number: u32) -> Timestamp {
    let begin: Timestamp = "2026-11-29T00:00:00Z".parse().unwrap();
    begin + SignedDuration::from_secs(i64::from(number))
}

fn event(number: u32, call: &Value) -> LedgerEvent {
    let event = json!({
        "schema": "invoice.ledger/1", "id": format!("e{number}"), "at": at(number), "run": format!("r{number}"),
        "turn": 0, "ending": "answered", "status": "completed", "first_seen": at(0), "redelivered": true, "calls": [call],
    });
    decode(event.to_string().as_bytes()).unwrap()
}

fn call(number: u32) -> Value {
    json!({ "id": format!("c{number}"), "account": "recognition", "code": "200", "billed": "yes",
            "request_id": format!("q{number}"), "price": "0.25", "currency": "CNY", "at": at(number),
            "duration_ms": 800 })
}

/// Two hundred paid calls, and what is not compared: a free one, one of another account, one of the
/// day before, one of a dead worker, a time-out, and one without a request id.
fn ledger() -> Vec<LedgerEvent> {
    let with = |key: &str, value: Value| {
        let mut other = call(900);
        other["request_id"] = Value::Null;
        other[key] = value;
        other
    };
    let beside = [
        with("billed", json!("no")),
        with("account", json!("verification")),
        with("at", json!("2026-11-27T23:00:00Z")),
        with("code", json!("worker.lost")),
        with("billed", json!("unknown")),
        with("code", json!("201")),
    ];
    let mut events: Vec<LedgerEvent> = (0..CALLS)
        .map(|number| event(number, &call(number)))
        .collect();
    for (call, number) in beside.iter().zip(900..) {
        let mut call = call.clone();
        call["id"] = json!(format!("c{number}"));
        if call["code"] == "worker.lost" {
            call["billed"] = json!("unknown");
        }
        events.push(event(number, &call));
    }
    // A free one that the statement bills, and one of unknown outcome that it has.
    let mut free = call(300);
    free["billed"] = json!("no");
    let mut unknown = call(301);
    unknown["billed"] = json!("unknown");
    events.extend([event(300, &free), event(301, &unknown)]);
    events
}

/// The statement that agrees, changed in ten places.
fn statement() -> String {
    let mut text = "time,request id,amount\n".to_owned();
    for number in (0..CALLS).chain([301]) {
        // The provider's clock is a little ahead.
        let time = at(number) + SignedDuration::from_secs(2);
        let (id, mut price) = (format!("q{number}"), "0.25");
        let time = match number {
            // Three that they do not bill.
            10..=12 => continue,
            // Two of another price, and one of another time.
            20 => {
                price = "0.35";
                time
            }
            21 => {
                price = "2.5";
                time
            }
            22 => time + SignedDuration::from_hours(1),
            _ => time,
        };
        let _ = writeln!(text, "{time},{id},{price}");
    }
    // A free one, one twice, and two that we did not make.
    for (number, id) in [(300, "q300"), (30, "q30"), (40, "x1"), (41, "x2")] {
        let _ = writeln!(text, "{},{id},0.25", at(number));
    }
    text
}

fn rows(text: &str) -> Vec<StatementRow> {
    let columns = StatementColumns {
        id: "request id".to_owned(),
        time: Some("time".to_owned()),
        price: Some("amount".to_owned()),
    };
    read(text.as_bytes(), ',', &columns, &TimeZone::UTC).unwrap()
}

fn comparing() -> Comparing {
    let day: NamedTime = "2026-11-29".parse().unwrap();
    Comparing {
        id: StatementId::RequestId,
        account: Some("recognition").and_then(crate::domain::account::AccountName::parse),
        period: LedgerPeriod::of(Some(day), Some(day), at(0), &TimeZone::UTC),
        tolerance: SignedDuration::from_mins(5),
    }
}

fn found<'a>(comparing: &'a Comparing, rows: &'a [StatementRow]) -> Reconciliation<'a> {
    let mut found = Reconciliation::new(comparing, rows);
    for event in ledger() {
        found.add(&event);
    }
    found.end();
    found
}

#[test]
fn ten_planted_differences_are_found_and_no_more() {
    let (comparing, rows) = (comparing(), rows(&statement()));
    let found = found(&comparing, &rows);
    let told = found.differences.iter().map(|difference| {
        (
            difference.kind,
            difference.id.as_str(),
            difference.why.as_str(),
        )
    });
    let (ours, theirs) = (DifferenceKind::OnlyOurs, DifferenceKind::OnlyTheirs);
    let differing = DifferenceKind::Differing;
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (ours, "q10", "is not in the statement"),
            (ours, "q11", "is not in the statement"),
            (ours, "q12", "is not in the statement"),
            (theirs, "q30", "is listed twice"),
            (theirs, "x1", "is not in the ledger"),
            (theirs, "x2", "is not in the ledger"),
            (differing, "q20", "another price"),
            (differing, "q21", "another price"),
            (differing, "q22", "another time"),
            (differing, "q300", "is billed, and should be free"),
        ]
    );
    let sums = |sums: super::matching::SideSums| {
        (sums.calls, sums.ours.to_string(), sums.theirs.to_string())
    };
    let sum = |calls: u64, ours: &str, theirs: &str| (calls, ours.to_owned(), theirs.to_owned());
    assert_eq!(sums(found.only_ours), sum(3, "0.75", "0"));
    assert_eq!(sums(found.only_theirs), sum(3, "0", "0.75"));
    assert_eq!(sums(found.differing), sum(4, "0.75", "3.35"));
    assert_eq!(sums(found.matching), sum(195, "48.75", "48.75"));
    assert_eq!(sums(found.unknown), sum(2, "0.50", "0"));
    assert_eq!(sums(found.without_id), sum(1, "0.25", "0"));
    assert!(!found.agrees());
    insta::assert_snapshot!(found.to_text(&TimeZone::UTC, 80), @r"
        difference   id    ours  theirs  line  code  why
        ───────────  ────  ────  ──────  ────  ────  ─────────────────────────────
        only ours    q10   0.25                200   is not in the statement
          our time: 2026-11-29 00:00:10
        only ours    q11   0.25                200   is not in the statement
          our time: 2026-11-29 00:00:11
        only ours    q12   0.25                200   is not in the statement
          our time: 2026-11-29 00:00:12
        only theirs  q30           0.25   201        is listed twice
          their time: 2026-11-29 00:00:30
        only theirs  x1            0.25   202        is not in the ledger
          their time: 2026-11-29 00:00:40
        only theirs  x2            0.25   203        is not in the ledger
          their time: 2026-11-29 00:00:41
        differing    q20   0.25    0.35    19  200   another price
          our time: 2026-11-29 00:00:20; their time: 2026-11-29 00:00:22
        differing    q21   0.25     2.5    20  200   another price
          our time: 2026-11-29 00:00:21; their time: 2026-11-29 00:00:23
        differing    q22   0.25    0.25    21  200   another time
          our time: 2026-11-29 00:00:22; their time: 2026-11-29 01:00:24
        differing    q300          0.25   200  200   is billed, and should be free
          our time: 2026-11-29 00:05:00; their time: 2026-11-29 00:05:00

        calls        how many   ours  theirs
        ───────────  ────────  ─────  ──────
        matching          195  48.75   48.75
        only ours           3   0.75       0
        only theirs         3      0    0.75
        differing           4   0.75    3.35

        Of 2 more of our calls it is not known whether they are billed (no answer came,
        or the worker died), 0.50 at most: they may be among what is only theirs.

        1 of our paid calls, 0.25, have no request id to be found by, and may be among
        what is only theirs.
        ");
    let json = found.to_json();
    assert_eq!(json["differences"].as_array().unwrap().len(), 10);
    assert_eq!(
        json["only_theirs"],
        json!({ "calls": 3, "ours": "0", "theirs": "0.75" })
    );
}

#[test]
fn a_statement_that_agrees_has_no_difference() {
    let mut text = "request id\n".to_owned();
    for number in 0..CALLS {
        let _ = writeln!(text, "q{number}");
    }
    let columns = StatementColumns {
        id: "request id".to_owned(),
        ..StatementColumns::default()
    };
    let rows = read(text.as_bytes(), ',', &columns, &TimeZone::UTC).unwrap();
    let comparing = comparing();
    let found = found(&comparing, &rows);
    assert!(found.agrees(), "{:?}", found.differences);
    assert_eq!(found.matching.calls, u64::from(CALLS));
}

#[test]
fn calls_are_found_by_the_ledgers_own_id_as_well() {
    let comparing = Comparing {
        id: StatementId::CallId,
        account: None,
        period: LedgerPeriod::default(),
        ..comparing()
    };
    let rows: Vec<StatementRow> = (0..CALLS)
        .map(|number| StatementRow {
            line: 0,
            id: format!("c{number}").into(),
            time: None,
            price: None,
        })
        .collect();
    let found = found(&comparing, &rows);
    assert_eq!(found.matching.calls, u64::from(CALLS));
    // The other account's, that of another day, and the one without a request id.
    assert_eq!(found.only_ours.calls, 3);
}
