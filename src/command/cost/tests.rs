//! What a ledger comes to, by each property, and how it is shown.

use super::book::{CostBook, CostBy, CostReport};
use crate::ledger::LedgerEvent;
use crate::ledger::reading::{LedgerPeriod, NamedTime, decode};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const SINCE: &str = "2026-11-28";

fn call(id: &str, account: &str, code: &str, billed: &str, at: &str, price: Option<&str>) -> Value {
    let mut call = json!({
        "id": id, "account": account, "code": code, "billed": billed, "at": at, "duration_ms": 1,
    });
    if let Some(price) = price {
        call["price"] = json!(price);
        call["currency"] = json!(if account == "recognition" {
            "CNY"
        } else {
            "EUR"
        });
    }
    call
}

fn event(run: &str, at: &str, more: &Value) -> LedgerEvent {
    let mut event = json!({
        "schema": "invoice.ledger/1", "id": format!("{run} {at}"), "at": at, "run": run, "turn": 0,
        "job_id": run, "submitter": "north", "first_seen": at, "ending": "answered",
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    decode(event.to_string().as_bytes()).unwrap()
}

/// Two days of three jobs: one is parked first, one ends undetermined after its worker died, one
/// waits still; and one whose answer another had bought.
fn events() -> Vec<LedgerEvent> {
    let (first, second) = ("2026-11-28T01:00:00Z", "2026-11-29T01:00:00Z");
    vec![
        event(
            "before",
            "2026-11-27T15:59:59Z",
            &json!({ "status": "completed",
                    "calls": [call("c0", "recognition", "200", "yes", "2026-11-27T15:59:58Z", Some("0.25"))] }),
        ),
        event(
            "one",
            first,
            &json!({ "ending": "parked",
                    "parked": { "stage": "verification", "code": "316", "reason": "", "until": second },
                    "calls": [call("c1", "recognition", "200", "yes", first, Some("0.25")),
                              call("c2", "verification", "316", "no", first, Some("1.5"))] }),
        ),
        event(
            "one",
            second,
            &json!({ "turn": 1, "status": "completed", "verdict": "genuine",
                    "calls": [call("c3", "verification", "OK", "yes", second, Some("1.5"))] }),
        ),
        event(
            "two",
            second,
            &json!({ "status": "undetermined", "submitter": "south", "redelivered": true, "lost_turn": 0,
                    "calls_left_out": 2,
                    "calls": [call("c4", "recognition", "timeout", "unknown", second, Some("0.25")),
                              call("c5", "recognition", "worker.lost", "unknown", second, Some("0.25"))] }),
        ),
        event(
            "three",
            second,
            &json!({ "ending": "parked", "submitter": null, "redelivered": true, "lost_turn": 0,
                    "parked": { "stage": "recognition", "code": "x", "reason": "", "until": second },
                    "calls": [call("c6", "recognition", "200", "yes", second, None),
                              call("c7", "recognition", "worker.lost", "unknown", second, Some("0.25"))] }),
        ),
        // The worker that had it first had told of its turn.
        event(
            "three",
            second,
            &json!({ "ending": "parked", "submitter": null,
              "parked": { "stage": "recognition", "code": "x", "reason": "", "until": second } }),
        ),
        event(
            "four",
            second,
            &json!({ "status": "completed", "hits": [
                { "account": "recognition", "price": "0.25", "currency": "CNY" },
                { "account": "verification", "price": "1.5", "currency": "EUR" },
            ] }),
        ),
    ]
}

fn report(by: Option<CostBy>) -> CostReport {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let since: NamedTime = SINCE.parse().unwrap();
    let now = "2026-11-29T12:00:00Z".parse().unwrap();
    let mut book = CostBook::new(by, LedgerPeriod::of(Some(since), None, now, &zone), zone);
    for event in events() {
        book.add(&event);
    }
    book.end()
}

/// Group, paid, free, unknown, saved, answered.
fn told(by: CostBy) -> Vec<(String, [u64; 5])> {
    let groups = report(Some(by)).groups.into_iter();
    let groups = groups.map(|(name, sums)| {
        let calls = [&sums.paid, &sums.free, &sums.unknown, &sums.saved].map(|sum| sum.calls);
        let [paid, free, unknown, saved] = calls;
        (name, [paid, free, unknown, saved, sums.answered])
    });
    groups.collect()
}

#[test]
fn a_run_is_answered_once_also_by_the_worker_that_came_after_a_dead_one() {
    let (before, within) = ("2026-11-27T15:00:00Z", "2026-11-29T01:00:00Z");
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let since: NamedTime = SINCE.parse().unwrap();
    let now = "2026-11-29T12:00:00Z".parse().unwrap();
    let mut book = CostBook::new(None, LedgerPeriod::of(Some(since), None, now, &zone), zone);
    let replayed = json!({ "ending": "replayed" });
    let redelivered = json!({ "ending": "replayed", "redelivered": true });
    for (run, at, more) in [
        // Its worker died between the result and the ledger.
        ("died", within, &redelivered),
        ("died", within, &redelivered),
        // Answered before the period, and submitted once more.
        ("known", before, &json!({})),
        ("known", within, &replayed),
        ("known", within, &redelivered),
        ("new", within, &json!({})),
        ("new", within, &redelivered),
    ] {
        book.add(&event(run, at, more));
    }
    assert_eq!(book.end().sums.answered, 2);
}

#[test]
fn calls_are_grouped_by_each_property() {
    let row = |name: &str, figures: [u64; 5]| (name.to_owned(), figures);
    for (by, expected) in [
        (
            CostBy::Day,
            vec![
                row("2026-11-28", [1, 1, 0, 0, 0]),
                row("2026-11-29", [2, 0, 2, 2, 3]),
            ],
        ),
        (
            CostBy::Account,
            vec![
                row("recognition", [2, 0, 2, 1, 3]),
                row("verification", [1, 1, 0, 1, 3]),
            ],
        ),
        (
            CostBy::Code,
            vec![
                row("(none: checkpoint)", [0, 0, 0, 2, 0]),
                row("200", [2, 0, 0, 0, 0]),
                row("316", [0, 1, 0, 0, 0]),
                row("OK", [1, 0, 0, 0, 0]),
                row("timeout", [0, 0, 1, 0, 0]),
                row("worker.lost", [0, 0, 1, 0, 0]),
            ],
        ),
        (
            CostBy::Submitter,
            vec![
                row("(none)", [1, 0, 0, 0, 0]),
                row("north", [2, 1, 0, 2, 2]),
                row("south", [0, 0, 2, 0, 1]),
            ],
        ),
        (
            CostBy::Status,
            vec![
                row("completed", [2, 1, 0, 2, 2]),
                row("not answered yet", [1, 0, 0, 0, 0]),
                row("undetermined", [0, 0, 2, 0, 1]),
            ],
        ),
    ] {
        assert_eq!(told(by), expected, "{by:?}");
    }
}

#[test]
fn the_sums_are_of_the_period_and_lost_calls_that_were_not_made_are_in_none() {
    for by in [None, Some(CostBy::Day), Some(CostBy::Status)] {
        let report = report(by);
        let json = Value::Object(report.to_json());
        assert_eq!(
            json["total"],
            json!({
                "paid": { "calls": 3, "unpriced": 1, "money": { "CNY": "0.25", "EUR": "1.5" } },
                "free": { "calls": 1 },
                "unknown": { "calls": 2, "unpriced": 0, "money": { "CNY": "0.50" } },
                "saved": { "calls": 2, "unpriced": 0, "money": { "CNY": "0.25", "EUR": "1.5" } },
                "answered": 3,
                "per_answered": { "CNY": "0.0833", "EUR": "0.5" },
            }),
            "{by:?}"
        );
        assert_eq!((report.void, report.left_out), (1, 2));
        let remarks = report.remarks().join("; ");
        assert!(
            remarks.contains("1 calls had no price") && remarks.contains("2 more calls"),
            "{remarks}"
        );
    }
}

#[test]
fn tables_fit_the_terminal() {
    insta::assert_snapshot!(report(None).to_text(80), @r"
        calls          how many       money
        ─────────────  ────────  ──────────  ───────────────────────────────────────────
        paid                  3    0.25 CNY
                                    1.5 EUR
        free                  1
        unknown               2    0.50 CNY  at most: no answer came, or the worker died
        saved                 2    0.25 CNY  answers that another job had paid for
                                    1.5 EUR
        answered jobs         3  0.0833 CNY  what is paid for each
                                    0.5 EUR
        ");
    insta::assert_snapshot!(report(Some(CostBy::Account)).to_text(80), @r"
        account       paid      cost  free  unknown   at most  saved     per job
        ────────────  ────  ────────  ────  ───────  ────────  ─────  ──────────
        recognition      2  0.25 CNY     0        2  0.50 CNY      1  0.0833 CNY
          saved cost: 0.25 CNY
        verification     1   1.5 EUR     1        0                1     0.5 EUR
          saved cost: 1.5 EUR
        all              3  0.25 CNY     1        2  0.50 CNY      2  0.0833 CNY
                             1.5 EUR                                     0.5 EUR
          saved cost: 0.25 CNY
          1.5 EUR
        ");
    insta::assert_snapshot!(report(Some(CostBy::Day)).to_text(120), @r"
        day         paid      cost  free  unknown   at most  saved  saved cost     per job
        ──────────  ────  ────────  ────  ───────  ────────  ─────  ──────────  ──────────
        2026-11-28     1  0.25 CNY     1        0                0
        2026-11-29     2   1.5 EUR     0        2  0.50 CNY      2    0.25 CNY     0.5 EUR
                                                                       1.5 EUR
        all            3  0.25 CNY     1        2  0.50 CNY      2    0.25 CNY  0.0833 CNY
                           1.5 EUR                                     1.5 EUR     0.5 EUR
        ");
    for by in [
        CostBy::Day,
        CostBy::Account,
        CostBy::Code,
        CostBy::Submitter,
        CostBy::Status,
    ] {
        for line in report(Some(by)).to_text(80).lines() {
            assert!(console::measure_text_width(line) <= 80, "{by:?}: {line}");
        }
    }
}

#[test]
fn groups_that_a_stranger_invents_are_bounded() {
    let zone = TimeZone::UTC;
    let mut book = CostBook::new(Some(CostBy::Submitter), LedgerPeriod::default(), zone);
    let at = "2026-11-29T01:00:00Z";
    for number in 0..12_000 {
        let submitter = format!("{number}-{}", "x".repeat(200));
        let calls = [call(
            &number.to_string(),
            "recognition",
            "200",
            "yes",
            at,
            Some("1"),
        )];
        book.add(&event(
            "run",
            at,
            &json!({ "submitter": submitter, "calls": calls, "status": "completed" }),
        ));
    }
    let report = book.end();
    assert_eq!(report.groups.len(), 10_001);
    assert!(report.groups.keys().all(|name| name.len() <= 64));
    let paid: u64 = report.groups.values().map(|sums| sums.paid.calls).sum();
    assert_eq!((paid, report.sums.paid.calls), (12_000, 12_000));
}
