//! One worker with a wrong setting beside two healthy ones: all jobs are answered as if it were not
//! there, and it is never ready.

use crate::harness::program::{ConfigFile, Program};
use crate::harness::rabbitmq;
use crate::harness::rabbitmq::users::{self, Permissions};
use crate::harness::system::{BUCKET, On, Setup, System};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
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

async fn beside_two_healthy_workers(spoil: impl FnOnce(&mut Config)) {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.seal.key = Secret::new("the-key-that-all-workers-of-this-test-share");
    // The canary hands jobs back through the shortest delay queue.
    setup.config.broker.retry_delays = vec![span("300ms"), span("10s"), span("1h")];
    setup.config.worker.max_in_flight = 4;
    setup.scenario.recognition.latency = Duration::from_millis(20);
    let mut system = setup.prepare().await;
    let sound = ConfigFile::of(&system);
    let mut healthy = [sound.run(&[]), sound.run(&[])];
    for worker in &mut healthy {
        worker.event("consuming").await;
    }
    let mut config = system.config.clone();
    spoil(&mut config);
    let file = ConfigFile::of_config(&config);
    let mut canary = file.run(&[]);
    let looked = AbortOnDropHandle::new(tokio::spawn(readiness(canary.telemetry().await)));
    submit_all(&system).await;
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
    stays_unready(looked, canary).await;
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

async fn submit_all(system: &System) {
    let sample = samples::named(SAMPLE).unwrap();
    for number in 0..JOBS {
        let key = format!("images/{number}");
        // Bytes behind a picture's end make another picture of it, for those who pay.
        let picture = [sample.bytes, format!("copy {number}").as_bytes()].concat();
        system.sandbox.put(BUCKET, &key, picture).await.unwrap();
        system
            .submit(&system.job(&format!("CLM-{number}"), &key))
            .await;
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

async fn stays_unready(looked: AbortOnDropHandle<Value>, canary: Program) {
    let was_ready = if looked.is_finished() {
        Some(looked.await.unwrap())
    } else {
        None
    };
    assert_eq!(was_ready, None, "the canary was ready");
    let ended = canary.stop().await;
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
