use super::*;
use serde_json::json;

#[test]
fn every_refusal_has_one_name() {
    for (status, body, code) in [
        (200, json!({"code": 400, "msg": "参数错误"}), "400"),
        (
            200,
            json!({"code": "500", "msg": "服务商维护，请稍候再试"}),
            "500",
        ),
        (
            500,
            json!({"code": 500, "msg": "服务商维护，请稍候再试"}),
            "500",
        ),
        (200, json!({"code": 501.0}), "501"),
        (200, json!({"code": 999, "msg": null}), "999"),
        (200, json!({"code": -7}), "-7"),
        (
            404,
            json!({"code": 404, "message": "no such page"}),
            "http.404",
        ),
        (429, json!({"code": 429}), "http.429"),
        (
            401,
            json!({"error_code": "APIG.0303", "error_msg": "x", "request_id": "r"}),
            "APIG.0303",
        ),
        (200, json!({"error_code": "APIGW.0308"}), "APIG.0308"),
        (
            404,
            json!({"error_code": "APIG.0101", "code": 200}),
            "APIG.0101",
        ),
        (500, json!({"error_code": "APIG."}), "http.500"),
        (500, json!({"error_code": "APIG.03 08"}), "http.500"),
        (500, json!({"error_code": 308}), "http.500"),
        (503, json!({"code": 200}), "http.503"),
        (200, json!({"code": "success"}), "malformed"),
        (200, json!({"code": 1.5}), "malformed"),
        (200, json!({"code": null}), "malformed"),
        (200, json!([]), "malformed"),
        (502, json!("text"), "http.502"),
    ] {
        let failure = read(status, &body).err().unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.http_status),
            (code, Some(status)),
            "{body}"
        );
    }
}

#[test]
fn success_that_read_nothing_is_a_failure() {
    for data in [
        json!(null),
        json!({}),
        json!([]),
        json!(""),
        json!({"Province": "浙江"}),
        json!({"Date": "??", "AmountInFiguers": "x"}),
    ] {
        let failure = read(200, &json!({"code": 200, "taskNo": "t1", "data": data}))
            .err()
            .unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.nothing_read),
            ("200", true),
            "{data}"
        );
        assert_eq!(failure.request_id.as_deref(), Some("t1"));
    }
    for data in [
        json!({"InvoiceNum": 1}),
        json!({"Name": "张"}),
        json!({"Date": "2020-06-03"}),
        json!({"AmountInFiguers": "0"}),
    ] {
        assert!(
            read(200, &json!({"code": 200, "data": data})).is_ok(),
            "{data}"
        );
    }
}

#[test]
fn a_refused_signature_says_whether_it_expired_and_shows_nothing_that_was_signed() {
    for (message, expected) in [
        (
            "Incorrect app authentication information: app signature Expired",
            "the signature was refused: expired",
        ),
        (
            "Verify authorization failed, canonicalRequest:POST|/ocr/|secret",
            "the signature was refused",
        ),
    ] {
        let failure = read(
            401,
            &json!({"error_code": "APIGW.0303", "error_msg": message}),
        )
        .err()
        .unwrap();
        assert_eq!(*failure.message, *expected);
    }
}

#[test]
fn messages_keep_what_the_policy_looks_for() {
    let message = "The throttling threshold has been reached: policy user over ratelimit,limit:1000,time:1 day";
    let failure = read(
        429,
        &json!({"error_code": "APIG.0308", "error_msg": message}),
    )
    .err()
    .unwrap();
    assert_eq!(*failure.message, *message);
}

#[test]
fn the_gateways_clock_is_read_from_its_message() {
    for (message, expected) in [
        (
            "Incorrect app authentication information: signature expired, signature time:20200711T032051Z,server time:20200711T033951Z",
            Some("2020-07-11T03:39:51Z"),
        ),
        (
            "signature expired, server time: 2020-07-11T03:39:51Z.",
            Some("2020-07-11T03:39:51Z"),
        ),
        ("signature expired, server time:soon", None),
        ("signature expired, server time:", None),
        ("signature expired", None),
    ] {
        let failure = read(
            401,
            &json!({"error_code": "APIG.0303", "error_msg": message}),
        )
        .err()
        .unwrap();
        assert_eq!(
            failure.server_time,
            expected.map(|time| time.parse().unwrap()),
            "{message}"
        );
        assert_eq!(*failure.message, *"the signature was refused: expired");
    }
}
