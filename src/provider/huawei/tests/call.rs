use super::*;
use crate::domain::picture::{Format, Picture};
use crate::provider::wire::fake::{Behaviour, Fake, call};
use crate::provider::{CONNECT_TIMEOUT, View, http_client};
use crate::settings::secret::Secret;
use crate::settings::units::span;
use serde_json::json;
use url::form_urlencoded;

fn config(fake: &Fake) -> Config {
    Config {
        url: fake.url(),
        app_key: Secret::new("the-app-key"),
        app_secret: Secret::new("the-app-secret"),
        app_code: Secret::new("the-app-code"),
        timeout: span("10s"),
        ..Config::default()
    }
}

fn client(config: &Config) -> Huawei {
    Huawei::new(
        config,
        http_client(CONNECT_TIMEOUT, &crate::settings::Network::default()).unwrap(),
        jiff::tz::TimeZone::UTC,
    )
    .unwrap()
}

fn inline(bytes: Vec<u8>) -> Request {
    Request::new(
        View::Inline(Picture {
            bytes: bytes.into(),
            format: Format::Jpeg,
        }),
        false,
    )
}

#[tokio::test]
async fn the_picture_arrives_signed() {
    for size in [100, 300_000] {
        let picture: Vec<u8> = (0..size)
            .map(|index: u32| index.to_le_bytes()[index as usize % 3])
            .collect();
        let fake = Fake::answering("200 OK", "", SAMPLE).await;
        let (config, address) = (config(&fake), fake.address);
        let reply = call(&client(&config), &inline(picture.clone()))
            .await
            .ok()
            .unwrap();
        assert_eq!(reply.answer.note_no.as_deref(), Some("0103152099"));

        let received = fake.received().await;
        assert_eq!(received.request_line(), "POST /ocr HTTP/1.1");
        let pairs: Vec<_> = form_urlencoded::parse(&received.body).collect();
        assert_eq!(pairs.len(), 1);
        assert_eq!(
            base64_simd::STANDARD
                .decode_to_vec(pairs[0].1.as_bytes())
                .unwrap(),
            picture
        );

        let date = received.header("x-sdk-date").unwrap();
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date)
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap();
        let url = Url::parse(&config.url).unwrap();
        let headers = [("content-type", received.header("content-type").unwrap())];
        let unsigned = Unsigned {
            method: "POST",
            url: &url,
            headers: &headers,
            payload: Payload::of(&received.body),
        };
        let expected = Signer::new(config.app_key, config.app_secret).sign(
            &unsigned,
            at.timestamp(),
            SignedDuration::ZERO,
        )[1]
        .1
        .clone();
        assert_eq!(received.header("authorization"), Some(expected.as_str()));
        assert_eq!(received.header("host"), Some(address.to_string().as_str()));
        assert_eq!(received.header("x-apig-appcode"), None);
    }
}

#[tokio::test]
async fn a_call_that_is_made_again_sends_the_body_that_was_encoded_first() {
    let fake = Fake::start(Behaviour::Hang).await;
    let recognition = client(&config(&fake));
    for size in [100, 300_000] {
        let request = inline(vec![7; size]);
        let View::Inline(picture) = &request.view else {
            panic!("a picture")
        };
        let body = async || {
            recognition
                .body(&request, Shown::Picture(picture))
                .await
                .ok()
                .unwrap()
        };
        let [first, second] = [body().await, body().await];
        assert_eq!(
            (first.bytes.as_ptr(), first.bytes.len()),
            (second.bytes.as_ptr(), second.bytes.len()),
            "{size} bytes"
        );
    }
}

#[tokio::test]
async fn an_app_code_goes_in_its_header_and_an_address_in_the_form() {
    let fake = Fake::answering("200 OK", "", SAMPLE).await;
    let recognition = client(&Config {
        auth: Auth::AppCode,
        ..config(&fake)
    });
    let link = "https://bucket.example/a b.jpg?X-Amz-Signature=a%2Bb&c=d";
    let request = Request::new(View::Url(link.to_owned()), false);
    assert!(call(&recognition, &request).await.is_ok());
    let received = fake.received().await;
    assert_eq!(received.header("x-apig-appcode"), Some("the-app-code"));
    assert_eq!(received.header("authorization"), None);
    assert_eq!(
        form_urlencoded::parse(&received.body).collect::<Vec<_>>(),
        [("url".into(), link.into())]
    );
}

#[tokio::test]
async fn an_unsigned_payload_says_so() {
    let fake = Fake::answering("200 OK", "", SAMPLE).await;
    let recognition = client(&Config {
        sign_payload: false.into(),
        ..config(&fake)
    });
    assert!(call(&recognition, &inline(vec![1, 2, 3])).await.is_ok());
    let received = fake.received().await;
    assert_eq!(
        received.header("x-sdk-content-sha256"),
        Some("UNSIGNED-PAYLOAD")
    );
}

#[tokio::test]
async fn an_expired_signature_sets_the_clock_right_and_any_other_refusal_does_not() {
    for (message, expected) in [("signature expired", true), ("wrong secret", false)] {
        let body = json!({"error_code": "APIG.0303", "error_msg": message}).to_string();
        let ahead = Timestamp::now() + SignedDuration::from_hours(2);
        let date = format!("date: {}\r\n", ahead.strftime("%a, %d %b %Y %H:%M:%S GMT"));
        let fake = Fake::answering("401 Unauthorized", &date, body.as_bytes()).await;
        let recognition = client(&config(&fake));
        assert_eq!(
            call(&recognition, &inline(vec![1]))
                .await
                .err()
                .unwrap()
                .code,
            "APIG.0303"
        );
        let offset = recognition.clock_offset_seconds.load(Ordering::Relaxed);
        assert_eq!(
            (7_100..=7_200).contains(&offset),
            expected,
            "{message}: {offset}"
        );
    }
}

#[tokio::test]
async fn the_gateways_own_word_sets_the_clock_before_a_header_does() {
    let at = |ahead: SignedDuration| Timestamp::now() + ahead;
    let hours = SignedDuration::from_hours;
    for (said, header, expected) in [
        (Some(hours(2)), None, 7_200),
        (Some(hours(2)), Some(hours(5)), 7_200),
        (Some(hours(-48)), None, -172_800),
        (None, Some(hours(5)), 18_000),
        // No clock at all.
        (Some(hours(24 * 3_000)), None, 0),
    ] {
        let said = said.map_or(String::new(), |ahead| {
            format!(",server time:{}", at(ahead).strftime("%Y%m%dT%H%M%SZ"))
        });
        let body = json!({"error_code": "APIG.0303", "error_msg": format!("signature expired, signature time:20200711T032051Z{said}")});
        let header = header.map_or(String::new(), |ahead| {
            format!(
                "date: {}\r\n",
                at(ahead).strftime("%a, %d %b %Y %H:%M:%S GMT")
            )
        });
        let fake = Fake::answering("401 Unauthorized", &header, body.to_string().as_bytes()).await;
        let recognition = client(&config(&fake));
        assert_eq!(
            call(&recognition, &inline(vec![1]))
                .await
                .err()
                .unwrap()
                .code,
            "APIG.0303"
        );
        let offset = recognition.clock_offset_seconds.load(Ordering::Relaxed);
        assert!(
            (expected - 100..=expected).contains(&offset),
            "{said} {header}: {offset}"
        );
    }
}

#[tokio::test]
async fn credentials_never_come_back_in_a_failure() {
    let body = json!({"code": 999, "msg": "the-app-key the-app-secret the-app-code"}).to_string();
    let fake = Fake::answering("200 OK", "", body.as_bytes()).await;
    let failure = call(&client(&config(&fake)), &inline(vec![1]))
        .await
        .err()
        .unwrap();
    assert_eq!(*failure.message, *"… … …");
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let fake = Fake::start(Behaviour::Hang).await;
    let recognition = client(&Config {
        timeout: span("200ms"),
        ..config(&fake)
    });
    assert_eq!(
        call(&recognition, &inline(vec![1]))
            .await
            .err()
            .unwrap()
            .code,
        "timeout"
    );
}
