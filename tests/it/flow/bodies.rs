//! Bodies as strangers send them: large, deep, packed, marked, with fields left empty, and with
//! deadlines beyond all time.

use super::paid_calls;
use crate::harness::system::{On, Setup, System};
use flate2::Compression;
use flate2::write::GzEncoder;
use invoice_worker::broker::{KEPT_BYTES, Message, TRUNCATED};
use invoice_worker::settings::units::Size;
use serde_json::{Value, json};
use std::io::Write;

promises![
    a_body_that_is_too_large_is_answered_and_its_copy_keeps_the_beginning,
    a_body_that_is_nested_too_deep_is_answered_without_what_it_said,
    json_that_a_strict_reader_could_not_read_is_not_echoed,
    a_packed_job_is_a_job_and_stays_packed_in_its_copies,
    an_encoding_that_is_not_read_is_named,
    a_job_in_unusual_encodings_is_still_read,
];

const PARKED_ONCE: &str = "[[fault]]\nstage = \"verification\"\nanswer = \"321\"\ncalls = [1]\n[[fault]]\nstage = \"verification\"\nanswer = \"319\"\n";
const FOR_A_MOMENT: &str = r#"
    [[rule]]
    stage = "verification"
    code = ["321"]
    do = [{ action = "park", delays = ["100ms"], attempts = 2 }, { action = "fail" }]
    billed = "yes"
    reason = "shortened"
"#;

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn malformed(result: Value, says: &str) -> Value {
    assert_eq!(
        (&result["status"], &result["error"]["code"]),
        (&json!("invalid_job"), &json!("job.malformed")),
        "{result}"
    );
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains(says), "{says}: {message}");
    result
}

async fn a_body_that_is_too_large_is_answered_and_its_copy_keeps_the_beginning(on: On) {
    let mut setup = Setup::new(on).await;
    setup.config.worker.max_job_bytes = Size(512 << 10);
    let mut system = setup.start().await;
    let key = system.sample("01-beijing-outpatient").await;
    let of = |bytes: usize| {
        let job = json!({ "job_id": "job", "image": { "key": key }, "verify": false }).to_string();
        format!("{job}{}", " ".repeat(bytes - job.len()))
    };
    let failed = system.config.broker.failed_queue.clone();
    for (bytes, kept, truncated) in [
        (600 << 10, KEPT_BYTES, true),
        (6 << 20, KEPT_BYTES, true),
        ((512 << 10) + 1, KEPT_BYTES, true),
    ] {
        let result = malformed(
            system
                .ask(&system.message(&bytes.to_string(), of(bytes)))
                .await,
            "worker.max_job_bytes",
        );
        assert_eq!(
            result["job_id"],
            format!("message of {bytes}"),
            "it is answered under the name that the message has"
        );
        let copy = system.take(&failed).await;
        assert_eq!(
            (copy.body.len(), copy.properties.headers.contains(TRUNCATED)),
            (kept, truncated)
        );
        assert_eq!(copy.body[..], of(bytes).as_bytes()[..kept]);
    }
    let packed = {
        let mut message = system.message("bomb", gzip(&vec![b' '; 64 << 20]));
        message.properties.content_encoding = Some("gzip".into());
        message
    };
    malformed(system.ask(&packed).await, "once unpacked");
    assert_eq!(
        system.take(&failed).await.body,
        packed.body,
        "as it was sent, it is small"
    );
    assert_eq!(
        system.ask(&system.message("fits", of(512 << 10))).await["verdict"],
        "recognized"
    );
    assert_eq!(paid_calls(&system), 1);
}

async fn a_body_that_is_nested_too_deep_is_answered_without_what_it_said(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let nested = |levels: usize| {
        let metadata = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(
            r#"{{"job_id":"deep","image":{{"key":"{key}"}},"verify":false,"metadata":{{"a":{metadata}}}}}"#
        )
    };
    for levels in [63, 120_000] {
        let result = malformed(
            system.ask(&system.message("deep", nested(levels))).await,
            "64 levels",
        );
        assert_eq!(result["metadata"], Value::Null);
    }
    let result = system.ask(&system.message("deep", nested(62))).await;
    assert_eq!(
        (&result["job_id"], &result["verdict"]),
        (&json!("deep"), &json!("recognized"))
    );
    assert!(result["metadata"]["a"].is_array());
}

async fn json_that_a_strict_reader_could_not_read_is_not_echoed(on: On) {
    let mut system = System::start(on).await;
    for metadata in [r#"{"n":1e999999}"#, r#"{"a":["\ud800"]}"#] {
        let body = format!(r#"{{"job_id":"job","image":{{"key":"a"}},"metadata":{metadata}}}"#);
        let result = malformed(system.ask(&system.message("job", body)).await, "metadata");
        assert_eq!(
            (&result["job_id"], &result["metadata"]),
            (&json!("job"), &Value::Null)
        );
    }
    let twice = r#"{"job_id":"job","job_id":"another","image":{"key":"a"}}"#;
    malformed(
        system.ask(&system.message("job", twice)).await,
        "names a field twice",
    );
    let zero = r#"{"job_id":"a\u0000b","image":{"key":"a\u0000"}}"#;
    assert_eq!(
        malformed(
            system.ask(&system.message("job", zero)).await,
            "control character"
        )["job_id"],
        "a\u{0}b"
    );
}

async fn a_packed_job_is_a_job_and_stays_packed_in_its_copies(on: On) {
    let mut system = Setup::new(on)
        .await
        .faults(PARKED_ONCE)
        .rules(FOR_A_MOMENT)
        .start()
        .await;
    let key = system.sample("01-beijing-outpatient").await;
    let mut other = system.job("in other encodings", &key);
    other.body = gzip(&zstd(&other.body)).into();
    other.properties.content_encoding = Some("zstd, gzip".into());
    let result = system.ask(&other).await;
    assert_eq!(result["job_id"], "in other encodings", "{result}");
    system
        .take(&system.config.broker.failed_queue.clone())
        .await;

    let mut job = system.job("packed", &key);
    job.body = gzip(&job.body).into();
    job.properties.content_encoding = Some("gzip".into());
    let result = system.ask(&job).await;
    assert_eq!(
        (&result["job_id"], &result["error"]["code"]),
        (&json!("packed"), &json!("319")),
        "{result}"
    );
    assert_eq!(result["metadata"]["claim"], "packed");
    let copy = system.take(&system.config.broker.failed_queue).await;
    assert_eq!(
        (&copy.body, copy.properties.content_encoding.as_deref()),
        (&job.body, Some("gzip"))
    );
}

async fn an_encoding_that_is_not_read_is_named(on: On) {
    let mut system = System::start(on).await;
    let job = system.job("job", "a.jpg");
    for encoding in ["compress", "gbk"] {
        let mut packed = job.clone();
        packed.properties.content_encoding = Some(encoding.into());
        malformed(
            system.ask(&packed).await,
            &format!("content_encoding is \"{encoding}\""),
        );
    }
    let utf16: Vec<u8> = String::from_utf8(job.body.to_vec())
        .unwrap()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    malformed(
        system
            .ask(&Message {
                body: utf16.into(),
                ..job.clone()
            })
            .await,
        "UTF-16",
    );
    malformed(
        system
            .ask(&Message {
                body: gzip(&job.body).into(),
                ..job
            })
            .await,
        "looks like gzip",
    );
    assert_eq!(paid_calls(&system), 0);
}

async fn a_job_in_unusual_encodings_is_still_read(on: On) {
    let mut system = System::start(on).await;
    let key = system.sample("01-beijing-outpatient").await;
    let whole = json!({ "job_id": "job", "image": { "key": key }, "verify": false });
    let with = |field: &str, value: &str| {
        let mut job = whole.clone();
        job[field] = value.into();
        job.to_string()
    };
    let mut jobs: Vec<Message> = [
        format!("\u{feff}{whole}"),
        with("deadline", "9999-12-31"),
        with("deadline", "9999-12-31T23:59:59Z"),
        with("deadline", "9999-12-31T23:59:59-12:00"),
        with("deadline", "10000-01-01T00:00:00Z"),
        with("deadline", ""),
        with("metadata", ""),
        with("schema", ""),
        with("progress", ""),
        json!({ "job_id": "job", "image": { "key": key, "bucket": "", "version_id": "", "url": "" }, "verify": false }).to_string(),
    ]
    .into_iter()
    .map(|body| system.message("job", body))
    .collect();
    for encoding in ["", "identity", "utf-8", "UTF-8"] {
        let mut job = system.message("job", whole.to_string());
        job.properties.content_encoding = Some(encoding.into());
        jobs.push(job);
    }
    let mut nameless = system.message("nameless", with("job_id", ""));
    nameless.properties.message_id = Some("job".into());
    jobs.push(nameless);
    for job in &jobs {
        let result = system.ask(job).await;
        assert_eq!(
            (&result["job_id"], &result["verdict"]),
            (&json!("job"), &json!("recognized")),
            "{:?}: {result}",
            job.body
        );
    }
    assert_eq!(paid_calls(&system), 1);
}
