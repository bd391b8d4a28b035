//! The sums of replayed runs, and how they are shown.

use super::sums::ReplaySums;
use crate::domain::failure::{Billed, Stage};
use crate::domain::result::{Status, Verdict};
use crate::ledger::CallPrice;
use crate::ledger::replay::{
    LeftOutReason, ReplayEnd, RunAnswer, RunCall, RunEntry, RunRecord, RunReplay, UnknownReason,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::rc::Rc;

const FIRST_SEEN: &str = "2026-11-29T01:00:00Z";

fn first_seen() -> Timestamp {
    FIRST_SEEN.parse().unwrap()
}

fn price() -> Rc<CallPrice> {
    Rc::new(CallPrice {
        price: "1.50".parse().unwrap(),
        currency: "CNY".parse().unwrap(),
    })
}

fn run(codes: &[(&str, Billed)], answered_after: Option<i64>) -> RunRecord {
    let call = |(code, billed): &(&str, Billed)| {
        RunEntry::Call(RunCall {
            stage: Stage::Verification,
            code: (*code).into(),
            at: first_seen(),
            duration_ms: 0,
            billed: *billed,
            price: Some(price()),
        })
    };
    RunRecord {
        first_seen: first_seen(),
        entries: codes.iter().map(call).collect(),
        lost: Vec::new(),
        answer: answered_after.map(|seconds| RunAnswer {
            at: first_seen() + SignedDuration::from_secs(seconds),
            status: Status::Completed,
            verdict: Some(Verdict::Genuine),
            error: None,
        }),
    }
}

/// The first calls of the run are made.
fn replayed(run: &RunRecord, calls: usize, end: ReplayEnd) -> RunReplay<'_> {
    RunReplay {
        calls: run.calls().take(calls).collect(),
        end,
        unexplained: 0,
        held_up: 1,
    }
}

fn sums() -> ReplaySums {
    let mut sums = ReplaySums::default();
    let saved = run(
        &[
            ("317", Billed::Yes),
            ("timeout", Billed::Unknown),
            ("OK", Billed::Yes),
        ],
        Some(3_661),
    );
    let failed = ReplayEnd::Answered {
        label: "undetermined verification 317".to_owned(),
        took: SignedDuration::from_secs(61),
    };
    sums.add(&saved, &replayed(&saved, 1, failed));
    let unknown = run(&[("317", Billed::Yes)], Some(10));
    let end = ReplayEnd::Unknown {
        reason: UnknownReason::NeverAsked,
        price: Some(price()),
    };
    sums.add(&unknown, &replayed(&unknown, 1, end));
    let waiting = run(&[("connect", Billed::No)], None);
    sums.add(&waiting, &replayed(&waiting, 1, ReplayEnd::Waiting));
    sums.leave_out(LeftOutReason::BeganBefore);
    let left_out: Vec<RunCall> = saved.calls().cloned().collect();
    sums.leave_out_calls(&left_out);
    sums
}

#[test]
fn both_sides_stand_beside_each_other_in_eighty_columns() {
    let sums = sums();
    let text = sums.to_text(80);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(words).collect();
    for line in [
        "recorded replayed difference",
        "jobs 3 3",
        "calls 5 3 -2",
        "paid calls 3 2 -1",
        "free calls 1 1",
        "unknown calls 1 0 -1",
        "never made, at least 0 1 +1",
        "paid 4.50 CNY 3.00 CNY -1.50 CNY",
        "unknown, at most 1.50 CNY -1.50 CNY",
        "never made, for one each 1.50 CNY 1.50 CNY",
        "half are answered within 1h 1m 1m 1s -59m 59s",
        "the slowest after 1h 1m 1m 1s -1h",
        "how the jobs end recorded replayed difference",
        "completed genuine 2 0 -2",
        "undetermined verification 317 0 1 +1",
        "still waiting 1 1",
        "unknown 0 1 +1",
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{line}: {text}");
    }
    let remarks = sums.remarks();
    for (remark, begins) in remarks.iter().zip([
        "1 of the jobs would have made a call that was never made",
        "1 of the jobs are in neither column: they began before the time",
        "3 calls are in neither column, of such jobs or made after a job's answer, 3.00 CNY of it paid",
        "3 waits had another reason than an answer of the job's own",
    ]) {
        assert!(remark.starts_with(begins), "{remark}");
    }
    assert_eq!(remarks.len(), 4, "{remarks:?}");
}

#[test]
fn the_json_has_both_sides_and_what_is_in_neither() {
    let told = sums().to_json();
    let side = |name: &str| told[name].clone();
    assert_eq!(told["jobs"], 3);
    assert_eq!(side("recorded")["calls"], 5);
    let paid = json!({ "calls": 3, "unpriced": 0, "money": { "CNY": "4.50" } });
    assert_eq!(side("recorded")["paid"], paid);
    assert_eq!(side("replayed")["calls"], 3);
    assert_eq!(side("replayed")["unknown"]["calls"], 0);
    let never_made = json!({ "calls": 1, "unpriced": 0, "money": { "CNY": "1.50" } });
    assert_eq!(side("replayed")["never_made"], never_made);
    assert_eq!(
        side("replayed")["unknown_jobs"],
        json!({ "never_asked": 1 })
    );
    assert_eq!(
        side("replayed")["ends"],
        json!({ "undetermined verification 317": 1 })
    );
    let times = json!({ "jobs": 1, "p50_ms": 61_000, "p90_ms": 61_000, "longest_ms": 61_000 });
    assert_eq!(side("replayed")["time_to_answer"], times);
    // Of the same jobs: what is unknown on one side is no time on the other.
    assert_eq!(side("recorded")["time_to_answer"]["jobs"], 1);
    assert_eq!(side("left_out")["jobs"], json!({ "began_before": 1 }));
    assert_eq!(side("left_out")["paid"]["calls"], 2);
    assert_eq!(told["held_up"], 3);
}
