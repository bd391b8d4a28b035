use super::*;
use crate::domain::picture::{Format, Picture};
use crate::provider::wire::fake::{Behaviour, Fake, Received, call};
use crate::provider::{CONNECT_TIMEOUT, View, http_client};
use crate::settings::secret::Secret;
use crate::settings::units::span;
use serde_json::json;
use std::sync::Arc;

fn client(fake: &Fake, change: impl FnOnce(&mut Config)) -> DeepFinch {
    let mut config = Config {
        url: fake.url(),
        api_id: Secret::new("the-api-id"),
        api_secret: Secret::new("the-api-secret"),
        timeout: span("10s"),
        ..Config::default()
    };
    change(&mut config);
    DeepFinch::new(
        &config,
        http_client(CONNECT_TIMEOUT, &crate::settings::Network::default()).unwrap(),
        jiff::tz::TimeZone::UTC,
        Arc::default(),
    )
    .unwrap()
}

fn inline(auto_rotate: bool) -> Request {
    Request::new(
        View::Inline(Picture {
            bytes: b"\xff\xd8\r\n--picture".to_vec().into(),
            format: Format::Jpeg,
        }),
        auto_rotate,
    )
}

/// Head and content of every part.
fn parts(received: &Received) -> Vec<(String, Vec<u8>)> {
    let boundary = received
        .header("content-type")
        .unwrap()
        .split_once("boundary=")
        .unwrap()
        .1;
    let delimiter = format!("--{boundary}\r\n");
    let end = format!("\r\n--{boundary}--\r\n");
    let body = received.body.strip_suffix(end.as_bytes()).unwrap();
    let starts: Vec<usize> = memchr::memmem::find_iter(body, &delimiter).collect();
    let ends = starts
        .iter()
        .skip(1)
        .map(|start| start - 2)
        .chain([body.len()]);
    let slices = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &body[start + delimiter.len()..end]);
    let split = slices.map(|part| (part, memchr::memmem::find(part, b"\r\n\r\n").unwrap()));
    split
        .map(|(part, at)| {
            (
                String::from_utf8(part[..at].to_vec()).unwrap(),
                part[at + 4..].to_vec(),
            )
        })
        .collect()
}

#[tokio::test]
async fn the_picture_arrives_as_a_file_with_the_accounts_headers() {
    let fake = Fake::answering("200 OK", "", SAMPLE).await;
    let reply = call(&client(&fake, |_| {}), &inline(false))
        .await
        .ok()
        .unwrap();
    assert_eq!(
        reply.answer.invoice.total_cost.unwrap().value(),
        Some(&207.into())
    );

    let received = fake.received().await;
    assert_eq!(received.request_line(), "POST /ocr HTTP/1.1");
    assert_eq!(received.header("x-df-api-id"), Some("the-api-id"));
    assert_eq!(received.header("x-df-api-secret"), Some("the-api-secret"));
    let parts = parts(&received);
    assert_eq!(parts.len(), 1, "no auto_rotate unless asked for");
    assert!(
        parts[0]
            .0
            .contains(r#"name="file"; filename="invoice.jpg""#),
        "{}",
        parts[0].0
    );
    assert!(
        parts[0].0.contains("Content-Type: image/jpeg"),
        "{}",
        parts[0].0
    );
    assert_eq!(parts[0].1, b"\xff\xd8\r\n--picture");
}

#[tokio::test]
async fn turning_upright_is_asked_for_by_the_call_or_by_the_configuration() {
    for (request, config) in [(true, false), (false, true)] {
        let fake = Fake::answering("200 OK", "", SAMPLE).await;
        assert!(
            call(
                &client(&fake, |changed| changed.auto_rotate = config),
                &inline(request)
            )
            .await
            .is_ok()
        );
        let parts = parts(&fake.received().await);
        assert!(
            parts[1].0.contains(r#"name="auto_rotate""#),
            "{}",
            parts[1].0
        );
        assert_eq!(parts[1].1, b"true");
    }
}

#[tokio::test]
async fn an_address_goes_in_place_of_the_file() {
    let fake = Fake::answering("200 OK", "", SAMPLE).await;
    let request = Request::new(
        View::Url("https://b.example/%E7%A5%A8.jpg?s=a%2Bb".to_owned()),
        false,
    );
    assert!(call(&client(&fake, |_| {}), &request).await.is_ok());
    let parts = parts(&fake.received().await);
    assert!(parts[0].0.contains(r#"name="url""#), "{}", parts[0].0);
    assert_eq!(parts[0].1, b"https://b.example/%E7%A5%A8.jpg?s=a%2Bb");
}

#[tokio::test]
async fn a_refusal_keeps_its_reason_and_loses_the_credentials() {
    let body = json!({"status": "UNAUTHORIZED", "reason": "the-api-id the-api-secret is wrong", "request_id": "r1"}).to_string();
    let fake = Fake::answering("401 Unauthorized", "retry-after: 7\r\n", body.as_bytes()).await;
    let failure = call(&client(&fake, |_| {}), &inline(false))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.http_status),
        ("UNAUTHORIZED", Some(401))
    );
    assert_eq!(*failure.message, *"… … is wrong");
    assert_eq!(failure.retry_after.unwrap().as_secs(), 7);
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let fake = Fake::start(Behaviour::Hang).await;
    let verification = client(&fake, |config| config.timeout = span("200ms"));
    assert_eq!(
        call(&verification, &inline(false))
            .await
            .err()
            .unwrap()
            .code,
        "timeout"
    );
}

#[test]
fn a_client_prints_no_credentials() {
    let config = Config {
        api_id: Secret::new("visible"),
        api_secret: Secret::new("visible"),
        ..Config::default()
    };
    let verification = DeepFinch::new(
        &config,
        http_client(CONNECT_TIMEOUT, &crate::settings::Network::default()).unwrap(),
        jiff::tz::TimeZone::UTC,
        Arc::default(),
    )
    .unwrap();
    assert!(!format!("{verification:?}").contains("visible"));
}
