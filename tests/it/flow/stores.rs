//! A store that does not answer, refuses, or has lost something: the job waits, and nothing is
//! bought twice.

use super::{SHORT_316, paid_calls};
use crate::harness::proxy::Proxy;
use crate::harness::rabbitmq;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::domain::account::AccountName;
use invoice_worker::domain::failure::Stage;
use invoice_worker::telemetry::health::HealthState;
use invoice_worker::telemetry::job_event::JobEvent;
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

promises![
    a_checkpoint_that_alone_cannot_be_read_delays_its_job_and_judges_nothing,
    checkpoints_that_cannot_be_kept_any_more_pause_the_store_until_they_can,
    an_object_that_alone_is_refused_ends_its_job_and_stops_no_worker,
    a_bucket_that_gives_no_image_any_more_pauses_its_workers,
    a_store_that_stays_unusable_ends_the_job_at_its_own_deadline,
    a_paid_answer_that_the_store_refuses_is_stored_before_anything_else_is_bought,
    an_image_that_goes_away_while_its_job_waits_leaves_what_was_read,
    a_new_job_makes_seven_requests_of_the_store,
    a_recognition_that_failed_leaves_word_that_there_is_more,
];

/// The requests about images and their answers since the first `known`, as `get recognition`.
fn requests(system: &System, known: usize) -> Vec<String> {
    let calls = system.sandbox.calls().of(Stage::Storage);
    let subjects = calls.iter().filter_map(|call| call.subject.clone());
    let kinds = subjects.filter_map(|subject| {
        let (verb, key) = subject.split_once(' ')?;
        let kind = match key.split_once('/')? {
            ("samples", _) if verb == "get" => "image",
            ("checkpoints", name) => name.split_once('/')?.0,
            _ => return None,
        };
        Some(format!("{verb} {kind}"))
    });
    kinds.skip(known).collect()
}

/// Sorted, where they are made side by side.
fn sorted(mut requests: Vec<String>, from: usize) -> Vec<String> {
    requests[from..].sort();
    requests
}

async fn a_new_job_makes_seven_requests_of_the_store(on: On) {
    let mut setup = Setup::new(on).await;
    // Not so slow a machine that a job looks again before it calls.
    setup.config.worker.redelivery_wait = "35s".parse().unwrap();
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("job", &key)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let first = [
        "get image",
        "get recognition",
        // Side by side: what was read, and that this job was the first to read it.
        "put recognition",
        "put seen",
        // Side by side: what the registry says of it, its code among that, and the result.
        "put result",
        "put seen",
        "put verification",
    ];
    let made = requests(&system, 0);
    let mut beside = made[2..4].to_vec();
    beside.sort();
    assert_eq!(beside, first[2..4]);
    assert_eq!(sorted(made, 4)[4..], first[4..]);

    // A worker that remembers nothing, and another job about the same image.
    system.drain().await;
    system.work().await;
    let result = system.ask(&system.job("another job", &key)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let second = [
        "get image",
        "get recognition",
        "get result",
        "get seen",
        "get verification",
        "put result",
    ];
    assert_eq!(sorted(requests(&system, first.len()), 2), second);
    assert_eq!(result["seen_before"]["job_id"], "job", "{result}");

    // The same job once more: it was answered, and this run's answer is kept under its own name.
    system.drain().await;
    system.work().await;
    let mut again = system.job("job", &key);
    again.properties.message_id = Some("another run".into());
    let result = system.ask(&again).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let third = [
        "get image",
        "get recognition",
        "get result",
        "get seen",
        "get verification",
        "put result",
    ];
    let known = first.len() + second.len();
    assert_eq!(sorted(requests(&system, known), 2), third);
    assert_eq!(paid_calls(&system), 2);
}

async fn a_recognition_that_failed_leaves_word_that_there_is_more(on: On) {
    let faults = "[[fault]]\nstage = \"recognition\"\nanswer = \"400\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.worker.redelivery_wait = "35s".parse().unwrap();
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let first = [
        "get image",
        "get recognition",
        "put recognition",
        "get verification",
        // By the number that the registry knows.
        "put seen",
        "put result",
        "put verification",
    ];
    assert_eq!(sorted(requests(&system, 0), 5), first);

    // A worker that remembers nothing finds the answer of the same run.
    let calls = system.sandbox.calls().count(Stage::Verification).billed;
    system.drain().await;
    system.work().await;
    assert_eq!(system.ask(&job).await, result);
    let again = system.sandbox.calls().count(Stage::Verification).billed;
    assert_eq!(again, calls, "nothing is bought again");
}

async fn a_checkpoint_that_alone_cannot_be_read_delays_its_job_and_judges_nothing(on: On) {
    let faults = "[[fault]]\nstage = \"storage\"\nkey = \"checkpoints/recognition/*\"\nanswer = \"AccessDenied\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.worker.job_deadline = "10s".parse().unwrap();
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    system.submit(&job).await;
    let JobEvent::Parked(parked) = system.event().await else {
        panic!("parked, not answered")
    };
    assert_eq!(
        (parked.stage, parked.code.as_str()),
        (Stage::Storage, "AccessDenied")
    );
    assert_eq!(system.workers[0].health.state(), HealthState::Consuming);
    // Past its deadline the job is answered all the same: for a person, not as its own fault.
    let result = system.result().await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("undetermined"), &json!("AccessDenied"))
    );
    assert_eq!(paid_calls(&system), 0);
}

async fn checkpoints_that_cannot_be_kept_any_more_pause_the_store_until_they_can(on: On) {
    for code in ["AccessDenied", "NoSuchBucket", "KMS.DisabledException"] {
        // The worker's own request finds the same, once.
        let fault = |operation: &str, key: &str, calls: &str| {
            format!(
                "[[fault]]\nstage = \"storage\"\noperation = \"{operation}\"\nkey = \"checkpoints/{key}\"\nanswer = \"{code}\"\nhttp_status = 400\ncalls = {calls}\n"
            )
        };
        let faults = [
            fault("get", "recognition/*", "[1, 2, 3]"),
            fault("*", "rights.json", "[1]"),
        ];
        let mut system = Setup::new(on).await.faults(&faults.concat()).start().await;
        let key = system.sample("01-beijing-outpatient").await;
        system.submit(&system.job("job", &key)).await;
        let paused = |state: &HealthState| matches!(state, HealthState::Paused { stages } if stages[0].code == code && stages[0].reason.starts_with("checkpoints cannot be read and written"));
        system.workers[0].becomes(paused).await;
        let JobEvent::Parked(parked) = system.event().await else {
            panic!("parked, not answered")
        };
        assert_eq!(
            (parked.stage, parked.code.as_str()),
            (Stage::Storage, code),
            "it is handed back"
        );
        assert_eq!(system.result().await["verdict"], "genuine", "{code}");
        assert_eq!(system.workers[0].health.state(), HealthState::Consuming);
        assert_eq!(paid_calls(&system), 2, "{code}");
    }
}

async fn an_object_that_alone_is_refused_ends_its_job_and_stops_no_worker(on: On) {
    for code in ["KMS.DisabledException", "AccessDenied", "InvalidRequest"] {
        let faults = format!(
            "[[fault]]\nstage = \"storage\"\nkey = \"theirs/*\"\nanswer = \"{code}\"\nhttp_status = 400\n"
        );
        let rules = "[[rule]]\nstage = \"storage\"\ncode = [\"InvalidRequest\"]\ndo = [{ action = \"fail\" }]\nbilled = \"no\"\n\
                     means = [{ streak = \"unlisted\" }]\nreason = \"of one object\"\n";
        let mut system = Setup::new(on)
            .await
            .faults(&faults)
            .rules(rules)
            .start()
            .await;
        let good = system.sample("01-beijing-outpatient").await;
        let result = system.ask(&system.job("before", &good)).await;
        assert_eq!(result["verdict"], "genuine");
        for number in 0..7 {
            let job = system.job(&format!("job-{number}"), &format!("theirs/{number}"));
            system.submit(&job).await;
        }
        let mut answered = 0;
        while answered < 7 {
            match system.event().await {
                JobEvent::Answered(event) => {
                    answered += u32::from(event.status.as_str() != "completed");
                }
                JobEvent::Parked(parked) => panic!("{code}: {parked:?}"),
            }
        }
        assert_eq!(
            system.workers[0].health.state(),
            HealthState::Consuming,
            "{code}"
        );
        let next = system.sample("03-zhejiang-outpatient").await;
        system.submit(&system.job("behind", &next)).await;
        loop {
            let result = system.result().await;
            if result["job_id"] == "behind" {
                assert_eq!(result["verdict"], "genuine", "{code}");
                break;
            }
            assert_ne!(result["status"], "completed", "{code}: {result}");
        }
    }
}

async fn a_bucket_that_gives_no_image_any_more_pauses_its_workers(on: On) {
    let faults = r#"
        [[fault]]
        stage = "storage"
        key = "samples/*"
        answer = "KMS.DisabledException"
        http_status = 400
        calls = [2]
        [[fault]]
        stage = "storage"
        key = "images/second"
        answer = "KMS.DisabledException"
        http_status = 400
        calls = [1]
    "#;
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let first = system.sample("01-beijing-outpatient").await;
    let result = system.ask(&system.job("first", &first)).await;
    assert_eq!(result["verdict"], "genuine");
    let picture = invoice_worker::dev::sandbox::samples::named("03-zhejiang-outpatient").unwrap();
    system
        .sandbox
        .put(BUCKET, "images/second", picture.bytes)
        .await
        .unwrap();
    system.submit(&system.job("second", "images/second")).await;
    let paused = |state: &HealthState| matches!(state, HealthState::Paused { stages } if stages[0].code == "KMS.DisabledException");
    system.workers[0].becomes(paused).await;
    assert_eq!(system.result().await["verdict"], "genuine", "the probe");
}

async fn a_store_that_stays_unusable_ends_the_job_at_its_own_deadline(on: On) {
    let mut system = Setup::new(on).await.prepare().await;
    system.config.storage.bucket = "nobodys-bucket".into();
    system.work().await;
    let deadline = Timestamp::now() + Duration::from_secs(4);
    let job = system.message(
        "job",
        json!({ "job_id": "job", "image": { "key": "a.jpg" }, "deadline": deadline }).to_string(),
    );
    system.submit(&job).await;
    let result = system.result().await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("undetermined"), &json!("NoSuchBucket")),
        "{result}"
    );
}

async fn a_paid_answer_that_the_store_refuses_is_stored_before_anything_else_is_bought(on: On) {
    let faults = r#"
        [[fault]]
        stage = "storage"
        operation = "put"
        key = "checkpoints/recognition/*"
        answer = "SlowDown"
        calls = [1, 2, 3]
    "#;
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let (first, second) = (
        system.sample("01-beijing-outpatient").await,
        system.sample("03-zhejiang-outpatient").await,
    );
    system.submit(&system.job("first", &first)).await;
    let held = |state: &HealthState| matches!(state, HealthState::Paused { stages } if stages[0].account == AccountName::STORAGE && stages[0].code == "SlowDown");
    system.workers[0].becomes(held).await;
    system.submit(&system.job("second", &second)).await;
    let results = [system.result().await, system.result().await];
    assert!(
        results.iter().all(|result| result["verdict"] == "genuine"),
        "{results:?}"
    );
    let calls = system.sandbox.calls();
    let refused: Vec<_> = calls
        .of(Stage::Storage)
        .into_iter()
        .filter(|call| call.answer == "SlowDown")
        .collect();
    assert_eq!(paid_calls(&system), 4);
    let bought = [
        &calls.of(Stage::Recognition)[1..],
        &calls.of(Stage::Verification),
    ]
    .concat();
    assert!(
        bought
            .iter()
            .all(|call| refused[..3].iter().all(|put| put.at < call.at)),
        "nothing else is bought before it is stored"
    );
}

async fn an_image_that_goes_away_while_its_job_waits_leaves_what_was_read(on: On) {
    let faults = r#"
        [[fault]]
        stage = "verification"
        answer = "316"
        province = "河南"
        calls = [1]
        [[fault]]
        stage = "storage"
        key = "samples/*"
        answer = "NoSuchKey"
        calls = { from = 2 }
    "#;
    let mut system = Setup::new(on)
        .await
        .faults(faults)
        .rules(SHORT_316)
        .start()
        .await;
    let key = system.sample("02-henan-inpatient").await;
    let result = system.ask(&system.job("job", &key)).await;
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("invalid_job"), &json!("image.not_found")),
        "{result}"
    );
    assert_eq!(result["recognition"]["invoice"]["province"], "河南");
    assert_eq!(paid_calls(&system), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_answer_that_arrives_after_a_cut_is_stored_although_the_store_refuses_once() {
    let faults = r#"
        [[fault]]
        stage = "storage"
        operation = "put"
        key = "checkpoints/recognition/*"
        answer = "SlowDown"
        calls = [1]
    "#;
    let mut setup = Setup::new(On::RabbitMq).await.faults(faults);
    setup.scenario.recognition.latency = Duration::from_secs(1);
    setup.config.worker.redelivery_wait = "15s".parse().unwrap();
    let mut system = setup.prepare().await;
    let direct = system.broker.clone();
    let wire = Proxy::before(rabbitmq::port().await).await;
    system.put_behind(wire.url());
    system.work().await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;
    system.is_called(Stage::Recognition).await;
    wire.refuse(true);
    wire.sever();
    // Another worker, which knows only what is in the store.
    system.broker = direct;
    system.work().await;
    assert_eq!(system.result().await["verdict"], "genuine");
    assert_eq!(paid_calls(&system), 2);
}
