//! Answers as real gateways and proxies send them: each is paid for once, and read.

use super::codes;
use crate::harness::raw_gateway::{Ending, RawGateway};
use crate::harness::system::{On, Setup, System};
use crate::harness::tls::Tls;
use flate2::Compression;
use flate2::write::GzEncoder;
use invoice_worker::domain::picture::{Format, Picture};
use invoice_worker::policy::Policy;
use invoice_worker::provider::deepfinch::{Config, DeepFinch};
use invoice_worker::provider::{Provider, Request, View};
use invoice_worker::settings::secret::Secret;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;

promises![
    an_answer_that_arrived_whole_is_read_and_paid_for_once,
    names_that_could_not_be_decoded_are_compared_with_nothing,
    a_bill_that_was_voided_at_a_time_of_day_is_voided,
    a_bill_with_thousands_of_lines_is_added_up_whole,
];

/// `recognised("张三")`, as Node's zlib compresses it.
const BROTLI_ANSWER: &str = "1b6600101c09d959cc15cb17833b23543afc37b7d45f3ec6df8d210b45585969220627\
    284bcbd516351341714ba70f36e0043ca061a00170d09a61628346b6f88431f1c22523\
    8ac97ab2b5afc73eb6fb01ae254818b503d3c6091495627695825171f1bf7da3714abb\
    0004";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json";

/// The worker of `on`, and the two gateways that answer with these bytes.
async fn system(
    on: On,
    recognition: (Vec<u8>, Ending),
    verification: Vec<u8>,
) -> (System, [RawGateway; 2]) {
    let gateways = [
        RawGateway::start(recognition.0, recognition.1),
        RawGateway::start(verification, Ending::Close),
    ];
    let mut system = Setup::new(on).await.prepare().await;
    system.config.recognition.url.clone_from(&gateways[0].url);
    system.config.verification.url.clone_from(&gateways[1].url);
    system.work().await;
    (system, gateways)
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("{HEAD}{headers}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A sound answer about the patient of this name.
fn recognised(name: &str) -> String {
    json!({"code": 200, "taskNo": "t", "data": {"Name": name, "InvoiceNum": "0103152099", "AmountInFiguers": "207.00"}}).to_string()
}

fn verified(name: &str, status: &Value) -> String {
    let standard =
        json!({"patient_name": name, "note_no": "103152099", "total_cost": 207.000_000_000_000_03});
    let data = json!({"invoice_standard_result": standard, "invoice_additional_result": {"img_status": status}});
    json!({"status": "OK", "request_id": "r", "qrcode_scan_result": 1, "data": data}).to_string()
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn brotli() -> Vec<u8> {
    hex::decode(BROTLI_ANSWER).unwrap()
}

fn outcome<'a>(result: &'a Value, check: &str) -> &'a str {
    let checks = result["checks"].as_array().unwrap();
    checks.iter().find(|found| found["id"] == check).unwrap()["outcome"]
        .as_str()
        .unwrap()
}

async fn an_answer_that_arrived_whole_is_read_and_paid_for_once(on: On) {
    let plain = recognised("张三");
    let with_nan = plain.replacen("\"data\": {", "\"data\":{", 1).replacen(
        "\"data\":{",
        "\"data\":{\"HospitalDay\":NaN,",
        1,
    );
    let with_comma = plain.replace("}}", ",},}");
    let chunked = format!(
        "{HEAD}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{plain}\r\n",
        plain.len()
    );
    let too_long = format!("{HEAD}\r\ncontent-length: 100000\r\n\r\n{plain}");
    let cases: [(&str, Vec<u8>, Ending); 11] = [
        ("NaN", answer("", with_nan.as_bytes()), Ending::Close),
        (
            "a trailing comma",
            answer("", with_comma.as_bytes()),
            Ending::Close,
        ),
        (
            "gzip",
            answer("\r\ncontent-encoding: gzip", &gzip(plain.as_bytes())),
            Ending::Close,
        ),
        (
            "br",
            answer("\r\ncontent-encoding: br", &brotli()),
            Ending::Close,
        ),
        (
            "zstd, and gzip around it",
            answer(
                "\r\ncontent-encoding: zstd, gzip",
                &gzip(&zstd(plain.as_bytes())),
            ),
            Ending::Close,
        ),
        (
            "gzip, not announced",
            answer("", &gzip(plain.as_bytes())),
            Ending::Close,
        ),
        ("GBK", answer(";charset=GBK", &gbk(&plain)), Ending::Close),
        ("no last chunk", chunked.into_bytes(), Ending::Close),
        (
            "a length that is too long",
            too_long.clone().into_bytes(),
            Ending::Close,
        ),
        (
            "silence behind the object",
            too_long.clone().into_bytes(),
            Ending::Silence,
        ),
        (
            "a reset behind the object",
            too_long.into_bytes(),
            Ending::Reset,
        ),
    ];
    for (case, recognition, ending) in cases {
        let verification = answer("", verified("张三", &json!([])).as_bytes());
        let (mut system, gateways) = system(on, (recognition, ending), verification).await;
        let key = system.sample("01-beijing-outpatient").await;
        let job = system.job("job", &key);
        let result = system.ask(&job).await;
        assert_eq!(
            (&result["status"], &result["verdict"]),
            (&json!("completed"), &json!("genuine")),
            "{case}: {result}"
        );
        assert_eq!(
            codes(&result),
            ["recognition 200 yes", "verification OK yes"],
            "{case}"
        );
        assert_eq!(gateways.map(|gateway| gateway.calls()), [1, 1], "{case}");
        assert_eq!(
            result["recognition"]["invoice"]["patient_name"], "张三",
            "{case}"
        );
        for field in ["patient_name", "note_no", "total_cost"] {
            assert_eq!(
                outcome(&result, &format!("recognized_equals_verified.{field}")),
                "passed",
                "{case}: {field}"
            );
        }
    }
}

async fn names_that_could_not_be_decoded_are_compared_with_nothing(on: On) {
    // Two patients. The header names another charset than the body has.
    let recognition = answer(";charset=utf-8", &gbk(&recognised("王小明")));
    let verification = answer(";charset=utf-8", &gbk(&verified("李大山", &json!([]))));
    let (mut system, _gateways) = system(on, (recognition, Ending::Close), verification).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(result["status"], "completed", "{result}");
    assert_eq!(
        outcome(&result, "recognized_equals_verified.patient_name"),
        "skipped"
    );
    assert_eq!(
        outcome(&result, "recognized_equals_verified.note_no"),
        "passed"
    );
    for part in ["recognition", "verification"] {
        assert_eq!(
            result[part]["invoice"]["patient_name"],
            Value::Null,
            "{part}"
        );
    }
}

async fn a_bill_that_was_voided_at_a_time_of_day_is_voided(on: On) {
    for voided in [
        json!("20260603101530"),
        json!("2026年06月03日 10时15分"),
        json!("2026-06-03T10:15:30+08:00"),
    ] {
        let verification = answer(
            "",
            verified("张三", &json!({ "yizuofei": voided })).as_bytes(),
        );
        let (mut system, _gateways) = system(
            on,
            (answer("", recognised("张三").as_bytes()), Ending::Close),
            verification,
        )
        .await;
        let key = system.sample("01-beijing-outpatient").await;
        let job = system.job("job", &key);
        let result = system.ask(&job).await;
        assert_eq!(
            (&result["status"], &result["verdict"]),
            (&json!("completed"), &json!("voided")),
            "{voided}: {result}"
        );
    }
}

async fn a_bill_with_thousands_of_lines_is_added_up_whole(on: On) {
    for (lines, outcome_expected, left_out) in [
        (5_000, "passed", json!(null)),
        (20_001, "skipped", json!(1)),
    ] {
        let row =
            json!([{"name": "项目", "word": "阿托伐他汀钙胶囊"}, {"name": "金额", "word": "0.10"}]);
        let total = format!("{}.{}0", lines / 10, lines % 10);
        let data = json!({"InvoiceNum": "0103152099", "AmountInFiguers": total, "CostDetail": vec![&row; lines]});
        let recognition = answer(
            "",
            json!({"code": 200, "data": data}).to_string().as_bytes(),
        );
        let verification = answer("", verified("张三", &json!([])).as_bytes());
        let (mut system, _gateways) = system(on, (recognition, Ending::Close), verification).await;
        let key = system.sample("01-beijing-outpatient").await;
        let job = system.job("job", &key);
        let result = system.ask(&job).await;
        assert_eq!(
            outcome(&result, "total_equals_details"),
            outcome_expected,
            "{lines}"
        );
        assert_eq!(
            result["recognition"]["invoice"]["left_out"]["cost_details"],
            left_out
        );
    }
}

#[tokio::test]
async fn an_answer_over_tls_without_its_end_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::new(folder.path());
    let body = verified("张三", &json!([]));
    let unframed = format!("{HEAD}\r\nconnection: close\r\n\r\n{body}");
    let gateway = RawGateway::start_tls(unframed.into_bytes(), &tls);
    let half = RawGateway::start_tls(
        format!(
            "{HEAD}\r\nconnection: close\r\n\r\n{}",
            &body[..body.len() / 2]
        )
        .into_bytes(),
        &tls,
    );
    let authority =
        reqwest::Certificate::from_pem(&std::fs::read(tls.file("ca.pem")).unwrap()).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let call = async |url: &str| {
        let config = Config {
            url: url.to_owned(),
            api_id: Secret::new("id"),
            api_secret: Secret::new("secret"),
            ..Config::default()
        };
        let words = Arc::clone(Policy::builtin().registry_words());
        let verification = DeepFinch::new(&config, http.clone(), TimeZone::UTC, words).unwrap();
        let request = Request::new(
            View::Inline(Picture {
                bytes: vec![1, 2, 3].into(),
                format: Format::Jpeg,
            }),
            false,
        );
        let Ok(shown) = request.show(std::time::Duration::from_secs(90)).await else {
            panic!("nothing to sign")
        };
        verification
            .call(&request, shown)
            .await
            .map(|reply| reply.answer.invoice.patient_name)
    };
    assert_eq!(
        call(&gateway.url)
            .await
            .map_err(|failure| failure.to_string()),
        Ok(Some("张三".to_owned()))
    );
    assert_eq!(
        call(&half.url)
            .await
            .err()
            .map(|failure| failure.code)
            .as_deref(),
        Some("timeout"),
        "half an answer is none"
    );
}
