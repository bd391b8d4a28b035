//! A job's body, from whoever may publish to the queue.

use super::PERSONAL;
use invoice_worker::domain::failure::{MAX_MESSAGE_BYTES, Stage};
use invoice_worker::domain::job::{ImageRef, Job, JobEnvelope, JobId, Rejected};
use serde_json::value::RawValue;
use serde_json::{Value, json};

const MAX_BODY_BYTES: usize = 1 << 20;

/// Bodies that break off within a value that must not be repeated.
const BEGINNINGS: [&str; 6] = [
    r#"{"job_id":""#,
    r#"{"job_id":"1","schema":""#,
    r#"{"job_id":"1","image":{"key":""#,
    r#"{"job_id":"1","image":{"url":"https://"#,
    r#"{"job_id":"1","image":{"key":"a"},"deadline":""#,
    r#"{"job_id":"1","image":{"key":"a"},"metadata":{"patient":""#,
];

/// A job is within its bounds and says the same when it is written again; a rejected one is
/// answerable and tells nothing of its content.
pub fn job(data: &[u8]) {
    for message_id in [None, Some("message-7")] {
        for max_bytes in [MAX_BODY_BYTES, 100] {
            match Job::read(
                &JobEnvelope {
                    body: data,
                    content_encoding: None,
                    message_id,
                },
                max_bytes,
            ) {
                Ok(job) => {
                    assert!(data.len() <= max_bytes);
                    accepted(&job, data);
                    written_again(&job);
                }
                Err(told) => rejected(&told, data),
            }
        }
        // What it unpacks to is not at hand here: nothing may panic, and nothing is echoed that is
        // larger than the bound.
        if let Ok(job) = Job::read(
            &JobEnvelope {
                body: data,
                content_encoding: Some("gzip"),
                message_id,
            },
            MAX_BODY_BYTES,
        ) {
            assert!(
                job.metadata
                    .is_none_or(|metadata| metadata.get().len() <= MAX_BODY_BYTES)
            );
        }
    }
    for beginning in BEGINNINGS {
        let body = [beginning.as_bytes(), PERSONAL.as_bytes(), data].concat();
        if let Err(told) = Job::parse(&body, None) {
            assert!(
                !told.failure.to_string().contains(PERSONAL),
                "behind {beginning}: {}",
                told.failure
            );
        }
    }
}

fn accepted(job: &Job, body: &[u8]) {
    id_is_sound(&job.id);
    echoed(job.metadata.as_deref(), body);
    match &job.image {
        ImageRef::Object {
            bucket,
            key,
            version_id,
        } => {
            for (name, max) in [
                (bucket.as_ref(), 255),
                (Some(key), 1024),
                (version_id.as_ref(), 1024),
            ] {
                let sound = |name: &String| {
                    (1..=max).contains(&name.len()) && !name.contains(char::is_control)
                };
                assert!(name.is_none_or(sound), "{name:?}");
            }
        }
        ImageRef::Url(url) => {
            assert!(
                matches!(url.scheme(), "http" | "https")
                    && url.host_str().is_some_and(|host| !host.is_empty()),
                "{url}"
            );
            assert!(
                url.as_str().len() <= 1024 && url.as_str().is_ascii(),
                "{url}"
            );
        }
    }
}

fn written_again(job: &Job) {
    let image = match &job.image {
        ImageRef::Object {
            bucket,
            key,
            version_id,
        } => json!({"bucket": bucket, "key": key, "version_id": version_id}),
        ImageRef::Url(url) => json!({"url": url.as_str()}),
    };
    let fields = [
        ("job_id", Value::from(job.id.as_str())),
        ("image", image),
        ("verify", job.verify.into()),
        ("deadline", job.deadline.map(|time| time.to_string()).into()),
        ("progress", job.progress.into()),
    ];
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name:?}:{value}"))
        .collect();
    let metadata = job.metadata.as_deref().map_or("null", RawValue::get);
    let body = format!("{{{},\"metadata\":{metadata}}}", fields.join(","));
    if body.len() > MAX_BODY_BYTES {
        return;
    }
    let Ok(again) = Job::parse(body.as_bytes(), None) else {
        panic!("not read again: {body}")
    };
    assert!(again.id == job.id && again.image == job.image, "{body}");
    assert!(
        (again.verify, again.progress, again.deadline) == (job.verify, job.progress, job.deadline),
        "{body}"
    );
    assert_eq!(
        again.metadata.as_deref().map(RawValue::get),
        job.metadata.as_deref().map(RawValue::get)
    );
}

fn rejected(told: &Rejected, body: &[u8]) {
    let failure = &told.failure;
    let stage = match failure.code.as_str() {
        "job.malformed" | "job.unsupported_version" => Stage::Job,
        "image.url_invalid" => Stage::Image,
        other => panic!("{other}"),
    };
    assert_eq!(failure.stage, stage);
    assert!(
        (1..=MAX_MESSAGE_BYTES).contains(&failure.message.len()) && failure.message.is_ascii(),
        "{failure}"
    );
    told.job_id.iter().for_each(id_is_sound);
    echoed(told.metadata.as_deref(), body);
}

fn id_is_sound(id: &JobId) {
    assert!((1..=200).contains(&id.as_str().len()), "{id}");
}

/// Metadata is an object, and to the byte what was sent.
fn echoed(metadata: Option<&RawValue>, body: &[u8]) {
    let Some(metadata) = metadata.map(|metadata| metadata.get().as_bytes()) else {
        return;
    };
    assert!(
        metadata.starts_with(b"{") && body.windows(metadata.len()).any(|part| part == metadata)
    );
}
