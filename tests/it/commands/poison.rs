//! A job that kills its worker takes no other job with it.

use crate::harness::program::ConfigFile;
use crate::harness::system::{On, PATIENCE, Setup};
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const POISON: &str = "12-shanghai-inpatient-long";
const INNOCENTS: [&str; 4] = [
    "01-beijing-outpatient",
    "03-zhejiang-outpatient",
    "04-shanghai-outpatient",
    "09-beijing-outpatient-misread",
];
/// The kernel's own where memory is short; `abort`, and Rust where a stack is used up; a stack that
/// is not Rust's, or a wild pointer.
const DEATHS: [&str; 3] = ["KILL", "ABRT", "SEGV"];
/// Several times what is needed: three deaths among others, five alone, one before the wait of a
/// redelivered job.
const MOST_KILLS: usize = 20;

/// Handed out so often by then, and lost with its connection, a job is suspected.
const SUSPECTED_FROM: usize = 3;
const SUSPECTED: &str = "a job that came back from several crashes is suspected; it will run alone";

#[tokio::test]
async fn suspects_that_wait_beside_each_other_are_not_taken_for_poison() {
    const SUSPECTS: u16 = 12;
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let file = ConfigFile::of(&system);
    for number in 0..SUSPECTS {
        let name = INNOCENTS[usize::from(number) % INNOCENTS.len()];
        let key = system.sample(name).await;
        system
            .submit(&system.job(&format!("{name} {number}"), &key))
            .await;
    }
    for _ in 0..SUSPECTED_FROM {
        system
            .hand_out_many_and_lose(&system.config.broker.jobs_queue, SUSPECTS)
            .await;
    }
    let workers = [file.run(&[]), file.run(&[])];
    for _ in 0..SUSPECTS {
        let result = system.result().await;
        assert_eq!(result["verdict"], "genuine", "{result}");
    }
    let mut suspected: u16 = 0;
    for worker in workers {
        for line in worker
            .stop()
            .await
            .stderr
            .lines()
            .filter(|line| line.contains(SUSPECTED))
        {
            let event: Value = serde_json::from_str(line).unwrap();
            // RabbitMQ takes a message back, and counts a delivery, that it assigns to a consumer
            // while that one is cancelled. It is seldom, and a job is poison from the fifth on.
            assert!(
                event["deaths"].as_u64().unwrap() <= 2,
                "no process died, and no connection was lost: {line}"
            );
            suspected += 1;
        }
    }
    assert!(suspected >= SUSPECTS, "{suspected}");
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}

#[tokio::test]
async fn a_job_that_kills_its_worker_is_found_and_given_up_and_no_other_is() {
    // Whoever asks about this picture is dead before there is an answer.
    let faults =
        format!("[[fault]]\nstage = \"recognition\"\nsample = {POISON:?}\nanswer = \"timeout\"\n");
    let mut system = Setup::new(On::RabbitMq)
        .await
        .faults(&faults)
        .prepare()
        .await;
    let file = ConfigFile::of(&system);
    for name in [&[POISON], &INNOCENTS[..]].concat() {
        let key = system.sample(name).await;
        system.submit(&system.job(name, &key)).await;
    }
    let calls = system.sandbox.calls();
    let mut answers: BTreeMap<String, Value> = BTreeMap::new();
    let mut kills = 0;
    let ending = async {
        while answers.len() < 1 + INNOCENTS.len() {
            let mut program = file.run(&[]);
            program.event("consuming").await;
            while answers.len() < 1 + INNOCENTS.len()
                && calls.about(Stage::Recognition, POISON).len() == kills
            {
                for reply in system.replies_so_far().await {
                    let result: Value = serde_json::from_slice(&reply.body).unwrap();
                    answers.insert(result["job_id"].as_str().unwrap().to_owned(), result);
                }
                sleep(Duration::from_millis(5)).await;
            }
            program.dies_by(DEATHS[kills % DEATHS.len()]).await;
            kills += 1;
            assert!(kills <= MOST_KILLS, "it is never given up: {answers:?}");
        }
    };
    timeout(6 * PATIENCE, ending).await.expect("an end in time");
    assert!(kills >= DEATHS.len(), "a death of every kind");
    let poison = &answers[POISON];
    assert_eq!(
        (&poison["status"], &poison["error"]["code"]),
        (&json!("undetermined"), &json!("job.poison")),
        "{poison}"
    );
    for name in INNOCENTS {
        assert_eq!(answers[name]["verdict"], "genuine", "{name}");
    }
    assert_eq!(
        system.depth(&system.config.broker.failed_queue).await,
        1,
        "the poison alone"
    );
}
