//! What goes wrong on the wire, seen by a client.

use crate::harness::eventually::eventually;
use invoice_worker::dev::sandbox::{Fault, Sandbox};
use invoice_worker::dev::scenario::ScriptedAnswer;
use invoice_worker::domain::failure::Stage;
use std::time::Duration;
use tokio::time::timeout;

use super::caller::{base64_form, sample, sandbox, signed};

const NAME: &str = "01-beijing-outpatient";

async fn faulty(answer: &str) -> Sandbox {
    sandbox(vec![Fault::new(Stage::Recognition, answer)]).await
}

async fn ask(sandbox: &Sandbox) -> reqwest::Result<reqwest::Response> {
    signed(
        sandbox,
        base64_form(sample(NAME).bytes),
        jiff::Timestamp::now(),
        false,
    )
    .send()
    .await
}

fn recorded(sandbox: &Sandbox) -> (String, &'static str) {
    let call = sandbox.calls().of(Stage::Recognition).pop().unwrap();
    (call.answer, call.billed.as_str())
}

#[tokio::test]
async fn a_timeout_is_a_call_that_is_in_flight_until_the_caller_gives_up() {
    let sandbox = faulty("timeout").await;
    let calls = sandbox.calls();
    let mut request = tokio::spawn(
        signed(
            &sandbox,
            base64_form(sample(NAME).bytes),
            jiff::Timestamp::now(),
            false,
        )
        .send(),
    );
    eventually("a call", async || !calls.of(Stage::Recognition).is_empty()).await;
    assert!(timeout(Duration::from_secs(2), &mut request).await.is_err());
    assert_eq!(calls.count(Stage::Recognition).in_flight, 1);
    request.abort();
    eventually("the end of it", async || {
        calls.count(Stage::Recognition).in_flight == 0
    })
    .await;
    assert_eq!(recorded(&sandbox), ("timeout".to_owned(), "unknown"));
}

#[tokio::test]
async fn shutting_down_does_not_wait_for_calls_that_are_never_answered() {
    let sandbox = faulty("timeout").await;
    let calls = sandbox.calls();
    let request = tokio::spawn(
        signed(
            &sandbox,
            base64_form(sample(NAME).bytes),
            jiff::Timestamp::now(),
            false,
        )
        .send(),
    );
    eventually("a call", async || !calls.of(Stage::Recognition).is_empty()).await;
    timeout(Duration::from_secs(5), sandbox.shutdown())
        .await
        .unwrap();
    assert!(request.await.unwrap().is_err());
    assert_eq!(calls.count(Stage::Recognition).in_flight, 0);
}

#[tokio::test]
async fn a_closed_connection_answers_nothing() {
    let sandbox = faulty("closed").await;
    assert!(ask(&sandbox).await.is_err());
    assert_eq!(recorded(&sandbox), ("closed".to_owned(), "unknown"));
}

#[tokio::test]
async fn a_reset_answer_begins_and_breaks_off() {
    let sandbox = faulty("reset").await;
    let response = ask(&sandbox).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_truncated_answer_is_whole_for_http_and_no_document() {
    let sandbox = faulty("truncated").await;
    let text = ask(&sandbox).await.unwrap().text().await.unwrap();
    assert!(text.starts_with("{\"code\":200"));
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
}

#[tokio::test]
async fn garbage_and_pages_of_proxies_are_no_documents() {
    let sandbox = faulty("garbage").await;
    assert!(
        ask(&sandbox)
            .await
            .unwrap()
            .json::<serde_json::Value>()
            .await
            .is_err()
    );
    let sandbox = faulty("http.502").await;
    let response = ask(&sandbox).await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(recorded(&sandbox), ("http.502".to_owned(), "no"));
}

#[tokio::test]
async fn an_oversize_answer_goes_on_and_on() {
    let sandbox = faulty("oversize").await;
    let mut response = ask(&sandbox).await.unwrap();
    let mut received = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        received += chunk.len();
    }
    assert!(received > 60 << 20);
}

#[tokio::test]
async fn a_slow_answer_takes_its_time_and_is_complete_and_paid_for() {
    let mut fault = Fault::new(Stage::Recognition, "slow");
    fault.delay = Duration::from_millis(400);
    let sandbox = sandbox(vec![fault]).await;
    let started = tokio::time::Instant::now();
    let response = ask(&sandbox).await.unwrap();
    assert_eq!(sandbox.calls().count(Stage::Recognition).in_flight, 1);
    let document: serde_json::Value = response.json().await.unwrap();
    assert_eq!(document["code"], 200);
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(recorded(&sandbox), ("200".to_owned(), "yes"));
}

#[tokio::test]
async fn status_and_header_of_a_fault_can_be_chosen() {
    let mut fault = Fault::new(Stage::Recognition, "APIG.0308");
    (fault.http_status, fault.retry_after) = (Some(503), Some(Duration::from_secs(7)));
    assert_eq!(fault.answer, ScriptedAnswer::Named("APIG.0308".to_owned()));
    let sandbox = sandbox(vec![fault]).await;
    let response = ask(&sandbox).await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].to_str().unwrap()
        ),
        (503, "7")
    );
}
