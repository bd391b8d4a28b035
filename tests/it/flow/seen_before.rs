//! A bill that an earlier job was about is flagged, and no other one is.

use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::Message;
use invoice_worker::settings::units::span;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

promises![
    a_bill_is_flagged_by_what_is_the_same,
    of_two_workers_at_once_exactly_one_is_first,
    a_red_lettered_bill_is_flagged_beside_another_one_alone,
    nothing_is_remembered_where_that_is_configured,
    a_store_that_keeps_no_marks_costs_the_flag_and_nothing_else,
];

/// Another file of the same bill: bytes behind a picture's end change its hash and nothing else.
async fn copy(system: &System, stem: &str, number: usize) -> String {
    let sample = invoice_worker::dev::sandbox::samples::named(stem).unwrap();
    let bytes = [sample.bytes, format!("copy {number}").as_bytes()].concat();
    let key = format!("samples/{number}-{}", sample.file);
    system.sandbox.put(BUCKET, &key, bytes).await.unwrap();
    key
}

fn again(job: &Message, run: &str) -> Message {
    let mut again = job.clone();
    again.properties.message_id = Some(run.to_owned());
    again
}

fn is_flagged(result: &Value) -> bool {
    let flags = result["flags"].as_array().unwrap();
    let is_flagged = flags.contains(&json!("seen_before"));
    assert_eq!(is_flagged, !result["seen_before"].is_null(), "{result}");
    is_flagged
}

/// By what it is the same as which job's; `first` for none.
fn told(result: &Value) -> String {
    if !is_flagged(result) {
        return "first".to_owned();
    }
    let seen = &result["seen_before"];
    assert!(seen["at"].as_str().unwrap() < result["finished"].as_str().unwrap());
    format!(
        "{} {}",
        seen["job_id"].as_str().unwrap(),
        seen["by"].as_str().unwrap()
    )
}

async fn a_bill_is_flagged_by_what_is_the_same(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job 1", &key);
    let first = system.ask(&job).await;
    assert_eq!(told(&first), "first");

    let another_file = copy(&system, "01-beijing-outpatient", 1).await;
    let another_bill = system.sample("02-henan-inpatient").await;
    for is_new_worker in [false, true] {
        if is_new_worker {
            // It remembers nothing.
            system.drain().await;
            system.work().await;
        }
        for (job, key, expected) in [
            ("job 2", &key, "job 1 image"),
            ("job 3", &another_file, "job 1 number"),
            ("job 4", &another_bill, "first"),
        ] {
            let job = system.job(job, key);
            let result = system.ask(&again(&job, &is_new_worker.to_string())).await;
            assert_eq!(told(&result), expected, "{is_new_worker}");
        }
        // Another run of the same job, and the same run once more.
        let result = system
            .ask(&again(&job, &format!("run {is_new_worker}")))
            .await;
        assert_eq!(told(&result), "first", "{is_new_worker}");
        assert_eq!(system.ask(&job).await, first, "{is_new_worker}");
    }
}

async fn of_two_workers_at_once_exactly_one_is_first(on: On) {
    let mut setup = Setup::new(on).await;
    // All are recognised within a moment of each other.
    setup.scenario.recognition.latency = Duration::from_millis(200);
    let mut system = setup.start_with(2).await;
    let stems = [
        "01-beijing-outpatient",
        "02-henan-inpatient",
        "03-zhejiang-outpatient",
    ];
    let mut jobs = Vec::new();
    for (bill, stem) in stems.iter().enumerate() {
        for number in 0..4 {
            let key = copy(&system, stem, number).await;
            jobs.push(system.job(&format!("{bill}/{number}"), &key));
        }
    }
    for job in &jobs {
        system.submit(job).await;
    }
    let mut results: BTreeMap<String, Value> = BTreeMap::new();
    for _ in 0..jobs.len() {
        let result = system.result().await;
        results.insert(result["job_id"].as_str().unwrap().to_owned(), result);
    }
    for bill in 0..stems.len() {
        let of_bill = results
            .iter()
            .filter(|(job, _)| job.starts_with(&format!("{bill}/")));
        let (flagged, first): (Vec<_>, Vec<_>) =
            of_bill.partition(|(_, result)| is_flagged(result));
        let [(first, _)] = first[..] else {
            panic!("{} of bill {bill} are first", first.len())
        };
        for (job, result) in flagged {
            // Whether the first one knows its code by now is a matter of moments.
            assert_eq!(result["seen_before"]["job_id"], first.as_str(), "{job}");
            assert_ne!(result["seen_before"]["by"], "image", "{job}");
        }
    }
}

async fn a_red_lettered_bill_is_flagged_beside_another_one_alone(on: On) {
    let mut system = Setup::new(on).await.start().await;
    let stem = "06-jiangsu-outpatient-red-lettered";
    let keys = [copy(&system, stem, 1).await, copy(&system, stem, 2).await];
    let first = system.ask(&system.job("job 1", &keys[0])).await;
    assert_eq!(first["verdict"], "red_lettered", "{first}");
    assert_eq!(told(&first), "first");
    let second = system.ask(&system.job("job 2", &keys[1])).await;
    assert_eq!(told(&second), "job 1 number");
    // Nobody says of this one that it is red-lettered: it may be the one that replaces it.
    let key = copy(&system, stem, 3).await;
    let body = json!({ "job_id": "job 3", "image": { "key": key }, "verify": false });
    let third = system.ask(&system.message("job 3", body.to_string())).await;
    assert_eq!(third["verdict"], "recognized", "{third}");
    assert_eq!(told(&third), "first");
}

async fn nothing_is_remembered_where_that_is_configured(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.worker.seen_before = span("0s");
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    for job in ["job 1", "job 2"] {
        let result = system.ask(&system.job(job, &key)).await;
        assert_eq!(told(&result), "first", "{job}");
    }
}

async fn a_store_that_keeps_no_marks_costs_the_flag_and_nothing_else(on: On) {
    let faults =
        "[[fault]]\nstage = \"storage\"\nkey = \"checkpoints/seen/*\"\nanswer = \"AccessDenied\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    for job in ["job 1", "job 2"] {
        let result = system.ask(&system.job(job, &key)).await;
        assert_eq!(result["verdict"], "genuine", "{result}");
        assert_eq!(told(&result), "first", "{job}");
    }
}
