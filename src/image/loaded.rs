//! An image that is at hand, or within the providers' reach: what they are shown of it, and what
//! its answers are kept under.

use super::object_link::ObjectLink;
use crate::domain::failure::Failure;
use crate::domain::job::Job;
use crate::domain::result::ImagePart;
use crate::image::{Probed, Reserved};
use crate::provider::View;
use crate::store::Revision;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use url::Url;

pub struct LoadedImage {
    pub part: ImagePart,
    /// What paid answers are kept under: the image's SHA-256; where both providers fetch it
    /// themselves, the object and its revision; for a URL, job and URL.
    pub identity: String,
    /// What it is shown; or why that cannot be sent to it: a job that was recognised before, by its
    /// address perhaps, needs none.
    pub recognition: Result<View, Failure>,
    /// `None` where the job does not ask for verification.
    pub verification: Option<View>,
    /// Which object this was, beyond its key.
    pub(crate) revision: String,
    /// `None` for a job's own URL.
    pub(crate) object: Option<Object>,
}

/// Where the image's bytes are.
pub(crate) struct Object {
    pub(crate) link: Arc<ObjectLink>,
    /// Here, too.
    pub(crate) bytes: Option<Bytes>,
    pub(crate) _memory: Option<Reserved>,
}

impl LoadedImage {
    /// Never fetched by us, so it is known by job and URL only.
    pub(crate) fn url(job: &Job, url: &Url) -> Self {
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
            verification: job.verify.then_some(view),
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
        hex::encode(
            digest(&[
                job.id.as_str(),
                &image,
                if job.verify { "verify" } else { "recognise" },
            ])
            .finalize(),
        )
    }
}

/// Of an image that both providers fetch themselves: nobody here knows its SHA-256.
pub(crate) fn object_identity(bucket: &str, key: &str, revision: &str) -> String {
    format!(
        "object-{}",
        hex::encode(digest(&[bucket, key, revision]).finalize())
    )
}

pub(crate) fn object_part(
    (bucket, key, asked): (&str, &str, Option<&str>),
    revision: &Revision,
    probed: Probed,
    sha256: Option<String>,
) -> ImagePart {
    ImagePart::Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: revision.version_id.as_deref().or(asked).map(str::to_owned),
        sha256,
        format: Some(probed.format.as_str().to_owned()),
        width: Some(probed.width),
        height: Some(probed.height),
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
pub(crate) fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}
