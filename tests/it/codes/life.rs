//! A row, lived through.

use super::table::{Calls, Row, Step};
use super::{AFTER_RECOGNITION, HASTE, HASTE_WITH_DEADLINE, about, differs, job, system};
use crate::harness::system::System;
use invoice_worker::domain::failure::Stage;
use invoice_worker::worker::{Event, JobAnswered, JobParked};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Of what a version does not execute yet.
const UNTIL_ASKED_AGAIN: Duration = Duration::from_mins(5);

/// Up to the first wait, with the policy's own delays.
pub(super) async fn first_wait(row: &Row) -> Vec<String> {
    if row.life.iter().any(|step| matches!(step, Step::Throttle)) {
        return Vec::new();
    }
    let Some(wait) = row.life.iter().find(|step| !matches!(step, Step::Retry(_) | Step::Again | Step::Last)) else { return Vec::new() };
    let mut system = system(row, 1).await;
    system.work().await;
    let job = job(&system, row, "first", true).await;
    system.submit(&job).await;
    let event = system.event().await;
    let now = Timestamp::now();
    system.drain().await;
    let wrong = match (wait, event) {
        (Step::Park { first, .. }, Event::Parked(parked)) => wrong_wait(&parked, now, *first),
        (Step::NotYetExecuted, Event::Parked(parked)) => wrong_wait(&parked, now, UNTIL_ASKED_AGAIN),
        (Step::NextDay(_), Event::Parked(parked)) => wrong_day(&parked, now),
        (_, Event::Parked(parked)) => Some(format!("parked for {} until {}", parked.code, parked.until)),
        (_, Event::Answered(answered)) => Some(format!("answered after {}, instead of waiting", answered.codes)),
    };
    wrong.into_iter().collect()
}

fn wrong_wait(parked: &JobParked, now: Timestamp, written: Duration) -> Option<String> {
    let wait = Duration::try_from(parked.until.duration_since(now)).unwrap_or_default();
    (!about(wait, written)).then(|| format!("first parked for {wait:?}, not {written:?}"))
}

fn wrong_day(parked: &JobParked, now: Timestamp) -> Option<String> {
    let shanghai = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let (now, until) = (now.to_zoned(shanghai.clone()), parked.until.to_zoned(shanghai));
    let minute = i32::from(until.hour()) * 60 + i32::from(until.minute());
    let tomorrow = until.date() == now.date().tomorrow().unwrap() && (10..=120).contains(&minute);
    (!tomorrow).then(|| format!("parked until {until}"))
}

/// To the end, in a hurry. Recognition is asked for twice, with and without a verification that follows.
pub(super) async fn whole(row: &Row) -> Vec<String> {
    if row.life.iter().any(|step| matches!(step, Step::NotYetExecuted | Step::Throttle)) {
        return Vec::new();
    }
    let mut system = system(row, if row.given.deadline.is_some() { HASTE_WITH_DEADLINE } else { HASTE }).await;
    system.work().await;
    let ways: &[(&str, bool)] = if row.stage == Stage::Recognition { &[("alone", false), ("verified", true)] } else { &[("whole", true)] };
    let mut wrong = Vec::new();
    let mut failed = 0;
    for (id, verify) in ways {
        let job = job(&system, row, id, *verify).await;
        let result = system.ask(&job).await;
        let told = events(&mut system).await;
        let expected = if row.stage == Stage::Recognition && *verify { AFTER_RECOGNITION } else { row.code.as_str() };
        failed += u32::from(result["status"] != "completed");
        let found = wrong_course(row, &system, id, &result, &told).into_iter().chain(wrong_end(row, *verify, expected, &result));
        wrong.extend(found.map(|problem| format!("{id}: {problem}")));
    }
    wrong.extend(differs("jobs in the failed queue:", &system.depth(&system.config.broker.failed_queue).await, &failed));
    system.drain().await;
    wrong
}

/// The parks of one job, and its end.
async fn events(system: &mut System) -> (Vec<JobParked>, JobAnswered) {
    let mut parks = Vec::new();
    loop {
        match system.event().await {
            Event::Parked(parked) => parks.push(parked),
            Event::Answered(answered) => return (parks, answered),
        }
    }
}

/// Calls, retries, parks and who pays.
fn wrong_course(row: &Row, system: &System, id: &str, result: &Value, (parks, end): &(Vec<JobParked>, JobAnswered)) -> Vec<String> {
    let Some(Calls { number, billed }) = row.calls else { return vec!["how many calls are expected?".to_owned()] };
    let retries = row.life.iter().map(|step| if let Step::Retry(times) = step { *times } else { 0 }).sum::<usize>();
    let written = row.life.iter().map(|step| match step {
        Step::Park { times: Some(times), .. } | Step::NextDay(times) => *times,
        Step::Park { times: None, .. } => number - 1 - retries,
        Step::Retry(_) | Step::Again | Step::NotYetExecuted | Step::Throttle | Step::Last => 0,
    });
    let mut wrong = vec![
        differs("parks:", &parks.len(), &written.sum()),
        differs("retries:", &(end.totals.retries as usize), &retries),
        parks.iter().find_map(|park| differs("parked for", &(park.stage, park.code.as_str()), &(row.stage, row.code.as_str()))),
    ];
    match billed {
        None if row.code == "connect" => {}
        None => {
            let asked = system.sandbox.calls().about(Stage::Storage, &format!("get samples/{id}.png"));
            wrong.push(differs("downloads:", &asked.len(), &number));
        }
        Some(billed) => {
            let written = vec![(row.code.clone(), billed.as_str().to_owned()); number];
            wrong.push(differs("calls:", &calls(result, row.stage), &written));
        }
    }
    let (other, needed) = match row.stage {
        Stage::Recognition => (Stage::Verification, usize::from(id == "verified")),
        // Recognised before, but for the bill that nobody has to be told about.
        _ => (Stage::Recognition, usize::from(row.stage == Stage::Verification && row.given.knows_the_bill)),
    };
    wrong.push(differs("calls of the other stage:", &calls(result, other).len(), &needed));
    wrong.into_iter().flatten().collect()
}

fn calls(result: &Value, stage: Stage) -> Vec<(String, String)> {
    let of_stage = result["calls"].as_array().unwrap().iter().filter(|call| call["stage"] == stage.as_str());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_stage.map(|call| (text(&call["code"]), text(&call["billed"]))).collect()
}

/// Status, verdict and error.
fn wrong_end(row: &Row, verify: bool, code: &str, result: &Value) -> Vec<String> {
    let followed = row.stage == Stage::Recognition && verify;
    let ends = if followed { "not_usable" } else { row.ends.as_str() };
    let of_stage = json!([if followed { Stage::Verification } else { row.stage }.as_str(), code]);
    let (status, verdict, error) = match ends {
        "undetermined" => ("undetermined", Value::Null, of_stage),
        "genuine" | "recognized" => ("completed", json!(ends), json!([null, null])),
        image if image.starts_with("image.") => ("invalid_job", Value::Null, json!(["image", image])),
        verdict => ("completed", json!(verdict), of_stage),
    };
    let read = row.stage == Stage::Verification || row.ends == "recognized";
    let wrong = [
        differs("status", &result["status"], &json!(status)),
        differs("verdict", &result["verdict"], &verdict),
        differs("error", &json!([result["error"]["stage"], result["error"]["code"]]), &error),
        differs("was read:", &!result["recognition"].is_null(), &read),
    ];
    wrong.into_iter().flatten().collect()
}
