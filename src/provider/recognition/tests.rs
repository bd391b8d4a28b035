use super::*;
use crate::config::secret::Secret;
use crate::config::units::span;
use crate::image::Format;
use crate::provider::wire::fake::{Behaviour, Fake};
use crate::provider::{CONNECT_TIMEOUT, http_client};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::form_urlencoded;

const SAMPLE: &[u8] = include_bytes!("../../../tests/data/providers/recognition_sample.json");

fn read(status: u16, body: &Value) -> Result<Reply<Invoice>, Failure> {
    read_answer(status, body.to_string().as_bytes())
}

/// The invoice made of `data`, as it is published. A number identifies it, so that it is an answer.
fn mapped(data: &str) -> Value {
    let data = data.trim_start_matches('{');
    let separator = if data.starts_with('}') { "" } else { "," };
    let body = format!("{{\"code\": 200, \"data\": {{\"InvoiceNum\": \"1\"{separator}{data}}}");
    serde_json::to_value(read_answer(200, body.as_bytes()).ok().unwrap().answer).unwrap()
}

#[test]
fn the_documents_own_sample_is_read_whole() {
    let reply = read_answer(200, SAMPLE).ok().unwrap();
    assert_eq!((reply.code, reply.request_id.as_deref()), ("200", Some("65605503936940344488")));
    assert!(reply.answer.extra.is_empty());
    insta::assert_snapshot!(serde_json::to_string_pretty(&reply.answer).unwrap());
}

#[test]
fn the_supplements_of_all_nine_regions_are_payments_by_name() {
    for (region, names) in [
        (
            "北京",
            "个人支付金额、其他医保支付、交易流水号、基金支付、单位补充险[原公疗]支付、年度门诊大额累计支付、本次医保范围内金额、\
             本次支付后个人账户余额、残军补助支付、累计医保内范围金额、自付一、自付二、自费、起付金额、超封顶金额、退休补充支付、门诊大额支付",
        ),
        ("广东", "个人支付金额、其他医保支付"),
        ("河北", "个人账户余额、统筹累计支付、自负、自费、起付标准"),
        ("河南", "个人支付金额、其他医保支付"),
        ("江苏", "个人支付金额、其他医保支付"),
        ("山东", "个人支付金额、其他医保支付"),
        ("上海", "分类自负、历年余额、本年余额、现金支付、自负、自费、附加支付"),
        ("天津", "个人支付金额、其他医保支付"),
        ("浙江", "历年余额、历年支付、基金支付、本年余额、本年支付、现金支付"),
    ] {
        let sent: Vec<Value> = names.split('、').map(|name| json!({"name": name, "word": "1.50"})).collect();
        let expected: Vec<Value> = names.split('、').map(|name| json!({"name": name, "amount": "1.50"})).collect();
        let invoice = mapped(&json!({"Province": region, "RegionSupplement": sent}).to_string());
        assert_eq!(invoice["payments"], Value::Array(expected), "{region}");
    }
}

#[test]
fn irregular_fields_cost_themselves_only() {
    let long = format!(r#"{{"Name": "{}"}}"#, "名".repeat(1_000));
    let many = json!({"RegionSupplement": vec![json!({"name": "自费", "word": "1"}); 1_500]}).to_string();
    assert_eq!(mapped(&long)["patient_name"].as_str().unwrap().len(), 1_998);
    assert_eq!(mapped(&many)["payments"].as_array().unwrap().len(), 1_000);
    for (data, pointer, expected) in [
        (r"{}", "/patient_name", json!(null)),
        (r#"{"Name": null}"#, "/patient_name", json!(null)),
        (r#"{"Name": "  "}"#, "/patient_name", json!(null)),
        (r#"{"Name": " 张\u0000三 "}"#, "/patient_name", json!("张三")),
        (r#"{"ClinicNum": 12169298}"#, "/clinic_no", json!("12169298")),
        (r#"{"ClinicNum": 40091198916051710196123}"#, "/clinic_no", json!("40091198916051710196123")),
        (r#"{"Payee": true}"#, "/payee", json!("true")),
        (r#"{"Payee": ["李四"]}"#, "/payee", json!(null)),
        (r#"{"Payee": ["李四"]}"#, "/extra/Payee", json!(["李四"])),
        (r#"{"HospitalName": {"a": 1.10}}"#, "/extra/HospitalName", json!({"a": "1.10"})),
        (r#"{"Nation": "汉"}"#, "/extra/Nation", json!("汉")),
        (r#"{"Nation": null}"#, "/extra", json!({})),
        (r#"{"AmountInFiguers": "1,939.48"}"#, "/total_cost", json!("1939.48")),
        (r#"{"AmountInFiguers": 1939.48}"#, "/total_cost", json!("1939.48")),
        (r#"{"AmountInFiguers": 1.93948e3}"#, "/total_cost", json!("1939.48")),
        (r#"{"AmountInFigures": "939.48"}"#, "/total_cost", json!("939.48")),
        (r#"{"AmountInFiguers": "", "AmountInFigures": "939.48"}"#, "/total_cost", json!("939.48")),
        (r#"{"AmountInFiguers": "壹元"}"#, "/total_cost", json!({"text": "壹元"})),
        (r#"{"AmountInWords": "玖佰叁拾玖元肆角捌分"}"#, "/total_cost_from_words", json!("939.48")),
        (r#"{"AmountInWords": "玖x"}"#, "/total_cost_from_words", json!({"text": "玖x"})),
        (r#"{"Date": "2020年06月03日"}"#, "/billing_date", json!("2020-06-03")),
        (r#"{"Date": "2020年"}"#, "/billing_date", json!({"text": "2020年"})),
        (r#"{"HospitalDay": "3天"}"#, "/hospital_days", json!("3")),
        (r#"{"Sex": "女"}"#, "/patient_gender", json!("female")),
        (r#"{"Sex": "男性"}"#, "/patient_gender", json!("male")),
        (r#"{"Sex": "?"}"#, "/patient_gender", json!("unknown")),
        (r#"{"InvoiceType": "住院发票"}"#, "/note_kind", json!("inpatient")),
        (r#"{"InvoiceType": "门诊发票"}"#, "/note_kind", json!("outpatient")),
        (r#"{"InvoiceType": "其他"}"#, "/note_kind", json!("unknown")),
        (r#"{"RegionSupplement": null}"#, "/payments", json!([])),
        (r#"{"RegionSupplement": ""}"#, "/payments", json!([])),
        (r#"{"RegionSupplement": "自费"}"#, "/extra/RegionSupplement", json!("自费")),
        (r#"{"RegionSupplement": {"name": "自费", "word": 1}}"#, "/payments", json!([{"name": "自费", "amount": "1"}])),
        (r#"{"RegionSupplement": [{"name": "自费", "word": ""}]}"#, "/payments", json!([{"name": "自费", "amount": null}])),
        (r#"{"RegionSupplement": ["自费"]}"#, "/extra/RegionSupplement[0]", json!("自费")),
        (
            r#"{"CostCategories": [{"name": "收费项目", "word": "甲"}, {"name": "金额", "word": "1"}, {"name": "收费项目", "word": "乙"}]}"#,
            "/cost_categories",
            json!([{"name": "甲", "amount": "1"}, {"name": "乙", "amount": null}]),
        ),
        (r#"{"CostCategories": [[], null, "x", [{"word": "1"}], [{"name": "金额", "word": []}]]}"#, "/cost_categories", json!([])),
        (r#"{"CostDetail": [[{"name": "项目", "word": "药"}, {"name": "单位", "word": "盒"}]]}"#, "/extra/CostDetail[0].单位", json!("盒")),
        (
            r#"{"CostDetail": [[{"name": "数量", "word": 10}, {"name": "单价", "word": 29.3200}]]}"#,
            "/cost_details/0/unit_price",
            json!("29.3200"),
        ),
    ] {
        assert_eq!(mapped(data).pointer(pointer), Some(&expected), "{data}");
    }
}

#[test]
fn data_may_come_in_a_list() {
    let reply = read(200, &json!({"code": "200", "data": [{"Name": "张三"}]})).ok().unwrap();
    assert_eq!(reply.answer.patient_name.as_deref(), Some("张三"));
}

#[test]
fn every_refusal_has_one_name() {
    for (status, body, code) in [
        (200, json!({"code": 400, "msg": "参数错误"}), "400"),
        (200, json!({"code": "500", "msg": "服务商维护，请稍候再试"}), "500"),
        (500, json!({"code": 500, "msg": "服务商维护，请稍候再试"}), "500"),
        (200, json!({"code": 501.0}), "501"),
        (200, json!({"code": 999, "msg": null}), "999"),
        (200, json!({"code": -7}), "-7"),
        (404, json!({"code": 404, "message": "no such page"}), "http.404"),
        (429, json!({"code": 429}), "http.429"),
        (401, json!({"error_code": "APIG.0303", "error_msg": "x", "request_id": "r"}), "APIG.0303"),
        (200, json!({"error_code": "APIGW.0308"}), "APIG.0308"),
        (404, json!({"error_code": "APIG.0101", "code": 200}), "APIG.0101"),
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
        assert_eq!((failure.code.as_str(), failure.http_status), (code, Some(status)), "{body}");
    }
}

#[test]
fn success_that_read_nothing_is_a_failure() {
    for data in [json!(null), json!({}), json!([]), json!(""), json!({"Province": "浙江"}), json!({"Date": "??", "AmountInFiguers": "x"})]
    {
        let failure = read(200, &json!({"code": 200, "taskNo": "t1", "data": data})).err().unwrap();
        assert_eq!((failure.code.as_str(), failure.nothing_read), ("200", true), "{data}");
        assert_eq!(failure.request_id.as_deref(), Some("t1"));
    }
    for data in [json!({"InvoiceNum": 1}), json!({"Name": "张"}), json!({"Date": "2020-06-03"}), json!({"AmountInFiguers": "0"})] {
        assert!(read(200, &json!({"code": 200, "data": data})).is_ok(), "{data}");
    }
}

#[test]
fn a_refused_signature_tells_whether_it_expired_and_nothing_that_was_signed() {
    for (message, expected) in [
        ("Incorrect app authentication information: app signature Expired", "the signature was refused: expired"),
        ("Verify authorization failed, canonicalRequest:POST|/ocr/|secret", "the signature was refused"),
    ] {
        let failure = read(401, &json!({"error_code": "APIGW.0303", "error_msg": message})).err().unwrap();
        assert_eq!(failure.message, expected);
    }
}

#[test]
fn messages_keep_what_the_policy_looks_for() {
    let message = "The throttling threshold has been reached: policy user over ratelimit,limit:1000,time:1 day";
    let failure = read(429, &json!({"error_code": "APIG.0308", "error_msg": message})).err().unwrap();
    assert_eq!(failure.message, message);
}

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

fn client(config: &Config) -> Recognition {
    Recognition::new(config, http_client(CONNECT_TIMEOUT).unwrap()).unwrap()
}

fn inline(bytes: Vec<u8>) -> Request {
    Request { picture: Picture::Inline { bytes: bytes.into(), format: Format::Jpeg }, auto_rotate: false }
}

#[tokio::test]
async fn the_picture_arrives_signed() {
    for size in [100, 300_000] {
        let picture: Vec<u8> = (0..size).map(|index: u32| index.to_le_bytes()[index as usize % 3]).collect();
        let fake = Fake::answering("200 OK", "", SAMPLE).await;
        let (config, address) = (config(&fake), fake.address);
        let reply = client(&config).call(&inline(picture.clone())).await.ok().unwrap();
        assert_eq!(reply.answer.note_no.as_deref(), Some("0103152099"));

        let received = fake.received().await;
        assert_eq!(received.request_line(), "POST /ocr HTTP/1.1");
        let pairs: Vec<_> = form_urlencoded::parse(&received.body).collect();
        assert_eq!(pairs.len(), 1);
        assert_eq!(base64_simd::STANDARD.decode_to_vec(pairs[0].1.as_bytes()).unwrap(), picture);

        let date = received.header("x-sdk-date").unwrap();
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let url = Url::parse(&config.url).unwrap();
        let headers = [("content-type", received.header("content-type").unwrap())];
        let unsigned = Unsigned { method: "POST", url: &url, headers: &headers, payload: Payload::of(&received.body) };
        let expected = Signer::new(config.app_key, config.app_secret).sign(&unsigned, at.timestamp(), SignedDuration::ZERO)[1].1.clone();
        assert_eq!(received.header("authorization"), Some(expected.as_str()));
        assert_eq!(received.header("host"), Some(address.to_string().as_str()));
        assert_eq!(received.header("x-apig-appcode"), None);
    }
}

#[tokio::test]
async fn an_app_code_goes_in_its_header_and_an_address_in_the_form() {
    let fake = Fake::answering("200 OK", "", SAMPLE).await;
    let recognition = client(&Config { auth: Auth::AppCode, ..config(&fake) });
    let link = "https://bucket.example/a b.jpg?X-Amz-Signature=a%2Bb&c=d";
    let request = Request { picture: Picture::Url(link.to_owned()), auto_rotate: false };
    assert!(recognition.call(&request).await.is_ok());
    let received = fake.received().await;
    assert_eq!(received.header("x-apig-appcode"), Some("the-app-code"));
    assert_eq!(received.header("authorization"), None);
    assert_eq!(form_urlencoded::parse(&received.body).collect::<Vec<_>>(), [("url".into(), link.into())]);
}

#[tokio::test]
async fn an_unsigned_payload_says_so() {
    let fake = Fake::answering("200 OK", "", SAMPLE).await;
    let recognition = client(&Config { sign_payload: false, ..config(&fake) });
    assert!(recognition.call(&inline(vec![1, 2, 3])).await.is_ok());
    let received = fake.received().await;
    assert_eq!(received.header("x-sdk-content-sha256"), Some("UNSIGNED-PAYLOAD"));
}

#[tokio::test]
async fn an_expired_signature_sets_the_clock_right_and_any_other_refusal_does_not() {
    for (message, expected) in [("signature expired", true), ("wrong secret", false)] {
        let body = json!({"error_code": "APIG.0303", "error_msg": message}).to_string();
        let ahead = Timestamp::now() + SignedDuration::from_hours(2);
        let date = format!("date: {}\r\n", ahead.strftime("%a, %d %b %Y %H:%M:%S GMT"));
        let fake = Fake::answering("401 Unauthorized", &date, body.as_bytes()).await;
        let recognition = client(&config(&fake));
        assert_eq!(recognition.call(&inline(vec![1])).await.err().unwrap().code, "APIG.0303");
        let offset = recognition.clock_offset_seconds.load(Ordering::Relaxed);
        assert_eq!((7_100..=7_200).contains(&offset), expected, "{message}: {offset}");
    }
}

#[tokio::test]
async fn credentials_never_come_back_in_a_failure() {
    let body = json!({"code": 999, "msg": "the-app-key the-app-secret the-app-code"}).to_string();
    let fake = Fake::answering("200 OK", "", body.as_bytes()).await;
    let failure = client(&config(&fake)).call(&inline(vec![1])).await.err().unwrap();
    assert_eq!(failure.message, "… … …");
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let fake = Fake::start(Behaviour::Hang).await;
    let recognition = client(&Config { timeout: span("200ms"), ..config(&fake) });
    assert_eq!(recognition.call(&inline(vec![1])).await.err().unwrap().code, "timeout");
}

/// JSON that is close enough to the documented to reach every reader.
fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "InvoiceNum",
        "Date",
        "Sex",
        "AmountInFiguers",
        "AmountInWords",
        "CostCategories",
        "CostDetail",
        "RegionSupplement",
        "name",
        "word",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let name = prop_oneof![4 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => ".{0,10}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(status in 100_u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_answer(status, &body);
    }

    #[test]
    fn no_json_makes_the_reader_panic(status in 100_u16..600, body in any_json(), data in any_json()) {
        let _ = read(status, &body);
        if let Ok(reply) = read(status, &json!({"code": 200, "data": data})) {
            let text = serde_json::to_string(&reply.answer).unwrap();
            prop_assert!(serde_json::from_str::<Invoice>(&text).is_ok(), "a checkpoint must be readable");
        }
    }
}
