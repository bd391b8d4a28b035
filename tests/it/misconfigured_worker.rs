//! One process with a wrong setting beside two healthy ones: all jobs are answered as if it were
//! not there, and it is never ready. `tests/it/flow/misconfigured_worker.rs` has workers in the
//! process of the test.

use crate::harness::peer::Peer;
use crate::harness::program::{ConfigFile, Program};
use crate::harness::rabbitmq;
use crate::harness::rabbitmq::users::{self, Permissions};
use crate::harness::system::{BUCKET, On, Setup, System};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use invoice_worker::broker::Message;
use invoice_worker::config::Config;
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use invoice_worker::settings::units::span;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const JOBS: usize = 60;
const SAMPLE: &str = "01-beijing-outpatient";
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_secret_of_the_store() {
    beside_two_healthy_workers(|config| {
        config.storage.secret_access_key = Secret::new("another-secret");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_region() {
    let (endpoint, _server) = store_of_another_region().await;
    beside_two_healthy_workers(|config| config.storage.endpoint_url = endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_secret_of_recognition() {
    beside_two_healthy_workers(|config| {
        config.recognition.app_secret = Secret::new("another-secret");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_secret_of_verification() {
    beside_two_healthy_workers(|config| {
        config.verification.api_secret = Secret::new("another-secret");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_url_at_which_no_server_listens() {
    let port = rabbitmq::free_port();
    beside_two_healthy_workers(|config| {
        config.recognition.url = format!("http://127.0.0.1:{port}/");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_url_that_redirects() {
    let (endpoint, _server) = store_of_another_region().await;
    beside_two_healthy_workers(|config| config.verification.url = endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_at_the_broker() {
    let none = || "^$".to_owned();
    let user = users::user(&Permissions {
        configure: none(),
        write: none(),
        read: none(),
    })
    .await;
    let url = rabbitmq::url_of(&user, &user, "%2f").await;
    beside_two_healthy_workers(|config| config.broker.urls = vec![Secret::new(&url)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_key_of_the_seal() {
    beside_two_healthy_workers(|config| {
        config.seal.key = Secret::new("another-key-which-no-other-worker-has");
    })
    .await;
}

/// What a worker from before seals sends and leaves, as it was recorded from one: to the workers of
/// this version it is no peer, and what it parked begins a new run.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_version_from_before_seals() {
    const HEARTBEAT: &str = r#"{"v":1,"worker":"d3ddd93ae90a4003","has_work":true,"draining":false,"closed":[{"place":{"stage":"verification"},"version":4102444800000,"by":"d3ddd93ae90a4003","state":{"closed":{"stage":"verification","code":"connect","reason":"the provider is out of reach","since":"2026-11-29T04:41:10.378892757Z","until":"2099-11-29T04:42:10.378791602Z","failures":1,"probing":null}}}]}"#;
    const PROGRESS: &str = r#"{"v":1,"run":"8fdbe00ed9c5364d594c133dc1550c366a11af71985029bea2b904d07c5b3411","first_seen":"2026-11-29T04:40:58.09850204Z","steps":{"storage/SlowDown":[3,1]},"parked":{"stage":"storage","code":"connect","at":"2026-11-29T04:41:10.379246672Z"},"attempts":{"storage":4},"totals":{"calls":0,"billed":0,"parked":1,"retries":3}}"#;
    let (mut system, healthy) = two_healthy_workers().await;
    let peer = Peer::of(&system).await;
    let older = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            peer.announces(HEARTBEAT).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }));
    submit_all(&system, |number, job| {
        if number % 2 == 0 {
            let headers = &mut job.properties.headers;
            headers.set_text("invoice-progress", PROGRESS);
            headers.set_number("invoice-not-before", 4_102_444_800_000);
        }
    })
    .await;
    all_are_answered(&mut system).await;
    drop(older);
    end_soundly(healthy).await;
}

async fn beside_two_healthy_workers(spoil: impl FnOnce(&mut Config)) {
    let (mut system, healthy) = two_healthy_workers().await;
    let mut config = system.config.clone();
    spoil(&mut config);
    let file = ConfigFile::of_config(&config);
    let mut misconfigured = file.run(&[]);
    let looked = AbortOnDropHandle::new(tokio::spawn(readiness(misconfigured.telemetry().await)));
    submit_all(&system, |_, _| {}).await;
    all_are_answered(&mut system).await;
    stays_unready(looked, misconfigured).await;
    end_soundly(healthy).await;
}

async fn two_healthy_workers() -> (System, [Program; 2]) {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.seal.key = Secret::new("the-key-that-all-workers-of-this-test-share");
    // The misconfigured worker hands jobs back through the shortest delay queue.
    setup.config.broker.retry_delays = vec![span("300ms"), span("10s"), span("1h")];
    setup.config.worker.max_in_flight = 4;
    setup.scenario.recognition.latency = Duration::from_millis(20);
    let system = setup.prepare().await;
    let sound = ConfigFile::of(&system);
    let mut healthy = [sound.run(&[]), sound.run(&[])];
    for worker in &mut healthy {
        worker.event("consuming").await;
    }
    (system, healthy)
}

async fn all_are_answered(system: &mut System) {
    let mut answered = BTreeSet::new();
    while answered.len() < JOBS {
        let result = system.result().await;
        assert_eq!(
            (&result["status"], &result["verdict"]),
            (&"completed".into(), &"genuine".into()),
            "{result}"
        );
        assert!(
            answered.insert(result["job_id"].as_str().unwrap().to_owned()),
            "answered twice"
        );
    }
    for stage in [Stage::Recognition, Stage::Verification] {
        assert_eq!(
            system.sandbox.calls().count(stage).billed,
            JOBS as u64,
            "{stage}: calls that were paid"
        );
    }
}

async fn end_soundly(healthy: [Program; 2]) {
    for worker in healthy {
        let ended = worker.stop().await;
        assert_eq!(
            (ended.code, ended.lines_at("ERROR")),
            (Some(0), 0),
            "{}",
            ended.stderr
        );
    }
}

async fn submit_all(system: &System, change: impl Fn(usize, &mut Message)) {
    let sample = samples::named(SAMPLE).unwrap();
    for number in 0..JOBS {
        let key = format!("images/{number}");
        // Bytes behind a picture's end make another picture of it, for those who pay.
        let picture = [sample.bytes, format!("copy {number}").as_bytes()].concat();
        system.sandbox.put(BUCKET, &key, picture).await.unwrap();
        let mut job = system.job(&format!("CLM-{number}"), &key);
        change(number, &mut job);
        system.submit(&job).await;
    }
}

/// Every answer of `/readyz` from now on that says anything but "not ready".
async fn readiness(telemetry: String) -> Value {
    loop {
        let answer = reqwest::get(format!("{telemetry}/readyz")).await.unwrap();
        if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
            return answer.json().await.unwrap();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn stays_unready(looked: AbortOnDropHandle<Value>, misconfigured: Program) {
    let was_ready = if looked.is_finished() {
        Some(looked.await.unwrap())
    } else {
        None
    };
    assert_eq!(was_ready, None, "the misconfigured worker was ready");
    let ended = misconfigured.stop().await;
    assert!(
        matches!(ended.code, Some(0 | 1)),
        "{:?} {}",
        ended.code,
        ended.stderr
    );
}

/// Answers every request as S3 does where the bucket is in another region.
async fn store_of_another_region() -> (String, AbortOnDropHandle<()>) {
    const BODY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PermanentRedirect</Code><Message>The bucket you are \
                        attempting to access must be addressed using the specified endpoint.</Message></Error>";
    let moved = async || {
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/xml"),
            ("x-amz-bucket-region", "eu-central-1"),
        ];
        (StatusCode::MOVED_PERMANENTLY, headers, BODY).into_response()
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(moved))
            .await
            .unwrap();
    });
    (address, AbortOnDropHandle::new(serving))
}
