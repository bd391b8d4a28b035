//! Runs that cannot be replayed, and events that are no run's.

use super::*;

const SINCE: &str = "2026-11-29T00:00:00Z";

fn news(book: &mut RunBook, events: &[Value]) -> Vec<String> {
    let events = read(events);
    let news = events.iter().flat_map(|event| book.add(event));
    let told = news.map(|news| match news {
        RunNews::Ended(run) => format!("ended after {} calls", run.calls().count()),
        RunNews::LeftOut(reason) => reason.as_str().to_owned(),
        RunNews::CallsLeftOut(calls) => format!("{} calls", calls.len()),
    });
    told.collect()
}

fn with(mut event: Value, key: &str, value: Value) -> Value {
    event[key] = value;
    event
}

#[test]
fn a_run_that_is_not_known_from_its_beginning_is_left_out_with_its_calls() {
    let first = [
        call("recognition", "200", 0),
        call("verification", "317", 1_000),
    ];
    let parked = |turn| parked(turn, 2_000, &first, 602_000, "317", TIMED_OUT);
    let ended = |turn| genuine(turn, 604_000, &[call("verification", "OK", 603_000)]);
    let period = LedgerPeriod {
        from: Some(SINCE.parse().unwrap()),
        until: Some(at(3_600_000)),
    };
    let early = json!("2026-11-28T23:59:59Z");
    for (events, expected) in [
        (vec![parked(0), ended(1)], &["ended after 3 calls"][..]),
        // A turn that is told once more, with no call that is new.
        (
            vec![parked(0), with(parked(0), "calls", json!([])), ended(1)],
            &["ended after 3 calls"],
        ),
        (
            vec![
                with(parked(0), "first_seen", early.clone()),
                with(ended(1), "first_seen", early),
            ],
            &["began_before", "2 calls", "1 calls"],
        ),
        (vec![ended(1)], &["turn_missing", "1 calls"]),
        // A wait of ten minutes may be several hops, one of a second is not.
        (vec![parked(0), ended(2)], &["ended after 3 calls"]),
        (
            vec![
                super::parked(0, 2_000, &first, 3_000, "317", TIMED_OUT),
                ended(2),
            ],
            &["turn_missing", "3 calls"],
        ),
        (
            vec![with(parked(0), "calls_left_out", json!(7)), ended(1)],
            &["calls_unlisted", "2 calls", "1 calls"],
        ),
        (vec![parked(0), ended(0)], &["two_copies", "3 calls"]),
        (
            vec![parked(0), with(ended(1), "ending", json!("dropped"))],
            &["two_copies", "3 calls"],
        ),
        (
            vec![genuine(0, 2_000, &[call("other", "1", 0)])],
            &["other_account", "1 calls"],
        ),
        // After its end: the lines of the ledger are no run any more.
        (
            vec![
                ended(0),
                ended(0),
                event(0, 605_000, "dropped", &[], &json!({})),
            ],
            &["ended after 1 calls", "1 calls"],
        ),
        // What is later than the period is not looked at.
        (
            vec![genuine(0, 3_600_000, &[call("verification", "OK", 0)])],
            &[],
        ),
    ] {
        assert_eq!(news(&mut book_of(period), &events), expected, "{events:#?}");
    }
}

#[test]
fn a_call_that_may_have_been_lost_is_unknown_and_no_answer() {
    let lost = json!({
        "id": "lost", "account": "verification", "code": "worker.lost", "billed": "unknown", "price": "1.5",
        "currency": "CNY", "at": at(40_000), "duration_ms": 0,
    });
    let calls = [
        call("recognition", "200", 0),
        lost,
        call("verification", "OK", 41_000),
    ];
    let redelivered = |event| with(event, "redelivered", json!(true));
    let told_twice = redelivered(genuine(0, 42_000, &calls));
    let run = run_of(&[with(told_twice.clone(), "lost_turn", json!(0))]);
    assert_eq!((run.calls().count(), run.lost.len()), (2, 1));
    let replayed = replay("", "").replay(&run);
    assert_eq!((replayed.calls.len(), replayed.end), (3, end(42_000)));

    // Its worker had told of the turn before it died: the call was not made.
    let parked = parked(0, 2_000, &[], 30_000, "317", TIMED_OUT);
    let next = with(told_twice, "turn", json!(1));
    let run = run_of(&[parked, with(next, "lost_turn", json!(0))]);
    assert_eq!(run.lost, []);
}

fn end(millis: i64) -> ReplayEnd {
    ReplayEnd::Answered {
        label: "completed genuine".to_owned(),
        took: SignedDuration::from_millis(millis),
    }
}
