//! Bodies as strangers write them.

use super::super::harness::raw_publisher::{GBK, RawProperties};
use super::{bytes, one_of};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

const DEEP: usize = 120_000;
/// Above `worker.max_job_bytes`.
const TOO_LARGE: usize = 3 << 20;

/// The body and the properties that go with it.
pub(super) fn odd(
    properties: RawProperties,
    sound: &Value,
    random: &mut StdRng,
) -> (RawProperties, Vec<u8>) {
    let text = sound.to_string();
    let encoded = |encoding: &str| {
        properties
            .clone()
            .text("content_encoding", encoding.as_bytes())
    };
    match random.random_range(0..13) {
        0 => (properties, bytes(random, 500)),
        1 => (
            properties,
            text.as_bytes()[..random.random_range(0..text.len())].to_vec(),
        ),
        2 => (properties, nested(sound, random)),
        3 => (
            properties,
            with(sound, "metadata", json!("x".repeat(TOO_LARGE))),
        ),
        4 => (properties, [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        5 => (
            properties,
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        6 => (encoded("gzip"), text.into()),
        7 => (
            encoded(one_of(random, &["br", "deflate", "x-unknown", "utf-8", ""])),
            text.into(),
        ),
        8 => (
            properties,
            with(sound, "metadata", json!({ "name": "NAME" }))
                .split(|byte| *byte == b'N')
                .collect::<Vec<_>>()
                .join(GBK),
        ),
        9 => (
            properties,
            text.replace("STRANGER", "STR\u{0}ANGER\u{202e}").into(),
        ),
        10 => (properties, numbers(&text, random)),
        11 => {
            let field = one_of(
                random,
                &[
                    "image",
                    "verify",
                    "deadline",
                    "metadata",
                    "schema",
                    "progress",
                    "expect",
                    "submitter",
                ],
            );
            (properties, with(sound, field, odd_value(random)))
        }
        _ => (properties, with(sound, "image", odd_image(random))),
    }
}

fn with(sound: &Value, field: &str, value: Value) -> Vec<u8> {
    let mut job = sound.clone();
    job[field] = value;
    job.to_string().into()
}

/// Within the limit of size, far beyond the limit of depth.
fn nested(sound: &Value, random: &mut StdRng) -> Vec<u8> {
    let (open, close) = one_of(random, &[("[", "]"), ("{\"a\":", "}")]);
    let levels = DEEP.min(900_000 / (open.len() + close.len()));
    let metadata = format!("{}1{}", open.repeat(levels), close.repeat(levels));
    let text = String::from_utf8(with(sound, "metadata", json!("HERE"))).unwrap();
    text.replace("\"HERE\"", &metadata).into()
}

/// Numbers that no float and no integer holds.
fn numbers(text: &str, random: &mut StdRng) -> Vec<u8> {
    let number = one_of(
        random,
        &[
            "1e999999",
            "-1e-999999",
            "NaN",
            "Infinity",
            "1234567890123456789012345678901234567890",
            "0x10",
            "01",
        ],
    );
    text.replacen('{', &format!("{{\"metadata\": {{\"n\": {number}}}, "), 1)
        .into()
}

fn odd_value(random: &mut StdRng) -> Value {
    let deadlines = [
        "9999-12-31",
        "9999-12-31T23:59:59Z",
        "-0001-01-01T00:00:00Z",
        "yesterday",
    ]
    .map(|text| json!(text));
    match random.random_range(0..3) {
        0 => one_of(random, &deadlines),
        1 => one_of(
            random,
            &[
                json!(""),
                json!(null),
                json!(0),
                json!(-1),
                json!(true),
                json!([]),
                json!({}),
            ],
        ),
        _ => json!("长".repeat(random.random_range(1..5_000))),
    }
}

fn odd_image(random: &mut StdRng) -> Value {
    one_of(
        random,
        &[
            json!({ "key": "k".repeat(5_000) }),
            json!({ "key": "" }),
            json!({ "key": "images/../../etc/passwd" }),
            json!({ "key": "a", "bucket": "somebody-elses" }),
            json!({ "key": "a", "bucket": "..", "version_id": "\u{7}" }),
            json!({ "url": "file:///etc/passwd" }),
            json!({ "url": format!("https://example.invalid/{}", "x".repeat(2_000)) }),
            json!({ "url": "http://[::1" }),
            json!({ "url": "http://127.0.0.1:1/%zz", "key": "both" }),
        ],
    )
}
