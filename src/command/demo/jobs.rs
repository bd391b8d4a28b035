//! The jobs of the demo: every sample invoice, and what goes wrong around them.

use crate::broker::{Message, Properties};
use crate::dev::sandbox::{Sample, Sandbox, samples};
use serde_json::json;
use std::path::Path;

pub(super) const BUCKET: &str = "claims";

pub(super) struct DemoJob {
    pub(super) job_id: String,
    /// The job whose answer it waits for; `None` where it is submitted at once.
    pub(super) after: Option<String>,
    /// Its name in the table.
    pub(super) title: String,
    pub(super) body: String,
}

impl DemoJob {
    pub(super) fn message(&self, reply_to: &str, timestamp: u64) -> Message {
        let properties = Properties {
            content_type: Some("application/json".into()),
            reply_to: Some(reply_to.to_owned()),
            correlation_id: Some(self.job_id.clone()),
            message_id: Some(self.job_id.clone()),
            timestamp: Some(timestamp),
            ..Properties::default()
        };
        Message {
            body: self.body.clone().into(),
            properties,
        }
    }
}

/// The first `count` jobs: samples first, then the mistakes, then further copies of the samples.
pub(super) async fn gather(sandbox: &Sandbox, count: usize) -> anyhow::Result<Vec<DemoJob>> {
    let mistakes = [
        with_body(
            "malformed",
            "not JSON",
            "{\"job_id\": \"malformed\", ".into(),
        ),
        job("missing", "an image that is not there", "nowhere.jpg"),
        job("not-an-image", "a text file", "notes.txt"),
        DemoJob {
            after: Some("DEMO-01".into()),
            ..job(
                "again",
                "the first image once more",
                &key(&samples::all()[0], 0),
            )
        },
    ];
    sandbox.put(BUCKET, "notes.txt", "no image at all").await?;
    let mut jobs = Vec::new();
    for sample in samples::all() {
        sandbox.put(BUCKET, &key(sample, 0), sample.bytes).await?;
        jobs.push(job(&sample.name[..2], sample.file, &key(sample, 0)));
    }
    jobs.extend(mistakes);
    let copyable: Vec<&Sample> = samples::all()
        .iter()
        .filter(|sample| {
            Path::new(sample.file)
                .extension()
                .is_some_and(|extension| extension == "jpg")
        })
        .collect();
    for number in jobs.len()..count {
        let (sample, copy) = (copyable[number % copyable.len()], number + 1);
        sandbox
            .put(BUCKET, &key(sample, copy), another_file(sample, copy))
            .await?;
        jobs.push(job(&copy.to_string(), sample.file, &key(sample, copy)));
    }
    jobs.truncate(count);
    Ok(jobs)
}

fn job(id: &str, title: &str, key: &str) -> DemoJob {
    let body = json!({
        "schema": "invoice.job/1",
        "job_id": format!("DEMO-{id}"),
        "image": { "bucket": BUCKET, "key": key },
        "metadata": { "claim": format!("claim of DEMO-{id}") },
    });
    with_body(id, title, body.to_string())
}

fn with_body(id: &str, title: &str, body: String) -> DemoJob {
    DemoJob {
        job_id: format!("DEMO-{id}"),
        after: None,
        title: title.to_owned(),
        body,
    }
}

fn key(sample: &Sample, copy: usize) -> String {
    format!("samples/{copy}/{}", sample.file)
}

/// The same picture in a file of its own: bytes behind a JPEG's end change its SHA-256 and nothing
/// else, so it is paid for anew.
fn another_file(sample: &Sample, copy: usize) -> Vec<u8> {
    [sample.bytes, &copy.to_be_bytes()].concat()
}
