//! The jobs of the demo: every sample invoice, and what goes wrong around them.

use crate::broker::{Message, Properties};
use crate::dev::sandbox::{Sample, Sandbox, samples};
use serde_json::json;
use std::path::Path;

pub(super) const BUCKET: &str = "claims";

pub(super) struct Part {
    pub(super) job_id: String,
    /// Submitted once this job was answered; `None`: at once.
    pub(super) after: Option<String>,
    /// What the table calls it.
    pub(super) title: String,
    body: String,
}

impl Part {
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
pub(super) async fn gather(sandbox: &Sandbox, count: usize) -> anyhow::Result<Vec<Part>> {
    let mistakes = [
        part(
            "malformed",
            "not JSON",
            "{\"job_id\": \"malformed\", ".into(),
        ),
        job("missing", "an image that is not there", "nowhere.jpg"),
        job("not-an-image", "a text file", "notes.txt"),
        Part {
            after: Some("DEMO-01".into()),
            ..job(
                "again",
                "the first image once more",
                &key(&samples::all()[0], 0),
            )
        },
    ];
    sandbox.put(BUCKET, "notes.txt", "no image at all").await?;
    let mut parts = Vec::new();
    for sample in samples::all() {
        sandbox.put(BUCKET, &key(sample, 0), sample.bytes).await?;
        parts.push(job(&sample.name[..2], sample.file, &key(sample, 0)));
    }
    parts.extend(mistakes);
    let copyable: Vec<&Sample> = samples::all()
        .iter()
        .filter(|sample| {
            Path::new(sample.file)
                .extension()
                .is_some_and(|extension| extension == "jpg")
        })
        .collect();
    for number in parts.len()..count {
        let (sample, copy) = (copyable[number % copyable.len()], number + 1);
        sandbox
            .put(BUCKET, &key(sample, copy), another_file(sample, copy))
            .await?;
        parts.push(job(&copy.to_string(), sample.file, &key(sample, copy)));
    }
    parts.truncate(count);
    Ok(parts)
}

fn job(id: &str, title: &str, key: &str) -> Part {
    let job_id = format!("DEMO-{id}");
    let body = json!({
        "schema": "invoice.job/1",
        "job_id": job_id,
        "image": { "bucket": BUCKET, "key": key },
        "metadata": { "claim": format!("claim of {job_id}") },
    });
    Part {
        job_id,
        after: None,
        title: title.to_owned(),
        body: body.to_string(),
    }
}

fn part(id: &str, title: &str, body: String) -> Part {
    Part {
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
