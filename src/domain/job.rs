//! A job as it is submitted, parsed once: inner code never checks again.

mod address;
mod body;
mod deadline;
mod expect;
mod readable;
mod wire_field;

pub use address::MAX_URL_BYTES;
pub use expect::Expectations;

use super::failure::{Failure, Stage};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt;
use url::Url;
use wire_field::{bool_field, given, not_an_object, optional, text_field};

pub const SCHEMA: &str = "invoice.job/1";
/// No `worker.max_job_bytes` may be larger. RabbitMQ 4 takes no larger message by default.
pub const LARGEST_BODY_BYTES: usize = 16 << 20;
const MAX_JOB_ID_BYTES: usize = 200;
/// S3's own bounds.
const MAX_BUCKET_BYTES: usize = 255;
const MAX_KEY_BYTES: usize = 1024;
const MAX_VERSION_BYTES: usize = 1024;
const MAX_PAGE: u32 = 1_000;
/// The bound on a submitter's name.
pub const MAX_SUBMITTER_BYTES: usize = 64;

pub struct Job {
    pub id: JobId,
    pub image: ImageRef,
    /// The page of it that has the bill, from 1: of a format that has pages. `None`: the first, or of
    /// a PDF the first with the QR code of a bill.
    pub page: Option<u32>,
    /// Whether the bill is verified after its recognition.
    pub verify: bool,
    /// No further attempt is started after it.
    pub deadline: Option<Timestamp>,
    /// Send a progress message to the reply queue whenever the job is parked.
    pub progress: bool,
    /// The name of the party that it is for, in the ledger and in budgets.
    pub submitter: Option<String>,
    /// Used by the checks alone.
    pub expect: Option<Expectations>,
    /// Echoed untouched.
    pub metadata: Option<Box<RawValue>>,
}

/// 1 to 200 bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobId(String);

impl JobId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageRef {
    Object {
        /// `None`: `storage.bucket`.
        bucket: Option<String>,
        key: String,
        version_id: Option<String>,
    },
    /// A URL that the providers fetch, and the worker never does.
    Url(Url),
}

/// The reason why a body is no job, with the fields that could be read, so that the submitter can
/// be answered.
pub struct Rejected {
    pub job_id: Option<JobId>,
    pub metadata: Option<Box<RawValue>>,
    pub failure: Failure,
}

/// The parts of a message from which a job is read.
#[derive(Clone, Copy, Debug)]
pub struct JobEnvelope<'a> {
    pub body: &'a [u8],
    pub content_encoding: Option<&'a str>,
    /// The AMQP property, used where the body names no `job_id`.
    pub message_id: Option<&'a str>,
}

/// Fields are taken raw, one by one, so that an error names its field and never echoes a value.
#[derive(Deserialize)]
struct WireJob<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    #[serde(borrow)]
    job_id: Option<&'a RawValue>,
    #[serde(borrow)]
    image: Option<&'a RawValue>,
    #[serde(borrow)]
    verify: Option<&'a RawValue>,
    #[serde(borrow)]
    deadline: Option<&'a RawValue>,
    #[serde(borrow)]
    progress: Option<&'a RawValue>,
    #[serde(borrow)]
    submitter: Option<&'a RawValue>,
    #[serde(borrow)]
    expect: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireImage<'a> {
    #[serde(borrow)]
    bucket: Option<&'a RawValue>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    version_id: Option<&'a RawValue>,
    #[serde(borrow)]
    page: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
}

impl Job {
    /// The submitter that the job names, or else its bucket.
    pub fn named_submitter(&self) -> Option<&str> {
        let bucket = match &self.image {
            ImageRef::Object { bucket, .. } => bucket.as_deref(),
            ImageRef::Url(_) => None,
        };
        self.submitter.as_deref().or(bucket)
    }

    /// Reads a job as a message brings it: at most `max_bytes`, as they are and once they are
    /// unpacked.
    ///
    /// # Errors
    /// [`Rejected`] with `job.malformed`, or as [`Job::parse`].
    pub fn read(envelope: &JobEnvelope<'_>, max_bytes: usize) -> Result<Self, Box<Rejected>> {
        let body = body::unpacked(envelope.body, envelope.content_encoding, max_bytes)
            .map_err(|problem| unreadable(envelope.message_id, &problem))?;
        Self::parse(&body, envelope.message_id)
    }

    /// Reads JSON text; `message_id` is the AMQP property, used where the body names no `job_id`.
    ///
    /// # Errors
    /// [`Rejected`] with `job.malformed`, `job.unsupported_version` or `image.url_invalid`, naming
    /// the field.
    pub fn parse(body: &[u8], message_id: Option<&str>) -> Result<Self, Box<Rejected>> {
        let text = body::text(body).map_err(|problem| unreadable(message_id, &problem))?;
        let wire: WireJob = serde_json::from_str(text)
            .map_err(|error| unreadable(message_id, &not_an_object("the body", &error)))?;

        // Both are needed to answer even a rejected job.
        let job_id = match given(wire.job_id) {
            Some(raw) => text_field("job_id", raw)
                .and_then(|id| read_job_id("job_id", &id))
                .map(Some),
            None => message_id
                .filter(|id| !id.is_empty())
                .map(|id| read_job_id("message_id", id))
                .transpose(),
        };
        let metadata = read_metadata(wire.metadata);
        let rejected = |code: &str, problem: &str| {
            Box::new(Rejected {
                job_id: job_id.as_ref().ok().cloned().flatten(),
                metadata: metadata.as_ref().ok().cloned().flatten(),
                failure: Failure::new(Stage::Job, code, problem),
            })
        };
        let malformed = |problem: String| rejected("job.malformed", &problem);

        if let Some(schema) = optional("schema", wire.schema, text_field).map_err(malformed)?
            && schema != SCHEMA
        {
            return Err(rejected(
                "job.unsupported_version",
                &format!("schema is not {SCHEMA}, the version this worker reads"),
            ));
        }
        let image = given(wire.image).ok_or_else(|| malformed("image is missing".into()))?;
        let (image, page) = read_image(image).map_err(|problem| match problem {
            ImageProblem::Malformed(problem) => malformed(problem),
            ImageProblem::Url(problem) => Box::new(Rejected {
                failure: Failure::new(Stage::Image, "image.url_invalid", problem),
                ..*rejected("image.url_invalid", "")
            }),
        })?;
        let verify = optional("verify", wire.verify, bool_field)
            .map_err(malformed)?
            .unwrap_or(true);
        let progress = optional("progress", wire.progress, bool_field)
            .map_err(malformed)?
            .unwrap_or(false);
        let deadline = optional("deadline", wire.deadline, time_field).map_err(malformed)?;
        let submitter =
            optional("submitter", wire.submitter, submitter_field).map_err(malformed)?;
        let expect =
            optional("expect", wire.expect, |_, raw| expect::read(raw)).map_err(malformed)?;
        if let Err(problem) = &metadata {
            return Err(malformed(problem.clone()));
        }
        match job_id.clone() {
            Ok(Some(id)) => Ok(Self {
                id,
                image,
                page,
                verify,
                deadline,
                progress,
                submitter,
                expect,
                metadata: metadata.unwrap_or_default(),
            }),
            Ok(None) => Err(malformed(
                "job_id is missing, and the message has no message_id to take in its place".into(),
            )),
            Err(problem) => Err(malformed(problem)),
        }
    }
}

/// Nothing of the body could be read, so nothing of it is echoed.
fn unreadable(message_id: Option<&str>, problem: &str) -> Box<Rejected> {
    let job_id = message_id.and_then(|id| read_job_id("message_id", id).ok());
    Box::new(Rejected {
        job_id,
        metadata: None,
        failure: Failure::new(Stage::Job, "job.malformed", problem),
    })
}

fn submitter_field(name: &str, raw: &RawValue) -> Result<String, String> {
    let submitter = text_field(name, raw)?;
    if submitter.len() > MAX_SUBMITTER_BYTES {
        let length = submitter.len();
        return Err(format!(
            "{name} has {length} bytes; at most {MAX_SUBMITTER_BYTES} are allowed"
        ));
    }
    if submitter.contains(char::is_control) {
        return Err(format!("{name} contains a control character"));
    }
    Ok(submitter)
}

enum ImageProblem {
    Malformed(String),
    Url(&'static str),
}

/// The image, and its page where one is named.
fn read_image(raw: &RawValue) -> Result<(ImageRef, Option<u32>), ImageProblem> {
    use ImageProblem::Malformed;
    let wire: WireImage = serde_json::from_str(raw.get())
        .map_err(|error| Malformed(not_an_object("image", &error)))?;
    let field = |name: &str, raw: Option<&RawValue>, max: usize| {
        let text = optional(name, raw, text_field)?;
        match text {
            Some(text) if text.len() > max => Err(format!(
                "{name} has {} bytes; at most {max} are allowed",
                text.len()
            )),
            Some(text) if text.contains(char::is_control) => {
                Err(format!("{name} contains a control character"))
            }
            other => Ok(other),
        }
    };
    let bucket = field("image.bucket", wire.bucket, MAX_BUCKET_BYTES).map_err(Malformed)?;
    let key = field("image.key", wire.key, MAX_KEY_BYTES).map_err(Malformed)?;
    let version_id =
        field("image.version_id", wire.version_id, MAX_VERSION_BYTES).map_err(Malformed)?;
    let url = optional("image.url", wire.url, text_field).map_err(Malformed)?;
    let page = optional("image.page", wire.page, page_field).map_err(Malformed)?;
    let image = match (key, url) {
        (Some(key), None) => Ok(ImageRef::Object {
            bucket,
            key,
            version_id,
        }),
        (None, Some(_)) if bucket.is_some() || version_id.is_some() || page.is_some() => {
            let problem = "image.url stands alone; bucket, version_id and page belong to image.key";
            Err(Malformed(problem.into()))
        }
        (None, Some(url)) => address::read(&url)
            .map(ImageRef::Url)
            .map_err(ImageProblem::Url),
        (Some(_), Some(_)) => Err(Malformed("image has both key and url; give one".into())),
        (None, None) => Err(Malformed("image has neither key nor url; give one".into())),
    };
    image.map(|image| (image, page))
}

fn read_job_id(name: &str, text: &str) -> Result<JobId, String> {
    match text.len() {
        0 => Err(format!("{name} is empty")),
        1..=MAX_JOB_ID_BYTES => Ok(JobId(text.to_owned())),
        length => Err(format!(
            "{name} has {length} bytes; at most {MAX_JOB_ID_BYTES} are allowed"
        )),
    }
}

fn read_metadata(raw: Option<&RawValue>) -> Result<Option<Box<RawValue>>, String> {
    match given(raw) {
        None => Ok(None),
        Some(raw) if raw.get().starts_with('{') => match readable::check(raw) {
            Ok(()) => Ok(Some(raw.to_owned())),
            Err(problem) => Err(format!("metadata {problem}")),
        },
        Some(_) => Err("metadata is not a JSON object".into()),
    }
}

fn time_field(name: &str, raw: &RawValue) -> Result<Timestamp, String> {
    let text = text_field(name, raw)?;
    deadline::read(&text)
        .ok_or_else(|| format!("{name} is not an RFC 3339 time such as 2026-11-23T10:00:00+08:00"))
}

fn page_field(name: &str, raw: &RawValue) -> Result<u32, String> {
    let page = serde_json::from_str(raw.get()).ok();
    page.filter(|page| (1..=MAX_PAGE).contains(page))
        .ok_or_else(|| format!("{name} is not a whole number from 1 to {MAX_PAGE}"))
}

#[cfg(test)]
mod tests;
