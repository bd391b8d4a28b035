use super::fake::{Behaviour, Fake};
use super::*;
use crate::provider::{CONNECT_TIMEOUT, http_client};
use tokio::net::TcpListener;

fn wire(timeout: Duration) -> Wire {
    Wire {
        stage: Stage::Recognition,
        http: http_client(CONNECT_TIMEOUT, &crate::settings::Network::default()).unwrap(),
        timeout,
        context: AnswerContext::default(),
        server_clock: ServerClock::default(),
        tap: None,
    }
}

/// Every object below 300 is a good answer.
fn read(status: u16, fields: Fields<'_>, _: &AnswerContext) -> Result<Reply<usize>, Failure> {
    if status < 300 {
        return Ok(Reply {
            code: "200",
            request_id: None,
            answer: fields.into_entries().count(),
        });
    }
    Err(undocumented(Stage::Recognition, status, "not good"))
}

async fn call(url: &str, timeout: Duration) -> Result<Reply<usize>, Failure> {
    let wire = wire(timeout);
    wire.call(wire.http.post(url).body("body"), read).await
}

async fn failure_of(bytes: Vec<u8>) -> Failure {
    let fake = Fake::start(Behaviour::Answer(bytes)).await;
    call(&fake.url(), Duration::from_secs(10))
        .await
        .err()
        .unwrap()
}

#[tokio::test]
async fn each_failure_of_a_connection_has_a_code() {
    let mut long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 9 << 20).into_bytes();
    long.resize(long.len() + (9 << 20), b' ');
    let cases: [(&str, Vec<u8>); 9] = [
        (
            "timeout",
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\": {}".to_vec(),
        ),
        (
            "timeout",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{\"\r\n".to_vec(),
        ),
        ("malformed", b"HTTP/1.1 200 OK\r\n\r\n{\"a\": {}".to_vec()),
        ("timeout", b"".to_vec()),
        ("timeout", b"this is not HTTP\r\n\r\n".to_vec()),
        (
            "http.502",
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>".to_vec(),
        ),
        (
            "http.302",
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
        ),
        (
            "malformed",
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>".to_vec(),
        ),
        ("malformed", long),
    ];
    for (code, answer) in cases {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        assert_eq!(failure_of(answer).await.code, code, "{shown}");
    }
}

/// What `fake` answers with, if that is good.
async fn fields_of(bytes: Vec<u8>) -> usize {
    let fake = Fake::start(Behaviour::Answer(bytes)).await;
    call(&fake.url(), Duration::from_secs(10))
        .await
        .map_err(|failure| failure.to_string())
        .unwrap()
        .answer
}

#[tokio::test]
async fn a_complete_object_is_an_answer_whatever_happens_behind_it() {
    let object = r#"{"code": 200, "data": {"Name": "x"}}"#;
    for (head, tail) in [
        ("content-length: 1000\r\n\r\n", ""),
        ("transfer-encoding: chunked\r\n\r\n24\r\n", "\r\n"),
        (
            "transfer-encoding: chunked\r\n\r\n24\r\n",
            "\r\nnot a chunk\r\n",
        ),
        ("\r\n", ""),
        ("\r\n", "\n\n<!-- served by a proxy -->"),
        ("\r\n", "{}"),
        ("content-encoding: br\r\n\r\n", ""),
        ("content-encoding: gzip\r\n\r\n", ""),
    ] {
        assert_eq!(
            fields_of(format!("HTTP/1.1 200 OK\r\n{head}{object}{tail}").into_bytes()).await,
            2,
            "{head:?} {tail:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_silent_behind_its_object_is_not_waited_for() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"a\": 1}";
    let fake = Fake::start(Behaviour::AnswerAndHang(answer.to_vec())).await;
    let reply = call(&fake.url(), Duration::from_hours(1)).await;
    assert_eq!(
        reply.map_err(|failure| failure.to_string()).unwrap().answer,
        1
    );
    let fake = Fake::start(Behaviour::AnswerAndHang(
        answer[..answer.len() - 1].to_vec(),
    ))
    .await;
    assert_eq!(
        call(&fake.url(), Duration::from_secs(3))
            .await
            .err()
            .unwrap()
            .code,
        "timeout",
        "half an object is none"
    );
}

#[tokio::test]
async fn an_answer_that_was_compressed_unasked_is_read() {
    let body = crate::domain::content_encoding::tests::gzip(r#"{"a": 1, "b": NaN}"#.as_bytes());
    for headers in [
        "content-encoding: gzip\r\n",
        "content-encoding: x-gzip\r\n",
        "",
    ] {
        let fake = Fake::answering("200 OK", headers, &body).await;
        let url = fake.url();
        assert_eq!(
            call(&url, Duration::from_secs(10))
                .await
                .map_err(|failure| failure.to_string())
                .unwrap()
                .answer,
            2,
            "{headers}"
        );
        assert_eq!(
            fake.received().await.header("accept-encoding"),
            None,
            "nothing was asked for"
        );
    }
}

#[tokio::test]
async fn an_encoding_that_is_not_known_is_named() {
    let fake = Fake::answering("200 OK", "content-encoding: compress\r\n", b"\x1f\x9d\x90").await;
    let failure = call(&fake.url(), Duration::from_secs(10))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.http_status),
        ("malformed", Some(200))
    );
    assert!(
        failure.message.contains("\"compress\""),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_port_without_a_listener_is_the_code_connect_and_no_address_is_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let failure = call(&url, Duration::from_secs(10)).await.err().unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.http_status),
        ("connect", None)
    );
    assert!(failure.message.contains("refused"), "{}", failure.message);
    assert!(
        !failure.message.contains("127.0.0.1"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_the_timeout() {
    let fake = Fake::start(Behaviour::Hang).await;
    let failure = call(&fake.url(), Duration::from_secs(2))
        .await
        .err()
        .unwrap();
    assert_eq!(failure.code, "timeout");
    assert_eq!(fake.received().await.body, b"body");
}

#[tokio::test]
async fn the_answers_headers_go_with_the_failure() {
    let headers = "date: Sun, 22 Nov 2026 08:00:00 GMT\r\nretry-after: Sun, 22 Nov 2026 08:00:30 GMT\r\nx-request-id: 77aa\r\n";
    let fake = Fake::answering("429 Too Many Requests", headers, b"slow down").await;
    let failure = call(&fake.url(), Duration::from_secs(10))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.http_status),
        ("http.429", Some(429))
    );
    assert_eq!(failure.retry_after, Some(Duration::from_secs(30)));
    assert_eq!(
        failure.server_time,
        Some("2026-11-22T08:00:00Z".parse().unwrap())
    );
    assert_eq!(failure.request_id.as_deref(), Some("77aa"));
}

#[tokio::test]
async fn the_request_id_of_the_header_serves_where_the_body_has_none() {
    let fake = Fake::answering("200 OK", "x-request-id: 77aa\r\n", b"{}").await;
    let reply = call(&fake.url(), Duration::from_secs(10))
        .await
        .ok()
        .unwrap();
    assert_eq!(reply.request_id.as_deref(), Some("77aa"));
}

#[test]
fn retry_after_is_seconds_or_a_date_and_never_more_than_an_hour() {
    let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
    for (value, seconds) in [
        ("0", Some(0)),
        (" 120 ", Some(120)),
        ("86400", Some(3_600)),
        ("18446744073709551615", Some(3_600)),
        ("Sun, 22 Nov 2026 08:02:00 GMT", Some(120)),
        ("Sun, 22 Nov 2026 07:00:00 GMT", Some(0)),
        ("Tue, 24 Nov 2026 08:00:00 GMT", Some(3_600)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(
            retry_after(value, now),
            seconds.map(Duration::from_secs),
            "{value:?}"
        );
    }
}
