//! What a store does wrong, or we to it, and the code under which the policy hears of it.

use super::{LIMIT, Server, Shelf, span};
use axum::http::Uri;
use invoice_worker::settings::secret::Secret;
use invoice_worker::store::{Config, ReadError, Store};
use std::convert::Infallible;
use tokio::net::TcpListener;

use crate::harness::rabbitmq::free_port;

#[tokio::test]
async fn a_policy_of_the_bucket_forbids() {
    let shelf = Shelf::new(Server::Moto).await;
    shelf.put("a.jpg", b"a picture").await;
    let deny = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{}/*", shelf.config.bucket) }],
    });
    shelf
        .client
        .put_bucket_policy()
        .bucket(&shelf.config.bucket)
        .policy(deny.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(
        shelf.refusal(&shelf.config.bucket, "a.jpg", None).await,
        "AccessDenied"
    );
}

#[tokio::test]
async fn wrong_credentials_are_distinguished() {
    let shelf = Shelf::new(Server::Sandbox).await;
    let bucket = &shelf.config.bucket;
    let wrong_secret = shelf
        .changed(|config| config.secret_access_key = Secret::new("wrong"))
        .await;
    assert_eq!(
        wrong_secret
            .open(bucket, "a.jpg", None)
            .await
            .unwrap_err()
            .code,
        "SignatureDoesNotMatch"
    );
    assert_eq!(
        wrong_secret
            .missing_rights_to_read(bucket, "", None)
            .await
            .unwrap_err()
            .code,
        "SignatureDoesNotMatch"
    );
    let stranger = shelf
        .changed(|config| config.access_key_id = Secret::new("nobody"))
        .await;
    let code = stranger.open(bucket, "a.jpg", None).await.unwrap_err().code;
    assert!(
        ["InvalidAccessKeyId", "NotSignedUp", "AccessDenied"].contains(&code.as_str()),
        "{code}"
    );
}

#[tokio::test]
async fn a_body_that_ends_early_is_truncated() {
    let shelf =
        Shelf::with_faults("[[fault]]\nstage = \"storage\"\nanswer = \"truncated\"\n").await;
    shelf.put("a.jpg", &[7; 10_000]).await;
    let object = shelf
        .store
        .open(&shelf.config.bucket, "a.jpg", None)
        .await
        .unwrap();
    let Err(ReadError::Failed(failure)) = object.read(LIMIT, |_| ()).await else {
        panic!("half a body is no body")
    };
    assert_eq!(failure.code, "truncated");
}

#[tokio::test]
async fn a_port_without_a_listener_is_the_code_connect() {
    let config = Config {
        endpoint_url: format!("http://127.0.0.1:{}", free_port()),
        path_style: true,
        access_key_id: Secret::new("sandbox"),
        secret_access_key: Secret::new("sandbox-secret"),
        ..Config::default()
    };
    let failure = Store::new(&config, &invoice_worker::settings::Network::default())
        .await
        .unwrap()
        .open("claims", "a.jpg", None)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code.as_str(), &*failure.message),
        (
            "connect",
            "the store could not be reached: nothing listens there (connection refused)"
        )
    );
}

#[tokio::test]
async fn a_store_that_takes_too_long_is_timeout_before_and_within_the_body() {
    for answer in ["timeout", "slow"] {
        let shelf = Shelf::with_faults(&format!(
            "[[fault]]\nstage = \"storage\"\nanswer = \"{answer}\"\n"
        ))
        .await;
        shelf.put("a.jpg", &[7; 10_000]).await;
        let hasty = shelf.changed(|config| config.timeout = span("300ms")).await;
        let code = match hasty.open(&shelf.config.bucket, "a.jpg", None).await {
            Err(failure) => failure.code,
            Ok(object) => match object.read(LIMIT, |_| ()).await {
                Err(ReadError::Failed(failure)) => failure.code,
                other => panic!("{answer}: {other:?}"),
            },
        };
        assert_eq!(code, "timeout", "{answer}");
    }
}

#[tokio::test]
async fn codes_of_the_store_come_through_as_they_are() {
    for code in ["SlowDown", "ExpiredToken", "RequestTimeTooSkewed"] {
        let shelf = Shelf::with_faults(&format!(
            "[[fault]]\nstage = \"storage\"\nanswer = \"{code}\"\n"
        ))
        .await;
        assert_eq!(
            shelf.refusal(&shelf.config.bucket, "a.jpg", None).await,
            code
        );
    }
}

#[tokio::test]
async fn an_endpoint_may_have_a_path() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo =
        axum::Router::new().fallback(async |uri: Uri| Ok::<_, Infallible>(uri.path().to_owned()));
    tokio::spawn(async move { axum::serve(listener, echo).await });
    for endpoint in [
        format!("http://{address}/gateway/s3"),
        format!("http://{address}/gateway/s3/"),
    ] {
        let config = Config {
            endpoint_url: endpoint.clone(),
            path_style: true,
            access_key_id: Secret::new("sandbox"),
            secret_access_key: Secret::new("sandbox-secret"),
            ..Config::default()
        };
        let asked = Store::new(&config, &invoice_worker::settings::Network::default())
            .await
            .unwrap()
            .get("claims", "2026/a.jpg", LIMIT)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(asked, "/gateway/s3/claims/2026/a.jpg", "{endpoint}");
    }
}
