//! A row, lived through.

use super::table::{Calls, Row, Step};
use super::{AFTER_RECOGNITION, HASTE, HASTE_WITH_DEADLINE, about, differs, job, system};
use crate::harness::system::{On, System};
use invoice_worker::broker::PROGRESS;
use invoice_worker::domain::failure::Stage;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::job_event::{JobEvent, JobParked};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::time::Duration;

/// What one job met with.
struct Life {
    parks: Vec<JobParked>,
    retries: usize,
    end: End,
}

enum End {
    Answered {
        result: Value,
    },
    /// It waits for the end of a pause; `progress` is what travels with it.
    Paused {
        parked: JobParked,
        progress: Value,
    },
}

/// Up to the first wait, with the policy's own delays. That of a pause is the same in a hurry:
/// [`whole`] sees it.
pub(super) async fn first_wait(row: &Row) -> Vec<String> {
    if row.life.iter().any(|step| matches!(step, Step::Throttle)) {
        return Vec::new();
    }
    let Some(wait) = row
        .life
        .iter()
        .find(|step| matches!(step, Step::Park { .. } | Step::NextDay(_)))
    else {
        return Vec::new();
    };
    let mut system = system(row, On::Memory, 1).await;
    system.work().await;
    let job = job(&system, row, "first", true).await;
    system.submit(&job).await;
    let event = system.event().await;
    let now = Timestamp::now();
    system.drain().await;
    let wrong = match (wait, event) {
        (Step::Park { first, .. }, JobEvent::Parked(parked)) => wrong_wait(&parked, now, *first),
        (Step::NextDay(_), JobEvent::Parked(parked)) => {
            wrong_day(&parked, now, &system.config.policy.timezone())
        }
        (_, JobEvent::Parked(parked)) => {
            Some(format!("parked for {} until {}", parked.code, parked.until))
        }
        (_, JobEvent::Answered(answered)) => Some(format!(
            "answered after {}, instead of waiting",
            answered.codes
        )),
    };
    wrong.into_iter().collect()
}

fn wrong_wait(parked: &JobParked, now: Timestamp, written: Duration) -> Option<String> {
    let wait = Duration::try_from(parked.until.duration_since(now)).unwrap_or_default();
    (!about(wait, written)).then(|| format!("parked for {wait:?}, not {written:?}"))
}

fn wrong_day(parked: &JobParked, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let (now, until) = (
        now.to_zoned(zone.clone()),
        parked.until.to_zoned(zone.clone()),
    );
    let minute = i32::from(until.hour()) * 60 + i32::from(until.minute());
    let tomorrow = until.date() == now.date().tomorrow().unwrap() && (10..=120).contains(&minute);
    (!tomorrow).then(|| format!("parked until {until}"))
}

/// To the end, in a hurry. Recognition is asked for twice, with and without a verification that
/// follows.
pub(super) async fn whole(row: &Row, on: On) -> Vec<String> {
    if row.life.iter().any(|step| matches!(step, Step::Throttle)) {
        return Vec::new();
    }
    let ways: &[(&str, bool)] = if row.stage == Stage::Recognition {
        &[("alone", false), ("verified", true)]
    } else {
        &[("whole", true)]
    };
    let mut wrong = Vec::new();
    for (id, verify) in ways {
        wrong.extend(
            one_way(row, on, id, *verify)
                .await
                .into_iter()
                .map(|problem| format!("{id}: {problem}")),
        );
    }
    wrong
}

/// In a system of its own: what one job meets with concerns others.
async fn one_way(row: &Row, on: On, id: &str, verify: bool) -> Vec<String> {
    let mut system = system(
        row,
        on,
        if row.given.deadline.is_some() {
            HASTE_WITH_DEADLINE
        } else {
            HASTE
        },
    )
    .await;
    system.work().await;
    let job = job(&system, row, id, verify).await;
    system.submit(&job).await;
    let life = live(&mut system).await;
    let mut wrong = wrong_course(row, &system, id, &life);
    let failed = match &life.end {
        End::Answered { result } => {
            wrong.extend(wrong_end(row, verify, result));
            result["status"] != "completed"
        }
        End::Paused { parked, progress } => {
            wrong.extend(wrong_pause(row, &system, parked, progress, &life).await);
            false
        }
    };
    wrong.extend(differs(
        "jobs in the failed queue:",
        &system.depth(&system.config.broker.failed_queue).await,
        &u32::from(failed),
    ));
    system.drain().await;
    wrong
}

async fn live(system: &mut System) -> Life {
    let mut parks = Vec::new();
    let (end, totals) = loop {
        match system.event().await {
            JobEvent::Answered(answered) => {
                break (
                    End::Answered {
                        result: system.result().await,
                    },
                    answered.totals,
                );
            }
            JobEvent::Parked(parked) if parked.by_pause => {
                let totals = parked.totals;
                break (
                    End::Paused {
                        parked,
                        progress: progress_of_the_paused(system).await,
                    },
                    totals,
                );
            }
            JobEvent::Parked(parked) => parks.push(parked),
        }
    };
    Life {
        parks,
        retries: totals.retries as usize,
        end,
    }
}

async fn progress_of_the_paused(system: &System) -> Value {
    let parked = system.take(&system.config.broker.due_queue).await;
    serde_json::from_str(&parked.properties.headers.text(PROGRESS).unwrap()).unwrap()
}

/// Calls, retries, parks and who pays.
fn wrong_course(row: &Row, system: &System, id: &str, life: &Life) -> Vec<String> {
    let Some(Calls { number, billed }) = row.calls else {
        return vec!["how many calls are expected?".to_owned()];
    };
    let Life {
        parks,
        retries,
        end,
    } = life;
    let (End::Answered { result: told } | End::Paused { progress: told, .. }) = end;
    let written_retries = row
        .life
        .iter()
        .map(|step| {
            if let Step::Retry(times) = step {
                *times
            } else {
                0
            }
        })
        .sum::<usize>();
    let written_parks = row.life.iter().map(|step| match step {
        Step::Park {
            times: Some(times), ..
        }
        | Step::NextDay(times) => *times,
        Step::Park { times: None, .. } => number - 1 - written_retries,
        Step::Retry(_) | Step::Again | Step::Throttle | Step::Pause | Step::Last => 0,
    });
    let mut wrong = vec![
        differs("parks:", &parks.len(), &written_parks.sum()),
        differs("retries:", retries, &written_retries),
        parks.iter().find_map(|park| {
            differs(
                "parked for",
                &(park.stage, park.code.as_str()),
                &(row.stage, row.code.as_str()),
            )
        }),
    ];
    match billed {
        None if row.code == "connect" => {}
        None => {
            let asked = system
                .sandbox
                .calls()
                .about(Stage::Storage, &format!("get samples/{id}.png"));
            wrong.push(differs("downloads:", &asked.len(), &number));
        }
        Some(billed) => {
            let written = vec![(row.code.clone(), billed.as_str().to_owned()); number];
            wrong.push(differs("calls:", &calls(told, row.stage), &written));
        }
    }
    let (other, needed) = match (row.stage, end) {
        (Stage::Recognition, End::Answered { .. }) => {
            (Stage::Verification, usize::from(id == "verified"))
        }
        (Stage::Recognition, End::Paused { .. }) => (Stage::Verification, 0),
        // Recognised before, but for the bill that nobody has to be told about.
        (stage, _) => (
            Stage::Recognition,
            usize::from(stage == Stage::Verification && row.given.knows_the_bill),
        ),
    };
    wrong.push(differs(
        "calls of the other stage:",
        &calls(told, other).len(),
        &needed,
    ));
    wrong.into_iter().flatten().collect()
}

fn calls(told: &Value, stage: Stage) -> Vec<(String, String)> {
    let none = Vec::new();
    let of_stage = told["calls"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .filter(|call| call["stage"] == stage.as_str());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_stage
        .map(|call| (text(&call["code"]), text(&call["billed"])))
        .collect()
}

/// Status, verdict and error.
fn wrong_end(row: &Row, verify: bool, result: &Value) -> Vec<String> {
    let followed = row.stage == Stage::Recognition && verify && row.ends != "paused";
    let (stage, code) = if followed {
        (Stage::Verification, AFTER_RECOGNITION)
    } else {
        (row.stage, row.code.as_str())
    };
    let of_stage = json!([stage.as_str(), code]);
    let (status, verdict, error) = match if followed {
        "not_usable"
    } else {
        row.ends.as_str()
    } {
        "paused" => return vec![format!("answered {}, not paused", result["error"])],
        "undetermined" => ("undetermined", Value::Null, of_stage),
        ends @ ("genuine" | "recognized") => ("completed", json!(ends), json!([null, null])),
        image if image.starts_with("image.") => {
            ("invalid_job", Value::Null, json!(["image", image]))
        }
        verdict => ("completed", json!(verdict), of_stage),
    };
    let read = row.stage == Stage::Verification || row.ends == "recognized";
    let wrong = [
        differs("status", &result["status"], &json!(status)),
        differs("verdict", &result["verdict"], &verdict),
        differs(
            "error",
            &json!([result["error"]["stage"], result["error"]["code"]]),
            &error,
        ),
        differs("was read:", &!result["recognition"].is_null(), &read),
    ];
    wrong.into_iter().flatten().collect()
}

/// The job is handed back at once and is charged for nothing but what came before; the worker says
/// which stage it is.
async fn wrong_pause(
    row: &Row,
    system: &System,
    parked: &JobParked,
    progress: &Value,
    life: &Life,
) -> Vec<String> {
    if row.ends != "paused" {
        return vec![format!("paused for {}", parked.code)];
    }
    let worker = &system.workers[0];
    worker
        .becomes(|state| matches!(state, HealthState::Paused { .. }))
        .await;
    let stages = match worker.health.state() {
        HealthState::Paused { stages } => stages,
        _ => Vec::new(),
    };
    let paused: Vec<_> = stages
        .iter()
        .map(|paused| (paused.account.as_str(), paused.code.as_str()))
        .collect();
    let charged = progress["steps"]
        .as_object()
        .into_iter()
        .flat_map(|rules| rules.values());
    let charged: u64 = charged
        .flat_map(|uses| uses.as_array().unwrap())
        .filter_map(Value::as_u64)
        .sum();
    let again = row
        .life
        .iter()
        .filter(|step| matches!(step, Step::Again))
        .count();
    let wrong = [
        (parked.until > Timestamp::now()).then(|| format!("parked until {}", parked.until)),
        differs(
            "parked for",
            &(parked.stage, parked.code.as_str()),
            &(row.stage, row.code.as_str()),
        ),
        differs(
            "paused:",
            &paused,
            &vec![(row.stage.as_str(), row.code.as_str())],
        ),
        differs(
            "steps taken:",
            &charged,
            &((life.retries + life.parks.len() + again) as u64),
        ),
    ];
    wrong.into_iter().flatten().collect()
}
