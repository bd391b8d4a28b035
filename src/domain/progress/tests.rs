use super::*;
use crate::domain::failure::{Billed, Failure};
use proptest::prelude::*;

fn progress() -> Progress {
    Progress::new("ab".repeat(32), "2026-01-01T00:00:00Z".parse().unwrap())
}

fn call(request_id: &str) -> CallRecord {
    let at = "2026-01-01T00:00:01Z".parse().unwrap();
    let request_id = Some(request_id.to_owned());
    CallRecord {
        stage: Stage::Verification,
        code: "316".into(),
        request_id,
        at,
        duration_ms: 7,
        billed: Billed::Yes,
    }
}

#[test]
fn progress_is_read_back_as_it_was_written() {
    let mut sent = progress();
    sent.charge("verification/316", 1);
    sent.record(call("id"));
    sent.steps.rotated_for = Some("307".into());
    sent.delivered.parked = Some(Parked {
        stage: Stage::Verification,
        code: "316".into(),
        at: "2026-01-01T00:00:02Z".parse().unwrap(),
        by_pause: true,
    });
    let travelled = Progress::from_header(&sent.to_header(), &"ab".repeat(32));
    // The notes are of the turn that ends.
    sent.notes = TurnNotes::default();
    assert_eq!(travelled, Some(sent));
}

#[test]
fn steps_are_counted_by_rule() {
    let mut progress = progress();
    progress.charge("a", 2);
    progress.charge("a", 2);
    progress.charge("b", 0);
    assert_eq!(
        [
            progress.used("a", 0),
            progress.used("a", 2),
            progress.used("b", 0),
            progress.used("c", 0)
        ],
        [0, 2, 1, 0]
    );
}

#[test]
fn old_calls_give_way_and_stay_counted() {
    let mut progress = progress();
    for number in 0..120 {
        progress.record(call(&format!("{number}")));
    }
    assert_eq!(progress.calls().len(), MAX_CALLS_LISTED);
    assert_eq!(progress.calls()[0].request_id.as_deref(), Some("70"));
    assert_eq!(
        (progress.costs.totals.calls, progress.costs.totals.billed),
        (120, 120)
    );
}

#[test]
fn free_calls_give_way_before_paid_ones_and_the_turn_knows_its_own() {
    let mut progress = progress();
    progress.record(call("of an earlier turn"));
    let header = progress.to_header();
    let mut progress = Progress::from_header(&header, &"ab".repeat(32)).unwrap();
    progress.record(call("paid"));
    for number in 0..120 {
        progress.record(CallRecord {
            billed: Billed::No,
            ..call(&format!("{number}"))
        });
    }
    let listed = |calls: &[CallRecord]| -> Vec<String> {
        let ids = calls.iter().filter_map(|call| call.request_id.clone());
        ids.take(3).collect()
    };
    assert_eq!(progress.calls().len(), MAX_CALLS_LISTED);
    assert_eq!(
        listed(progress.calls()),
        ["of an earlier turn", "paid", "72"]
    );
    assert_eq!(listed(progress.calls_of_this_turn()), ["paid", "72", "73"]);
}

#[test]
fn calls_give_way_to_a_narrow_room_and_nothing_else_does() {
    let mut progress = progress();
    progress.charge("verification/316", 1);
    for number in 0..60 {
        progress.record(call(&format!("{number}")));
    }
    let mut listed = Vec::new();
    for room in [usize::MAX, 5_000, 3_000, 1_000, 0] {
        let header = progress.to_header_within(room);
        let back = Progress::from_header(&header, &"ab".repeat(32)).unwrap();
        assert!(
            header.len() <= room || back.calls().is_empty(),
            "{} within {room}",
            header.len()
        );
        assert_eq!(
            (back.costs.totals.calls, back.used("verification/316", 1)),
            (60, 1)
        );
        assert!(
            back.calls()
                .iter()
                .eq(&progress.calls()[MAX_CALLS_LISTED - back.calls().len()..]),
            "the latest are kept"
        );
        listed.push(back.calls().len());
    }
    assert_eq!(listed[0], MAX_CALLS_LISTED);
    assert!(
        listed.is_sorted_by(|more, fewer| more > fewer),
        "{listed:?}"
    );
    assert_eq!(listed[4], 0);
}

#[test]
fn a_code_is_remembered_with_its_last_time() {
    let mut progress = progress();
    let times = ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"]
        .map(|time| time.parse::<Timestamp>().unwrap());
    for at in times {
        progress.record(CallRecord { at, ..call("id") });
    }
    assert_eq!(
        progress.last_told(Stage::Verification, "316"),
        Some(times[1])
    );
    assert_eq!(progress.last_told(Stage::Recognition, "316"), None);
    assert_eq!(progress.last_told(Stage::Verification, "317"), None);
}

#[test]
fn the_header_never_exceeds_its_bound() {
    let mut progress = progress();
    for number in 0..200 {
        progress.record(call(&"x".repeat(2_000)));
        progress.charge(&format!("verification/a-rule-with-a-long-name-{number}"), 3);
    }
    let header = progress.to_header();
    assert!(header.len() <= MAX_HEADER_BYTES, "{}", header.len());
    let back = Progress::from_header(&header, &"ab".repeat(32)).unwrap();
    assert_eq!(
        back.used("verification/a-rule-with-a-long-name-7", 3),
        1,
        "budgets do not give way"
    );
}

#[test]
fn the_earliest_deadline_counts() {
    let mut progress = progress();
    let mut job = Job::parse(br#"{"job_id":"j","image":{"key":"a"}}"#, None)
        .ok()
        .unwrap();
    let day = Duration::from_hours(24);
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(progress.deadline(&job, day), time("2026-01-02T00:00:00Z"));
    job.deadline = Some(time("2026-01-01T06:00:00Z"));
    assert_eq!(progress.deadline(&job, day), time("2026-01-01T06:00:00Z"));
    progress.expires = Some(time("2026-01-01T05:00:00Z"));
    assert_eq!(progress.deadline(&job, day), time("2026-01-01T05:00:00Z"));
    assert_eq!(
        progress.deadline(&job, Duration::from_mins(1)),
        time("2026-01-01T00:01:00Z")
    );
}

#[test]
fn a_strangers_header_is_no_progress() {
    let whole = progress().to_header();
    let shortened = whole.replace(&"ab".repeat(32), &"cd".repeat(32));
    let another = whole.replace("\"v\":1", "\"v\":2");
    let long = format!("{}{whole}", " ".repeat(MAX_HEADER_BYTES));
    for header in [
        "",
        "null",
        "[]",
        "{}",
        &whole[..whole.len() - 1],
        &shortened,
        &another,
        &long,
    ] {
        assert_eq!(
            Progress::from_header(header, &"ab".repeat(32)),
            None,
            "{header}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(header in ".{0,300}") {
        let _ = Progress::from_header(&header, "run");
    }
}

#[test]
fn another_image_under_the_same_name_begins_anew() {
    let mut progress = Progress::new("run".into(), "2026-11-22T01:00:00Z".parse().unwrap());
    progress.is_about("first");
    progress.steps.rotated_for = Some("308".into());
    progress.steps.inline.insert(Stage::Verification);
    progress.steps.recognition_error = Some(JobError::new(
        &Failure::new(Stage::Recognition, "400", ""),
        1,
    ));
    progress.is_about("first");
    assert!(
        progress.steps.rotated_for.is_some()
            && progress.steps.recognition_error.is_some()
            && !progress.steps.inline.is_empty(),
        "the same one"
    );
    progress.is_about("second");
    assert!(
        progress.steps.rotated_for.is_none()
            && progress.steps.recognition_error.is_none()
            && progress.steps.inline.is_empty()
    );
    assert_eq!(progress.about.image.as_deref(), Some("second"));
}

/// What the versions before wrote is read: the header's fields are one flat object.
#[test]
fn a_job_that_is_parked_today_is_read_whole() {
    let run = "ab".repeat(32);
    let header = r#"{"v":1,"run":"RUN","first_seen":"2026-01-01T00:00:00Z","expires":"2026-01-03T00:00:00Z","steps":{"verification/316":[0,2]},"rotated_for":"307","inline":["recognition"],"recognition_error":{"stage":"recognition","code":"CIS.0001","message":"no","attempts":2},"parked":{"stage":"verification","code":"316","at":"2026-01-01T00:00:02Z","by_pause":true},"unsent":{"question":"q","since":"2026-01-01T00:00:03Z"},"redelivered":true,"untried":true,"parcel":"AAAA","returns":3,"paused_ms":5000,"pauses":{"storage":[2,"2026-01-01T00:00:04Z"]},"image":"i","bill":{"province":"Beijing","id":"b"},"asked_again":true,"attempts":{"verification":4},"calls":[{"stage":"verification","code":"316","request_id":"id","at":"2026-01-01T00:00:01Z","duration_ms":7,"billed":"yes"}],"totals":{"calls":9,"billed":8,"parked":7,"retries":6}}"#
        .replace("RUN", &run);
    let read = Progress::from_header(&header, &run).unwrap();
    let (known, asked): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(&header).unwrap(),
        serde_json::from_str(&read.to_header()).unwrap(),
    );
    assert_eq!(known, asked, "not a field is lost or renamed");
    assert_eq!(read.used("verification/316", 1), 2);
    assert_eq!(read.attempts(Stage::Verification), 4);
    assert_eq!(read.pauses(Stage::Storage), 2);
    assert_eq!(read.calls(), [call("id")]);
    assert_eq!((read.costs.totals.calls, read.delivered.returns), (9, 3));
    assert!(read.about.bill.is_some() && read.steps.inline.contains(&Stage::Recognition));
}

#[test]
fn the_queue_travels_and_what_a_later_version_adds_is_ignored() {
    let run = "ab".repeat(32);
    let mut sent = progress();
    sent.delivered.queue = Some("urgent.jobs".into());
    let header = sent.to_header();
    assert!(header.contains(r#""queue":"urgent.jobs""#), "{header}");
    let later = header.replacen('{', r#"{"later":{"field":1},"#, 1);
    for header in [&header, &later] {
        assert_eq!(Progress::from_header(header, &run), Some(sent.clone()));
    }
    sent.delivered.queue = Some("q".repeat(256));
    assert_eq!(Progress::from_header(&sent.to_header(), &run), None);
}
