//! The story of a job, as it is told.

use super::report::StoryReport;
use super::stories::{JobSought, JobStories};
use crate::broker;
use crate::ledger::LedgerEvent;
use crate::ledger::reading::decode;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

fn turn(run: &str, turn: u32, at: &str, more: &Value) -> LedgerEvent {
    let mut event = json!({
        "schema": "invoice.ledger/1", "id": format!("{run}{turn}"), "at": format!("2026-11-29T{at}Z"),
        "run": run, "turn": turn, "job_id": "CLM-1", "submitter": "north", "ending": "answered",
        "first_seen": "2026-11-29T01:00:00Z", "metadata": { "claim_id": "CLM" },
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    decode(event.to_string().as_bytes()).unwrap()
}

fn parked(until: &str) -> Value {
    json!({ "stage": "verification", "code": "316", "reason": "the province is in maintenance",
            "until": format!("2026-11-29T{until}Z"), "deadline": "2026-12-03T01:00:00Z" })
}

fn call(id: &str, code: &str, billed: &str) -> Value {
    json!({ "id": id, "account": "verification", "code": code, "billed": billed, "price": "1.5",
            "currency": "CNY", "at": "2026-11-29T01:00:01Z", "duration_ms": 1 })
}

fn turns() -> Vec<LedgerEvent> {
    vec![
        turn(
            "other",
            0,
            "01:00:00",
            &json!({ "job_id": "CLM-2", "metadata": {} }),
        ),
        // A worker died over it: its message was not looked at.
        turn(
            "aaaabbbbccccdddd",
            0,
            "01:00:01",
            &json!({
                "job_id": null, "submitter": null, "metadata": {}, "ending": "parked",
                "parked": { "stage": "worker", "code": "job.suspect", "reason": "it will run alone",
                            "until": "2026-11-29T01:00:01Z" },
            }),
        ),
        turn(
            "aaaabbbbccccdddd",
            1,
            "01:00:02",
            &json!({
                "ending": "parked", "parked": parked("01:30:02"), "province": "河南", "redelivered": true,
                "lost_turn": 0, "calls": [call("c1", "316", "yes"), call("c2", "worker.lost", "unknown")],
            }),
        ),
        turn(
            "aaaabbbbccccdddd",
            4,
            "01:30:03",
            &json!({
                "ending": "parked", "parked": parked("03:00:03"), "calls": [call("c3", "316", "no")],
            }),
        ),
    ]
}

fn stories(sought: JobSought, events: Vec<LedgerEvent>) -> JobStories {
    let mut stories = JobStories::new(sought);
    for event in events {
        stories.add(event);
    }
    stories.end();
    stories
}

/// As text of so many columns, and as JSON.
fn told(stories: &JobStories, now: &str, columns: usize) -> (String, Value) {
    let report = StoryReport {
        stories,
        queues: &broker::Config::default(),
        now: format!("2026-11-29T{now}Z").parse().unwrap(),
        zone: &TimeZone::get("Asia/Shanghai").unwrap(),
    };
    (report.to_text(columns), report.to_json())
}

#[test]
fn a_waiting_job_says_what_for_until_when_and_on_which_queue() {
    let sought = JobSought::Id("CLM-1".to_owned());
    let stories = stories(sought, turns());
    insta::assert_snapshot!(told(&stories, "02:45:00", 80).0, @r"
        CLM-1, of north, province 河南, first seen 2026-11-29 09:00:00, run aaaabbbbcccc

        turn                ended  how     calls
        ────  ───────────────────  ──────  ─────────────────────────────────────────────
           1  2026-11-29 09:00:01  parked
          until: 2026-11-29 09:00:01; queue: invoice.retry.5s; why: worker job.suspect:
          it will run alone
           2  2026-11-29 09:00:02  parked  verification 316 paid, verification
                                           worker.lost
          until: 2026-11-29 09:30:02; queue: invoice.retry.10m; why: verification 316:
          the province is in maintenance
           3  2026-11-29 09:30:03  parked  verification 316
          until: 2026-11-29 11:00:03; queue: invoice.retry.1h; why: verification 316:
          the province is in maintenance

        It waits until 2026-11-29 11:00:03, for verification 316: 15m 3s from now, in
        invoice.retry.10m up to 2026-11-29 10:50:03. Its deadline is 2026-12-03
        09:00:00. It paid for one call, 1.5 CNY.
        ");
    let json = told(&stories, "02:45:00", 80).1;
    let run = &json["runs"][0];
    assert_eq!(run["turns"].as_array().unwrap().len(), 3);
    assert_eq!(run["stands"]["as"], "waiting");
    assert_eq!(run["stands"]["queue"], "invoice.retry.10m");
    assert_eq!(run["stands"]["queue_until"], "2026-11-29T02:50:03Z");
    assert_eq!(run["stands"]["until"], "2026-11-29T03:00:03Z");
    assert_eq!(
        run["paid"],
        json!({ "calls": 1, "money": { "CNY": "1.5" } })
    );
    assert_eq!(run["unknown"]["calls"], 0, "the suspect's turn was told");
    // Its time has come.
    let due = told(&stories, "04:00:00", 1_000).0;
    assert!(
        due.contains("its time has come, so it is in invoice.due"),
        "{due}"
    );
    let json = told(&stories, "04:00:00", 80).1;
    assert_eq!(json["runs"][0]["stands"]["queue"], "invoice.due");
}

#[test]
fn an_answered_job_is_found_by_a_key_of_its_metadata_with_each_run() {
    let mut events = turns();
    events.push(turn(
        "aaaabbbbccccdddd",
        5,
        "03:30:04",
        &json!({
            "status": "completed", "verdict": "genuine", "calls": [call("c4", "OK", "yes")],
        }),
    ));
    events.push(turn(
        "eeee",
        0,
        "05:00:00",
        &json!({
            "status": "undetermined", "first_seen": "2026-11-29T04:59:00Z",
            "error": { "stage": "recognition", "code": "timeout" },
        }),
    ));
    let sought = JobSought::Metadata("claim_id".to_owned(), "CLM".to_owned());
    let stories = stories(sought, events);
    insta::assert_snapshot!(told(&stories, "06:00:00", 100).0, @r"
        CLM-1, of north, province 河南, first seen 2026-11-29 09:00:00, run aaaabbbbcccc

        turn                ended  how      calls                                   until  queue
        ────  ───────────────────  ───────  ────────────────────────  ───────────────────  ─────────────────
           1  2026-11-29 09:00:01  parked                             2026-11-29 09:00:01  invoice.retry.5s
          why: worker job.suspect: it will run alone
           2  2026-11-29 09:00:02  parked   verification 316 paid,    2026-11-29 09:30:02  invoice.retry.10m
                                            verification worker.lost
          why: verification 316: the province is in maintenance
           3  2026-11-29 09:30:03  parked   verification 316          2026-11-29 11:00:03  invoice.retry.1h
          why: verification 316: the province is in maintenance
           4  2026-11-29 11:30:04  genuine  verification OK paid

        It was answered at 2026-11-29 11:30:04. It paid for 2 calls, 3.0 CNY.

        CLM-1, of north, first seen 2026-11-29 12:59:00, run eeee

        turn                ended  how           calls  until  queue  why
        ────  ───────────────────  ────────────  ─────  ─────  ─────  ───────────────────
           1  2026-11-29 13:00:00  undetermined                       recognition timeout

        It was answered at 2026-11-29 13:00:00. It paid for nothing.
        ");
    let json = told(&stories, "06:00:00", 80).1;
    assert_eq!(json["runs"][0]["stands"]["verdict"], "genuine");
    assert_eq!(json["runs"][1]["stands"]["error"]["code"], "timeout");
    for line in told(&stories, "06:00:00", 80).0.lines() {
        assert!(console::measure_text_width(line) <= 80, "{line}");
    }
}

#[test]
fn no_more_turns_are_kept_than_a_person_reads() {
    let events = (0..10_050).map(|number| turn("run", number, "01:00:00", &json!({})));
    let found = stories(JobSought::Id("CLM-1".to_owned()), events.collect());
    assert_eq!((found.runs[0].turns.len(), found.left_out), (10_000, 50));
    let none = JobSought::Id("CLM-9".to_owned());
    let nameless =
        (0..20_000).map(|number| turn("run", number, "01:00:00", &json!({ "job_id": null })));
    assert!(stories(none, nameless.collect()).runs.is_empty());
}
