//! Which runs wait after a few events, and how it is shown.

use super::register::{WaitRegister, WaitingBy};
use super::report::WaitingReport;
use crate::ledger::LedgerEvent;
use crate::ledger::reading::decode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const NOW: &str = "2026-11-29T02:00:00Z";

fn event(run: &str, ending: &str, wait: Option<(&str, &str, &str)>) -> LedgerEvent {
    let parked = wait.map(|(stage, code, until)| {
        json!({ "stage": stage, "code": code, "reason": "", "until": format!("2026-11-29T{until}Z"),
                "deadline": format!("2026-12-0{}T00:00:00Z", run.len()) })
    });
    let mut event = json!({
        "schema": "invoice.ledger/1", "id": "e", "at": "2026-11-29T01:00:00Z", "run": run, "turn": 0,
        "ending": ending, "first_seen": "2026-11-29T01:00:00Z", "parked": parked,
    });
    if ending == "parked" {
        event["province"] = json!("河南");
    }
    decode(event.to_string().as_bytes()).unwrap()
}

fn register(by: Option<WaitingBy>) -> WaitRegister {
    let mut register = WaitRegister::new(by);
    let maintenance = |until| Some(("verification", "316", until));
    for event in [
        event("a", "parked", maintenance("03:00:00")),
        event("bb", "parked", maintenance("04:00:00")),
        event("bb", "parked", maintenance("05:00:00")),
        event(
            "ccc",
            "parked",
            Some(("recognition", "timeout", "01:30:00")),
        ),
        // Answered, and parked again with the answer; answered; dropped.
        event("dddd", "answered", None),
        event(
            "dddd",
            "parked",
            Some(("worker", "reply_queue.refuses", "02:02:00")),
        ),
        event("eeeee", "parked", maintenance("03:00:00")),
        event("eeeee", "answered", None),
        event("f", "parked", maintenance("03:00:00")),
        event("f", "dropped", None),
    ] {
        register.add(&event);
    }
    register
}

fn report(by: Option<WaitingBy>, before: u32, after: u32) -> (String, Value) {
    let now: Timestamp = NOW.parse().unwrap();
    let (all, groups) = register(by).end(now);
    let counts = |depth: u32| {
        vec![
            ("invoice.retry.1h".to_owned(), depth),
            ("invoice.due".to_owned(), 0),
        ]
    };
    let report = WaitingReport {
        by,
        all,
        groups,
        queues: (counts(before), counts(after)),
        now,
        zone: &TimeZone::get("Asia/Shanghai").unwrap(),
    };
    (report.to_text(80), Value::Object(report.to_json()))
}

#[test]
fn the_latest_event_of_each_run_says_whether_it_waits() {
    let (text, json) = report(Some(WaitingBy::Code), 4, 4);
    insta::assert_snapshot!(text, @r"
        code                        jobs  due                 next                 last
        ──────────────────────────  ────  ───  ───────────────────  ───────────────────
        verification 316               2    0  2026-11-29 11:00:00  2026-11-29 13:00:00
          nearest deadline: 2026-12-01 08:00:00
        recognition timeout            1    1
          nearest deadline: 2026-12-03 08:00:00
        worker reply_queue.refuses     1    0  2026-11-29 10:02:00  2026-11-29 10:02:00
          nearest deadline: 2026-12-04 08:00:00
        all                            4    1  2026-11-29 10:02:00  2026-11-29 13:00:00
          nearest deadline: 2026-12-01 08:00:00

        The next one comes back in 2m.

        The queues have as many: invoice.retry.1h 4.
        ");
    assert_eq!(
        json["waiting"],
        json!({ "group": "all", "jobs": 4, "due": 1, "next": "2026-11-29T02:02:00Z",
                "last": "2026-11-29T05:00:00Z", "nearest_deadline": "2026-12-01T00:00:00Z" })
    );
    assert_eq!(json["groups"].as_array().unwrap().len(), 3);
    let (_, json) = report(Some(WaitingBy::Province), 4, 4);
    assert_eq!(json["groups"][0]["group"], "河南");
    let (_, json) = report(Some(WaitingBy::Account), 4, 4);
    assert_eq!(json["groups"][0]["group"], "verification");
    let (text, json) = report(None, 4, 4);
    assert!(text.contains("all") && json["groups"].is_null(), "{text}");
}

#[test]
fn the_queues_agree_or_it_says_so() {
    for (before, after, agrees, told) in [
        (4, 4, true, "The queues have as many: invoice.retry.1h 4."),
        // One came while the ledger was read, or one went.
        (4, 5, true, "The queues have as many"),
        (6, 3, true, "The queues have as many"),
        (
            3,
            3,
            false,
            "the ledger has 4 waiting jobs, the queues have 3",
        ),
        (0, 0, false, "the queues have 0: none."),
        (7, 7, false, "invoice_ledger_lost_total"),
    ] {
        let (text, json) = report(None, before, after);
        let text = text.replace('\n', " ");
        assert!(text.contains(told), "{before} {after}: {text}");
        assert_eq!(json["agrees"], agrees, "{before} {after}");
    }
}

#[test]
fn a_ledger_in_which_nothing_waits_says_so() {
    let register = WaitRegister::new(Some(WaitingBy::Code));
    let (all, groups) = register.end(NOW.parse().unwrap());
    let report = WaitingReport {
        by: Some(WaitingBy::Code),
        all,
        groups,
        queues: (Vec::new(), Vec::new()),
        now: NOW.parse().unwrap(),
        zone: &TimeZone::UTC,
    };
    assert_eq!(
        report.to_text(80),
        "No job waits.\n\nThe queues have as many: none.\n"
    );
}
