//! What an operator sees of a pause: one line when it begins, one when it ends, readiness and a
//! metric in between.

use crate::harness::program::ConfigFile;
use crate::harness::system::{On, PATIENCE, Setup};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PAUSED: &str = "paused: no job gets past this stage, none is taken from the queues; one is tried from time to time";
const METRIC: &str = "invoice_paused{stage=\"verification\",reason=\"UNAUTHORIZED\"}";

async fn metric(telemetry: &str) -> Option<String> {
    let text = reqwest::get(format!("{telemetry}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    text.lines()
        .find_map(|line| line.strip_prefix(METRIC))
        .map(|value| value.trim().to_owned())
}

async fn readiness(telemetry: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What it says once it is paused: a moment after the log.
async fn paused(telemetry: &str) -> Value {
    loop {
        let (status, body) = readiness(telemetry).await;
        if body["state"] == "paused" {
            assert_eq!(
                status, 503,
                "verification has never worked in this process: {body}"
            );
            return body;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_pause_is_reported_once_when_it_begins_and_once_when_it_ends() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"UNAUTHORIZED\"\ncalls = [1]\n";
    let system = Setup::new(On::RabbitMq)
        .await
        .faults(faults)
        .prepare()
        .await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;
    program.event("consuming").await;
    let key = system.sample("01-beijing-outpatient").await;
    system.submit(&system.job("job", &key)).await;

    let told = program.event(PAUSED).await;
    assert_eq!(
        (&told["level"], &told["stage"], &told["code"]),
        (
            &json!("ERROR"),
            &json!("verification"),
            &json!("UNAUTHORIZED")
        )
    );
    assert!(
        told["mend"].as_str().unwrap().contains("verification.url"),
        "{told}"
    );
    let parked = program.event("job parked").await;
    assert_eq!(
        parked["reason"],
        "our credentials, permissions or the API's address are refused"
    );
    let body = timeout(PATIENCE, paused(&telemetry))
        .await
        .expect("a pause that is told");
    assert_eq!(body["ready"], false);
    assert_eq!(
        (&body["stages"][0]["stage"], &body["stages"][0]["code"]),
        (&json!("verification"), &json!("UNAUTHORIZED"))
    );
    assert_eq!(metric(&telemetry).await.as_deref(), Some("1"));

    // The first probe, after five seconds, is answered.
    program
        .event("no longer paused: jobs are taken again")
        .await;
    let ready = async {
        while readiness(&telemetry).await.0 != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready).await.expect("ready again");
    assert_eq!(metric(&telemetry).await.as_deref(), Some("0"));
    let ended = program.stop().await;
    assert_eq!(
        ended.stderr.matches("paused: no job").count(),
        1,
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.matches("no longer paused").count(), 1);
}
