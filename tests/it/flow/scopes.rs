//! One province closes: the others go on, nobody asks for it before its time, and one call opens
//! it.

use crate::harness::picture::only_its_code;
use crate::harness::system::{BUCKET, On, Setup, System};
use futures_util::future::join_all;
use invoice_worker::dev::sandbox::SandboxCall;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::units::span;
use invoice_worker::telemetry::job_event::JobEvent;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// A bill of each of five provinces; the first one's is the one that closes.
const BILLS: [&str; 5] = [
    "02-henan-inpatient",
    "01-beijing-outpatient",
    "03-zhejiang-outpatient",
    "04-shanghai-outpatient",
    "07-shandong-outpatient-posted",
];
const WORKERS: usize = 3;
/// Calls that a worker makes at once.
const IN_FLIGHT: usize = 2;
/// Calls that were past the gate when it closed, and for each of them one that took its place in
/// the moment before.
const STRAGGLERS: usize = 2 * WORKERS * IN_FLIGHT;
const CLOSED_FOR: Duration = Duration::from_secs(10);
/// The first call meets with the maintenance, and so does the first probe; the second one does not.
const MAINTENANCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_and_a_thousand_jobs_of_five_provinces_through_rabbitmq() {
    // Workers that are as busy as this may claim a probe before they have heard each other.
    jobs_of_five_provinces(On::RabbitMq, 1_000, WORKERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_and_a_hundred_jobs_of_five_provinces_through_rabbitmq() {
    jobs_of_five_provinces(On::RabbitMq, 100, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_and_a_hundred_jobs_of_five_provinces_through_memory() {
    jobs_of_five_provinces(On::Memory, 100, 1).await;
}

async fn jobs_of_five_provinces(on: On, number: usize, probes_at_once: usize) {
    let mut system = closing(on).await;
    let pictures = BILLS.map(only_its_code);
    let ids: Vec<String> = (0..number).map(|index| format!("{index:04}")).collect();
    for (index, id) in ids.iter().enumerate() {
        let picture = [&pictures[index % BILLS.len()], id.as_bytes()].concat();
        system.sandbox.put(BUCKET, id, picture).await.unwrap();
    }
    for _ in 0..WORKERS {
        system.work().await;
    }
    // The maintenance begins now, and the jobs with it.
    system.sandbox.reset();
    join_all(
        ids.iter()
            .map(async |id| system.submit(&system.job(id, id)).await),
    )
    .await;
    let mut answered = BTreeSet::new();
    for _ in 0..number {
        let result = system.result().await;
        assert_eq!(result["status"], "completed", "{result}");
        answered.insert(result["job_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered.len(), number);
    let calls = system.sandbox.calls();
    assert_eq!(
        calls.count(Stage::Recognition).calls,
        number as u64,
        "nothing is bought twice"
    );
    let of_the_closed = calls.about(Stage::Verification, BILLS[0]);
    let of_others: Vec<SandboxCall> = calls
        .of(Stage::Verification)
        .into_iter()
        .filter(|call| call.subject.as_deref() != Some(BILLS[0]))
        .collect();
    let [closed, opened] = closes_and_opens(&of_the_closed, probes_at_once);
    assert!(
        of_others.iter().all(|call| call.answer == "OK"),
        "nobody else's answer is another one"
    );
    let meanwhile = of_others
        .iter()
        .filter(|call| call.at > closed && call.at < opened)
        .count();
    assert!(meanwhile > 0, "the other provinces go on");
    assert_eq!(
        of_others.len(),
        number - number / BILLS.len(),
        "each is asked about once"
    );
    system.drain().await;
}

/// Calls stop at the first refusal, but for those that were on their way; then one at a time tries,
/// or so many, when the time has come, and only when that one was answered well do the others
/// follow. Answers when the province was closed, and when it was opened.
fn closes_and_opens(calls: &[SandboxCall], probes_at_once: usize) -> [Duration; 2] {
    let first = &calls[0];
    assert_eq!(
        first.answer, "316",
        "the maintenance lasts until somebody has called"
    );
    let closed = first.at + first.took;
    let burst = calls
        .iter()
        .take_while(|call| call.at < closed + CLOSED_FOR / 2)
        .count();
    assert!(
        burst <= STRAGGLERS,
        "{burst} calls when the province was closed"
    );
    let (burst, mut others) = calls.split_at(burst);
    assert!(burst.iter().all(|call| call.answer == "316"));
    let mut refused = closed;
    loop {
        let (probe, rest) = others.split_first().expect("the province is opened");
        // Stamps are in whole milliseconds.
        assert!(
            probe.at + Duration::from_millis(2) >= refused + CLOSED_FOR,
            "{:?} is before its time",
            probe.at
        );
        let answered = probe.at + probe.took;
        let is_over = probe.answer == "OK";
        let alone_until = if is_over {
            answered
        } else {
            answered + CLOSED_FOR / 2
        };
        let beside = rest.iter().take_while(|call| call.at < alone_until).count();
        assert!(
            beside < probes_at_once,
            "one call is the probe; {beside} came beside it"
        );
        if is_over {
            assert!(rest.len() > beside, "others follow");
            assert!(rest.iter().all(|call| call.answer == "OK"));
            return [closed, answered];
        }
        (refused, others) = (answered, &rest[beside..]);
    }
}

async fn closing(on: On) -> System {
    let until = MAINTENANCE.as_secs();
    let faults = format!(
        "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\nuntil = \"{until}s\"\n"
    );
    let rules = format!(
        "[[rule]]\nstage = \"verification\"\ncode = [\"316\"]\nscope = \"province\"\nbilled = \"yes\"\nreason = \"shortened\"\n\
         do = [{{ action = \"park\", delays = [\"{}s\"] }}, {{ action = \"fail\" }}]\n",
        CLOSED_FOR.as_secs()
    );
    let mut setup = Setup::new(on).await.faults(&faults).rules(&rules);
    // Few hops: this is not about parking, and hundreds of jobs wait at once.
    setup.config.broker.retry_delays = ["1s", "5s"].map(span).to_vec();
    setup.config.recognition.rate_per_second = 200.0;
    setup.config.verification.rate_per_second = 200.0;
    setup.config.verification.max_in_flight = IN_FLIGHT;
    setup.prepare().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_deadline_is_nearer_than_the_opening_is_answered_at_once() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";
    let mut system = Setup::new(On::RabbitMq).await.faults(faults).start().await;
    let key = system.sample("02-henan-inpatient").await;
    system.submit(&system.job("first", &key)).await;
    assert!(matches!(system.event().await, JobEvent::Parked(_)));
    let key = system.sample("10-henan-outpatient-scan").await;
    let deadline = Timestamp::now() + Duration::from_mins(20);
    let hurried = system.message(
        "second",
        json!({ "job_id": "second", "image": { "key": key }, "deadline": deadline }).to_string(),
    );
    let result = system.ask(&hurried).await;
    let error = &result["error"];
    assert_eq!(
        (&result["status"], &error["stage"], &error["code"]),
        (
            &json!("undetermined"),
            &json!("verification"),
            &json!("316")
        )
    );
    assert!(
        result["recognition"]["invoice"]["note_no"].is_string(),
        "what had been obtained is in the result"
    );
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 1);
}
