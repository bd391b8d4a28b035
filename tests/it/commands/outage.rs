//! A broker that is out of reach: one error line, readiness with the cause, and work as soon as it
//! is back.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Program};
use crate::harness::proxy::Proxy;
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup};
use invoice_worker::settings::secret::Secret;
use serde_json::Value;

async fn readiness(telemetry: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn told(program_lines: &str, message: &str) -> usize {
    program_lines
        .lines()
        .filter(|line| line.contains(message))
        .count()
}

#[tokio::test]
async fn the_worker_waits_for_its_broker_and_comes_back_to_it() {
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    let (port, server) = (rabbitmq::free_port(), rabbitmq::port().await);
    system.config.broker.urls = vec![Secret::new(&format!(
        "amqp://guest:guest@127.0.0.1:{port}/%2f"
    ))];
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    let telemetry = program.telemetry().await;

    let event = program
        .event("the broker is out of reach; trying again until it answers")
        .await;
    assert_eq!(event["level"], "ERROR");
    let address = format!("127.0.0.1:{port}");
    assert!(
        event["problem"].as_str().unwrap().contains(&address),
        "{event}"
    );
    let (status, body) = readiness(&telemetry).await;
    assert_eq!(
        (status, &body["ready"], &body["state"]),
        (503, &false.into(), &"disconnected".into())
    );
    assert!(
        body["problem"].as_str().unwrap().contains(&address),
        "{body}"
    );
    let alive = reqwest::get(format!("{telemetry}/livez")).await.unwrap();
    assert_eq!(
        alive.status(),
        200,
        "waiting for a broker is no reason to be restarted"
    );

    let wire = Proxy::at(port, server).await;
    program.event("consuming").await;
    eventually("ready", async || readiness(&telemetry).await.0 == 200).await;

    wire.cut();
    program
        .event("the broker was lost; what was not acknowledged will be delivered again")
        .await;
    assert_eq!(readiness(&telemetry).await.0, 503);

    let _wire = Proxy::at(port, server).await;
    program.event("consuming").await;
    let metrics = reqwest::get(format!("{telemetry}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics
            .lines()
            .any(|line| line == "invoice_broker_reconnects_total 1"),
        "{metrics}"
    );
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    assert_eq!(system.ask(&job).await["verdict"], "genuine");

    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for message in ["the broker is out of reach", "the broker was lost"] {
        assert_eq!(
            told(&ended.stderr, message),
            1,
            "one line for each outage: {}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_wrong_password_is_reported_without_it() {
    const PASSWORD: &str = "a-password-nobody-may-see";
    let mut system = Setup::new(On::RabbitMq).await.prepare().await;
    system.config.broker.urls = vec![Secret::new(
        &rabbitmq::url_of("guest", PASSWORD, "%2f").await,
    )];
    let file = ConfigFile::of(&system);
    let mut program: Program = file.run(&[("INVOICE_WORKER__TELEMETRY__LOG", "trace")]);
    let telemetry = program.telemetry().await;
    let event = program
        .event("the broker refuses this user; trying again until it does not")
        .await;
    assert!(
        event["problem"]
            .as_str()
            .unwrap()
            .contains("check user, password"),
        "{event}"
    );
    let (status, body) = readiness(&telemetry).await;
    assert_eq!(status, 503);
    assert!(
        body["problem"]
            .as_str()
            .unwrap()
            .contains("refuses this user"),
        "{body}"
    );
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        !ended.stderr.contains(PASSWORD) && !body.to_string().contains(PASSWORD),
        "{}",
        ended.stderr
    );
}
