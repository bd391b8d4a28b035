//! Recognition and its gateway.

use image::ImageFormat;
use invoice_worker::dev::sandbox::{Fault, samples};
use invoice_worker::domain::failure::Stage;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::caller::{
    answers, base64_form, blank, client, document, file, recognise, recognise_sample, sample,
    sandbox, signed, verify,
};

const NAME: &str = "01-beijing-outpatient";

#[tokio::test]
async fn every_sample_is_recognised_and_its_data_comes_as_written() {
    let sandbox = sandbox(vec![]).await;
    for sample in samples::all() {
        let (status, answer) = recognise(&sandbox, base64_form(sample.bytes)).await;
        assert_eq!(
            (status, &answer["code"], &answer["msg"]),
            (200, &200.into(), &"成功".into()),
            "{}",
            sample.name
        );
        assert_eq!(
            answer["data"],
            answers(sample)["recognition"],
            "{}",
            sample.name
        );
        assert_eq!(answer["taskNo"].as_str().unwrap().len(), 20);
    }
}

#[tokio::test]
async fn every_proper_way_of_authenticating_is_accepted() {
    let sandbox = sandbox(vec![]).await;
    let body = base64_form(sample(NAME).bytes);
    let ten_minutes_ago = Timestamp::now() - SignedDuration::from_mins(10);
    let app_code = client()
        .post(sandbox.recognition_url())
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .header("X-Apig-AppCode", sandbox.credentials().app_code)
        .body(body.clone());
    for request in [
        signed(&sandbox, body.clone(), Timestamp::now(), false),
        signed(&sandbox, body.clone(), Timestamp::now(), true),
        signed(&sandbox, body.clone(), ten_minutes_ago, false),
        app_code,
    ] {
        assert_eq!(document(request.send().await.unwrap()).await.1["code"], 200);
    }
}

#[tokio::test]
async fn the_gateway_refuses_what_is_not_signed_as_it_should_be() {
    let sandbox = sandbox(vec![]).await;
    let body = base64_form(sample(NAME).bytes);
    let hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let form = "application/x-www-form-urlencoded";
    let bare = || {
        client()
            .post(sandbox.recognition_url())
            .header("content-type", form)
            .body(body.clone())
    };
    let table = [
        (bare(), "APIG.0301", "not found"),
        (
            bare().header("X-Apig-AppCode", "wrong"),
            "APIG.0303",
            "appcode",
        ),
        (
            signed(&sandbox, body.clone(), hour_ago, false),
            "APIG.0303",
            "expired",
        ),
        (
            signed(&sandbox, body.clone(), Timestamp::now(), false).body("base64=AAAA"),
            "APIG.0303",
            "canonicalRequest",
        ),
    ];
    for (request, code, message) in table {
        let (status, answer) = document(request.send().await.unwrap()).await;
        assert_eq!(
            (status, answer["error_code"].as_str()),
            (401, Some(code)),
            "{answer}"
        );
        assert!(
            answer["error_msg"].as_str().unwrap().contains(message),
            "{answer}"
        );
        assert!(answer["request_id"].is_string());
    }
    assert!(
        sandbox
            .calls()
            .of(Stage::Recognition)
            .iter()
            .all(|call| call.billed.as_str() == "no" && call.nth == 0)
    );
}

#[tokio::test]
async fn the_gateway_knows_one_path_and_no_body_above_twelve_mebibytes() {
    let sandbox = sandbox(vec![]).await;
    let (status, answer) = document(
        client()
            .post(format!("{}/ocr/other", sandbox.s3_url()))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, answer["error_code"].as_str()),
        (404, Some("APIG.0101"))
    );
    let (status, answer) = document(
        client()
            .get(sandbox.recognition_url())
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, answer["error_code"].as_str()),
        (404, Some("APIG.0101"))
    );
    let (status, answer) = recognise(&sandbox, format!("base64={}", "A".repeat(12 << 20))).await;
    assert_eq!(
        (status, answer["error_code"].as_str()),
        (413, Some("APIG.0201"))
    );
}

#[tokio::test]
async fn the_provider_refuses_inside_http_200_what_the_document_rules_out() {
    let sandbox = sandbox(vec![]).await;
    let picture = sample(NAME).bytes;
    let encoded = base64_simd::STANDARD.encode_to_string(picture);
    let table = [
        ("neither", "colour=1".to_owned()),
        ("empty", "base64=&url=".to_owned()),
        (
            "both",
            format!("{}&url=http%3A%2F%2F127.0.0.1%2F", base64_form(picture)),
        ),
        ("encoded twice", base64_form(picture).replace('%', "%25")),
        ("not urlencoded", format!("base64={encoded}")),
        (
            "with a prefix",
            format!(
                "base64=data%3Aimage%2Fjpeg%3Bbase64%2C{}",
                &base64_form(picture)[7..]
            ),
        ),
        (
            "url-safe",
            format!(
                "base64={}",
                base64_simd::URL_SAFE
                    .encode_to_string(picture)
                    .replace('=', "%3D")
            ),
        ),
        ("too large", base64_form(&vec![0xff; 1_048_576])),
        ("no picture", base64_form(b"%PDF-1.7")),
        ("too small", base64_form(&blank(14, 400, ImageFormat::Png))),
        ("too wide", base64_form(&blank(4097, 100, ImageFormat::Png))),
        (
            "url too long",
            format!("url=http%3A%2F%2F127.0.0.1%2F{}", "a".repeat(1_024)),
        ),
        (
            "url of nothing",
            "url=http%3A%2F%2F127.0.0.1%3A1%2F".to_owned(),
        ),
        (
            "url of another kind",
            "url=file%3A%2F%2F%2Fetc%2Fhostname".to_owned(),
        ),
    ];
    for (what, body) in table {
        let (status, answer) = recognise(&sandbox, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (200, &400.into()),
            "{what}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_limits_themselves_are_within() {
    let sandbox = sandbox(vec![]).await;
    for (width, height) in [(15, 400), (4096, 100)] {
        let (_, answer) = recognise(
            &sandbox,
            base64_form(&blank(width, height, ImageFormat::Bmp)),
        )
        .await;
        assert_eq!(answer["code"], 200, "{width} x {height}");
    }
}

#[tokio::test]
async fn a_picture_without_a_bill_is_answered_with_every_field_empty() {
    let sandbox = sandbox(vec![]).await;
    let (_, answer) = recognise(&sandbox, base64_form(&blank(300, 300, ImageFormat::Png))).await;
    let data = answer["data"].as_object().unwrap();
    let known = answers(sample(NAME));
    assert_eq!(data.len(), 29);
    assert!(
        known["recognition"]
            .as_object()
            .unwrap()
            .keys()
            .all(|name| data.contains_key(name))
    );
    assert!(
        data.values()
            .all(|value| value == "" || value.as_array().is_some_and(Vec::is_empty))
    );
}

#[tokio::test]
async fn a_picture_can_be_given_by_its_address() {
    let sandbox = sandbox(vec![]).await;
    sandbox
        .put("claims", "a.jpg", sample(NAME).bytes)
        .await
        .unwrap();
    let address = super::storage::presigned(&sandbox, "claims", "a.jpg").await;
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("url", &address)
        .finish();
    let (_, answer) = recognise(&sandbox, form).await;
    assert_eq!(answer["data"], answers(sample(NAME))["recognition"]);
}

#[tokio::test]
async fn every_documented_code_can_be_had_as_it_is_documented() {
    let provider = [
        "400", "500", "501", "999", "502", "601", "602", "603", "604", "606", "607", "609", "610",
    ]
    .map(str::to_owned);
    let gateway = [
        ("0101", 404),
        ("0103", 404),
        ("0104", 404),
        ("0105", 404),
        ("0106", 400),
        ("0201", 400),
        ("0202", 502),
        ("0203", 504),
        ("0204", 400),
        ("0301", 401),
        ("0302", 403),
        ("0303", 401),
        ("0304", 403),
        ("0305", 401),
        ("0306", 403),
        ("0307", 401),
        ("0308", 429),
        ("0310", 403),
        ("0311", 401),
        ("0401", 403),
        ("0402", 403),
        ("0404", 403),
        ("0501", 405),
        ("0502", 405),
        ("0601", 500),
        ("0602", 400),
        ("0605", 500),
        ("0606", 500),
        ("0607", 400),
        ("0608", 500),
        ("0609", 500),
        ("0610", 502),
        ("0611", 500),
        ("0612", 500),
        ("0613", 503),
        ("0705", 500),
        ("0802", 403),
        ("1009", 400),
    ]
    .map(|(code, http_status)| (format!("APIG.{code}"), http_status));
    let faults = provider
        .iter()
        .chain(gateway.iter().map(|(code, _)| code))
        .zip(1_u32..);
    let faults = faults
        .map(|(code, nth)| {
            Fault::new(Stage::Recognition, code)
                .sample(NAME)
                .calls([nth])
        })
        .collect();
    let sandbox = sandbox(faults).await;
    for code in provider {
        let (status, answer) = recognise_sample(&sandbox, NAME).await;
        assert_eq!((status, answer["code"].to_string()), (200, code));
        assert!(
            answer["msg"].is_string()
                && answer["taskNo"].is_string()
                && answer["data"] == Value::Null
        );
    }
    for (code, http_status) in gateway {
        let (status, answer) = recognise_sample(&sandbox, NAME).await;
        assert_eq!(
            (status, answer["error_code"].as_str()),
            (http_status, Some(code.as_str()))
        );
    }
    assert_eq!(recognise_sample(&sandbox, NAME).await.1["code"], 200);
}

#[tokio::test]
async fn another_bill_is_recognised_from_its_qr_code_alone() {
    let sandbox = sandbox(vec![]).await;
    let picture = include_bytes!("../../data/scenarios/unknown-bill.png").as_slice();
    let (_, answer) = recognise(&sandbox, base64_form(picture)).await;
    let data = &answer["data"];
    assert_eq!(
        (&data["InvoiceNum"], &data["Date"], &data["AmountInFiguers"]),
        (&"0099887766".into(), &"2024-01-31".into(), &"88.50".into())
    );
    let (status, answer) = verify(&sandbox, file(picture)).await;
    assert_eq!(
        (status, &answer["error_code"], &answer["qrcode_scan_result"]),
        (200, &300.into(), &1.into())
    );
}
