//! What a job is answered, and what it cost.

use super::{codes, paid_calls};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::broker::{FAILURE, run_id};
use invoice_worker::dev::sandbox::samples;
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;

promises![
    every_sample_comes_back_as_it_was_drawn,
    a_reply_carries_the_properties_of_the_contract,
    a_malformed_job_is_answered_and_kept_with_its_reason,
    an_image_that_is_not_there_is_the_jobs_fault_and_costs_nothing,
    an_image_no_provider_takes_costs_nothing,
    a_recognition_that_fails_does_not_end_a_job_that_wants_verification,
    a_negative_verdict_carries_its_code,
    an_undecided_answer_is_undetermined_and_kept,
    without_verification_the_job_ends_after_recognition,
    a_result_without_a_living_reply_queue_goes_to_the_results_queue,
    one_misread_closes_no_bill_and_two_do,
    with_auto_rotate_from_the_first_call_one_misread_is_not_two,
];

async fn every_sample_comes_back_as_it_was_drawn(on: On) {
    let mut system = System::start(on).await;
    for sample in samples::all() {
        let key = system.sample(sample.name).await;
        let job = system.job(sample.name, &key);
        system.submit(&job).await;
    }
    let mut results = BTreeMap::new();
    for _ in samples::all() {
        let result = system.result().await;
        results.insert(result["job_id"].as_str().unwrap().to_owned(), result);
    }
    for sample in samples::all() {
        let result = &results[sample.name];
        let expected = expected(sample.name);
        assert_eq!(
            result["status"], expected["status"],
            "{}: {}",
            sample.name, result["error"]
        );
        assert_eq!(result["verdict"], expected["verdict"], "{}", sample.name);
        assert_eq!(result["flags"], expected["flags"], "{}", sample.name);
        assert_eq!(
            said(&result["recognition"]["invoice"]),
            expected["recognition"],
            "{}: recognition",
            sample.name
        );
        assert_eq!(
            said(&result["verification"]["invoice"]),
            expected["verification"]["invoice"],
            "{}: verification",
            sample.name
        );
        assert_eq!(
            said(&result["verification"]["registry"]),
            said(&expected["verification"]["registry"]),
            "{}: registry",
            sample.name
        );
        let failed: Vec<&str> = checks(result, "failed");
        assert_eq!(
            json!(failed),
            expected["failed_checks"],
            "{}: checks",
            sample.name
        );
        for field in ["format", "width", "height"] {
            assert_eq!(
                result["image"][field], expected[field],
                "{}: {field}",
                sample.name
            );
        }
        assert_eq!(result["metadata"], json!({ "claim": sample.name }));
    }
    assert_eq!(
        system.sandbox.calls().count(Stage::Recognition).billed,
        samples::all().len() as u64
    );
    assert_eq!(
        system.sandbox.calls().count(Stage::Verification).billed,
        samples::all().len() as u64
    );
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}

async fn a_reply_carries_the_properties_of_the_contract(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("job", &key);
    job.properties.headers.set_text(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    system.submit(&job).await;
    let reply = system.reply().await;
    let properties = &reply.properties;
    assert_eq!(properties.correlation_id, job.properties.correlation_id);
    assert_eq!(properties.message_id, Some(run_id(&job)));
    assert_eq!(properties.kind.as_deref(), Some("invoice.result"));
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        properties.headers.text("traceparent"),
        job.properties.headers.text("traceparent")
    );
    assert!(
        properties
            .timestamp
            .is_some_and(|seconds| seconds > 1_700_000_000)
    );
    let result: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(result["schema"], "invoice.result/1");
    assert_eq!(result["image"]["bucket"], BUCKET);
    assert_eq!(result["image"]["key"], key);
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification OK yes"]
    );
}

async fn a_malformed_job_is_answered_and_kept_with_its_reason(on: On) {
    let mut system = System::start(on).await;
    let bodies = [
        ("{\"job_id\": ", "job.malformed"),
        (r#"{"job_id":"j","image":{}}"#, "job.malformed"),
        (
            r#"{"schema":"invoice.job/9","job_id":"j","image":{"key":"a"}}"#,
            "job.unsupported_version",
        ),
        (
            r#"{"job_id":"j","image":{"url":"ftp://h/a"}}"#,
            "image.url_invalid",
        ),
    ];
    for (body, code) in bodies {
        let job = system.message("malformed", body);
        let result = system.ask(&job).await;
        assert_eq!(result["status"], "invalid_job", "{body}");
        assert_eq!(result["error"]["code"], code, "{body}");
        let kept = system.take(&system.config.broker.failed_queue).await;
        assert_eq!(kept.body, job.body);
        assert_eq!(kept.properties.reply_to, job.properties.reply_to);
        let reason: Value =
            serde_json::from_str(&kept.properties.headers.text(FAILURE).unwrap()).unwrap();
        assert_eq!(reason["error"]["code"], code, "{reason}");
    }
    let mut nameless = system.message("malformed", "not JSON");
    nameless.properties.reply_to = None;
    system.submit(&nameless).await;
    let result: Value =
        serde_json::from_slice(&system.take(&system.config.broker.results_queue).await.body)
            .unwrap();
    assert_eq!(result["error"]["code"], "job.malformed");
    assert_eq!(paid_calls(&system), 0);
}

async fn an_image_that_is_not_there_is_the_jobs_fault_and_costs_nothing(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.storage.buckets = vec!["no-such-bucket".into()];
    let mut system = setup.start().await;
    let cases = [
        (json!({ "key": "nowhere.jpg" }), "nowhere"),
        (
            json!({ "bucket": "no-such-bucket", "key": "a.jpg" }),
            "bucket",
        ),
        (
            json!({ "key": "nowhere.jpg", "version_id": "11111111-1111-1111-1111-111111111111" }),
            "version",
        ),
    ];
    for (image, name) in cases {
        let job = system.message(name, json!({ "job_id": name, "image": image }).to_string());
        let result = system.ask(&job).await;
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("invalid_job"), &json!("image.not_found")),
            "{result}"
        );
        assert_eq!(result["error"]["stage"], "image");
        assert_eq!(result["image"]["key"], image["key"]);
    }
    assert_eq!(paid_calls(&system), 0);
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 3);
}

async fn an_image_no_provider_takes_costs_nothing(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.storage.max_image_bytes = "64KiB".parse().unwrap();
    let mut system = setup.start().await;
    let gif = b"GIF89a\x10\x00\x10\x00\x00\x00\x00;".to_vec();
    let whole = samples::named("03-zhejiang-outpatient").unwrap().bytes;
    let cases = [
        (
            "text.jpg",
            b"no image at all".to_vec(),
            "image.unsupported_format",
        ),
        ("moving.gif", gif, "image.corrupt"),
        ("empty.jpg", Vec::new(), "image.corrupt"),
        ("cut.png", whole[..20].to_vec(), "image.corrupt"),
        ("large.jpg", vec![0xff; 65 * 1024], "image.too_large"),
        ("tiny.bmp", bmp(10, 300), "image.too_small"),
        ("long.bmp", bmp(4097, 130), "image.too_large"),
    ];
    for (key, bytes, code) in cases {
        system.sandbox.put(BUCKET, key, bytes).await.unwrap();
        let job = system.job(key, key);
        let result = system.ask(&job).await;
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!("invalid_job"), &json!(code)),
            "{key}: {result}"
        );
    }
    assert_eq!(paid_calls(&system), 0);
}

async fn a_recognition_that_fails_does_not_end_a_job_that_wants_verification(on: On) {
    let faults = "[[fault]]\nstage = \"recognition\"\nanswer = \"400\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("both", &key);
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["verdict"], &result["recognition"]),
        (&json!("genuine"), &Value::Null)
    );
    assert_eq!(
        (&result["error"]["stage"], &result["error"]["code"]),
        (&json!("recognition"), &json!("400"))
    );
    assert_eq!(result["verification"]["qr_code_found"], true);
    let alone = json!({ "job_id": "alone", "image": { "key": key }, "verify": false });
    let job = system.message("alone", alone.to_string());
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("undetermined"), &Value::Null)
    );
}

async fn a_negative_verdict_carries_its_code(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"315\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("completed"), &json!("not_usable"))
    );
    assert_eq!(
        (&result["error"]["stage"], &result["error"]["code"]),
        (&json!("verification"), &json!("315"))
    );
    assert_eq!(system.depth(&system.config.broker.failed_queue).await, 0);
}

async fn an_undecided_answer_is_undetermined_and_kept(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("undetermined"), &Value::Null)
    );
    assert_eq!(result["error"]["code"], "319");
    assert!(
        result["recognition"]["invoice"]["note_no"].is_string(),
        "what had been obtained is in the result"
    );
    let kept = system.take(&system.config.broker.failed_queue).await;
    let reason: Value =
        serde_json::from_str(&kept.properties.headers.text(FAILURE).unwrap()).unwrap();
    assert_eq!(
        (&reason["status"], &reason["error"]["code"]),
        (&json!("undetermined"), &json!("319"))
    );
}

async fn without_verification_the_job_ends_after_recognition(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.message(
        "job",
        json!({ "job_id": "job", "image": { "key": key }, "verify": false }).to_string(),
    );
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("completed"), &json!("recognized"))
    );
    assert_eq!(result["verification"], Value::Null);
    assert_eq!(system.sandbox.calls().count(Stage::Verification).calls, 0);
}

async fn a_result_without_a_living_reply_queue_goes_to_the_results_queue(on: On) {
    let system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut job = system.job("gone", &key);
    job.properties.reply_to = Some(format!("{}.gone", system.reply_to));
    system.submit(&job).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(kept.properties.message_id, Some(run_id(&job)));
    assert_eq!(
        kept.properties.correlation_id,
        job.properties.correlation_id
    );
    job.properties.reply_to = None;
    system.submit(&job).await;
    let kept = system.take(&system.config.broker.results_queue).await;
    assert_eq!(kept.properties.message_id, Some(run_id(&job)));
}

async fn one_misread_closes_no_bill_and_two_do(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"307\"\nauto_rotate = false\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("once", &key);
    let result = system.ask(&job).await;
    assert_eq!(result["verdict"], "genuine");
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification 307 yes",
            "verification OK yes"
        ]
    );

    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"307\"\n";
    let mut system = Setup::new(on).await.faults(faults).start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("twice", &key);
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["verdict"], &result["error"]["code"]),
        (&json!("mismatch"), &json!("307"))
    );
    assert_eq!(
        codes(&result),
        [
            "recognition 200 yes",
            "verification 307 yes",
            "verification 307 yes"
        ]
    );
}

async fn with_auto_rotate_from_the_first_call_one_misread_is_not_two(on: On) {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"307\"\n";
    let mut setup = Setup::new(on).await.faults(faults);
    setup.config.verification.auto_rotate = true;
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let job = system.job("job", &key);
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["status"], &result["verdict"]),
        (&json!("undetermined"), &Value::Null)
    );
    assert_eq!(
        codes(&result),
        ["recognition 200 yes", "verification 307 yes"]
    );
}

fn checks<'a>(result: &'a Value, outcome: &str) -> Vec<&'a str> {
    let all = result["checks"].as_array().unwrap();
    all.iter()
        .filter(|check| check["outcome"] == outcome)
        .map(|check| check["id"].as_str().unwrap())
        .collect()
}

/// What the sample's folder says must come back.
fn expected(name: &str) -> Value {
    let path = format!(
        "{}/tests/data/invoices/{name}.expected.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The fields that say something: the samples list no others.
fn said(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let empty = |value: &Value| {
                value.is_null()
                    || value.as_array().is_some_and(Vec::is_empty)
                    || value.as_object().is_some_and(serde_json::Map::is_empty)
            };
            fields
                .iter()
                .map(|(name, value)| (name.clone(), said(value)))
                .filter(|(_, value)| !empty(value))
                .collect()
        }
        Value::Array(items) => items.iter().map(said).collect(),
        other => other.clone(),
    }
}

/// A black picture of this size.
pub(super) fn bmp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend([0; 8]);
    bytes.extend(54_u32.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    let row = (width * 3).next_multiple_of(4);
    bytes.resize(bytes.len() + (row * height) as usize, 0);
    bytes
}
