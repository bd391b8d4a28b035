//! An image that was read, or that the providers are to fetch: what they are shown of it, and what
//! its answers are kept under.

use super::fit::DecodingBudget;
use super::presigned::PresignedObject;
use super::views::MadePictures;
use super::{Glance, Reserved};
use crate::domain::failure::Failure;
use crate::domain::job::{Expectations, Job};
use crate::domain::result::ImagePart;
use crate::provider::View;
use crate::retry::StageStopped;
use crate::store::Revision;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use url::Url;

pub struct LoadedImage {
    pub part: ImagePart,
    /// The key under which paid answers are kept: the image's SHA-256; where both providers are to
    /// fetch it, the object and its version; for a job's own URL, job and URL.
    pub identity: String,
    /// The view that recognition is shown, or why the image cannot be sent to it: a job that was
    /// recognised before, by URL perhaps, does not need it.
    pub recognition: Result<View, Failure>,
    /// The view that verification is shown, or why there is none; `None` where the job does not ask
    /// for verification.
    pub verification: Option<Result<View, Failure>>,
    pub(super) made: MadePictures,
    /// Which image under its key this is, for the name of the final result.
    pub(super) revision: String,
    /// `None` for a job's own URL.
    pub(super) object: Option<Object>,
}

/// Why an image cannot be had, and what is known of it all the same.
pub struct NotLoaded {
    pub stopped: Box<StageStopped>,
    /// `None`: no more than what the job names.
    pub part: Option<Box<ImagePart>>,
}

impl NotLoaded {
    /// The job's own image is at fault.
    pub(super) fn refused(failure: Failure, part: ImagePart) -> Self {
        Self {
            stopped: StageStopped::at_fault(failure),
            part: Some(Box::new(part)),
        }
    }
}

impl From<Box<StageStopped>> for NotLoaded {
    fn from(stopped: Box<StageStopped>) -> Self {
        Self {
            stopped,
            part: None,
        }
    }
}

/// The object in the store that holds the image's bytes.
pub(super) struct Object {
    pub(super) presigned: Arc<PresignedObject>,
    /// The bytes, where they were read.
    pub(super) bytes: Option<Bytes>,
    /// For further work on its pixels, which is the job queue's.
    pub(super) decoding: DecodingBudget,
    pub(super) _memory: Option<Reserved>,
}

impl LoadedImage {
    /// A job's own URL. We never fetch it, so that the image is known by job and URL alone.
    pub(super) fn url(job: &Job, url: &Url) -> Self {
        let view = View::Url(url.as_str().to_owned());
        Self {
            part: ImagePart::Url {
                url: without_query(url),
            },
            identity: format!(
                "url-{}",
                hex::encode(
                    digest(&[job.id.as_str()])
                        .chain_update(url.as_str())
                        .finalize()
                )
            ),
            recognition: Ok(view.clone()),
            verification: job.verify.then_some(Ok(view)),
            made: MadePictures::default(),
            revision: String::new(),
            object: None,
        }
    }

    /// Names job, image and what is asked of it: the key of the final result.
    pub fn question(&self, job: &Job) -> String {
        let image = match &self.part {
            ImagePart::Object { bucket, key, .. } => format!("{bucket}\n{key}\n{}", self.revision),
            ImagePart::Url { .. } => self.identity.clone(),
        };
        let verify = if job.verify { "verify" } else { "recognise" };
        let mut parts = vec![job.id.as_str(), &image, verify];
        // Checks of other expectations are another answer.
        let expected = job.expect.as_ref().map(Expectations::identity);
        parts.extend(expected.as_deref());
        hex::encode(digest(&parts).finalize())
    }
}

/// The identity of an image that both providers are to fetch: its SHA-256 may never be known here.
pub(super) fn object_identity(bucket: &str, key: &str, version: &str) -> String {
    format!(
        "object-{}",
        hex::encode(digest(&[bucket, key, version]).finalize())
    )
}

/// Another page of a file is another picture.
pub(super) fn paged(name: String, page: u32) -> String {
    if page == 1 {
        name
    } else {
        format!("{name}-p{page}")
    }
}

pub(super) fn object_part(
    (bucket, key, asked): (&str, &str, Option<&str>),
    revision: &Revision,
    glance: Glance,
    sha256: Option<String>,
    bytes: u64,
) -> ImagePart {
    ImagePart::Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: revision.version_id.as_deref().or(asked).map(str::to_owned),
        sha256,
        bytes: Some(bytes),
        format: glance.format.map(str::to_owned),
        width: glance.sides.map(|(width, _)| width),
        height: glance.sides.map(|(_, height)| height),
        prepared: None,
    }
}

/// Each part with its length before it, so that no two lists of parts look alike.
fn digest(parts: &[&str]) -> Sha256 {
    parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_be_bytes())
            .chain_update(part)
    })
}

/// The query may carry a signature, the user part a password.
pub(super) fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}
