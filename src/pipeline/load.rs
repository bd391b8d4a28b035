//! From a job's image reference to something both providers can be shown.

use crate::domain::failure::{Failure, Stage};
use crate::domain::job::{ImageRef, Job};
use crate::domain::picture::{Format, Picture};
use crate::domain::policy::Decision;
use crate::domain::result::ImagePart;
use crate::image::{Fetched, ImageMemory, Limits, Need, Prepared, Probed, Reserved, fetch, prepare, probe};
use crate::provider::recognition::encoded_len;
use crate::retry::{Case, Judge, Stopped};
use crate::store::Store;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Semaphore;
use url::Url;

pub struct Loader {
    pub store: Store,
    pub memory: ImageMemory,
    pub need: Need,
    pub limits: Limits,
    /// For jobs that name none.
    pub bucket: String,
    /// Pictures decoded at once: one may be small in bytes and large in pixels.
    pub decoding: Arc<Semaphore>,
}

const NO_BUCKET: &str = "image.bucket is missing, and storage.bucket gives no default";

/// Two pictures of at most 4096 by 4096 pixels: 128 MiB at the most.
pub const DECODED_AT_ONCE: usize = 2;

pub struct Loaded {
    pub part: ImagePart,
    pub prepared: Prepared,
    /// What paid answers are kept under: the image's SHA-256, or for a URL job and URL.
    pub identity: String,
    /// Which object this was, beyond its key: version or `ETag`.
    revision: String,
    _memory: Option<Reserved>,
}

impl Loader {
    /// The image as the job names it, before it is at hand.
    pub fn named(&self, image: &ImageRef) -> ImagePart {
        match image {
            ImageRef::Object { bucket, key, version_id } => ImagePart::Object {
                bucket: bucket.clone().unwrap_or_else(|| self.bucket.clone()),
                key: key.clone(),
                version_id: version_id.clone(),
                sha256: None,
                format: None,
                width: None,
                height: None,
            },
            ImageRef::Url(url) => ImagePart::Url { url: without_query(url) },
        }
    }

    pub async fn load(&self, job: &Job, judge: &Judge, case: &mut Case<'_>) -> Result<Loaded, Box<Stopped>> {
        match &job.image {
            ImageRef::Object { bucket, key, version_id } => {
                let bucket = bucket.as_deref().unwrap_or(&self.bucket);
                if bucket.is_empty() {
                    return Err(at_fault(Failure::new(Stage::Job, "job.malformed", NO_BUCKET)));
                }
                let place = (bucket, key.as_str(), version_id.as_deref());
                case.subject = format!("{bucket}/{key}");
                let fetched = judge.in_place(Stage::Storage, case, || self.fetch(place)).await?;
                let prepared = self.prepare(fetched.bytes.clone(), job.verify).await;
                let (probed, prepared) = prepared.map_err(at_fault)?;
                Ok(loaded_object(place, fetched, probed, prepared))
            }
            ImageRef::Url(url) => Ok(loaded_url(job, url)),
        }
    }

    /// An image that is at hand, for the command that asks without a queue.
    pub async fn load_bytes(&self, name: &str, bytes: Bytes, verify: bool) -> Result<Loaded, Failure> {
        let max_image_bytes = self.need.max_image_bytes;
        if bytes.len() as u64 > max_image_bytes {
            return Err(crate::store::too_large(max_image_bytes));
        }
        let reserved = self.memory.reserve(0).await;
        let fetched = Fetched { sha256: hex::encode(Sha256::digest(&bytes)), bytes, etag: None, version_id: None, reserved };
        let (probed, prepared) = self.prepare(fetched.bytes.clone(), verify).await?;
        Ok(loaded_object(("", name, None), fetched, probed, prepared))
    }

    async fn fetch(&self, place: (&str, &str, Option<&str>)) -> Result<Fetched, Failure> {
        fetch(&self.store, &self.memory, self.need, place).await.map_err(|failure| {
            // Our own bucket missing is the operator's mistake; a bucket that the job names is the job's.
            if failure.code == "NoSuchBucket" && place.0 != self.bucket {
                return Failure::new(Stage::Image, "image.not_found", "the store has no such bucket");
            }
            failure
        })
    }

    /// Counting, decoding and encoding take milliseconds: they leave the runtime's threads to the network.
    async fn prepare(&self, bytes: Bytes, verify: bool) -> Result<(Probed, Prepared), Failure> {
        let limits = self.limits;
        let probed = probe(&bytes)?;
        // Never an error: the semaphore is never closed.
        let decoding = if probed.format == Format::Bmp { Arc::clone(&self.decoding).acquire_owned().await.ok() } else { None };
        let work = move || {
            let _decoding = decoding;
            prepare(&bytes, probed, encoded_len(&bytes), verify, limits).map(|prepared| (probed, prepared))
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Stage::Image, "image.corrupt", "the image brought its decoder down")))
    }
}

impl Loaded {
    /// Names job, image and what is asked of it: the key of the final result.
    pub fn question(&self, job: &Job) -> String {
        let mut hash = Sha256::new();
        let image = match &self.part {
            ImagePart::Object { bucket, key, .. } => format!("{bucket}\n{key}\n{}", self.revision),
            ImagePart::Url { .. } => self.identity.clone(),
        };
        for part in [job.id.as_str(), &image, if job.verify { "verify" } else { "recognise" }] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

fn loaded_object((bucket, key, asked): (&str, &str, Option<&str>), fetched: Fetched, probed: Probed, prepared: Prepared) -> Loaded {
    let revision = fetched.version_id.clone().or(fetched.etag).unwrap_or_else(|| fetched.sha256.clone());
    let part = ImagePart::Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: fetched.version_id.or_else(|| asked.map(str::to_owned)),
        sha256: Some(fetched.sha256.clone()),
        format: Some(probed.format.as_str().to_owned()),
        width: Some(probed.width),
        height: Some(probed.height),
    };
    Loaded { part, prepared, identity: fetched.sha256, revision, _memory: Some(fetched.reserved) }
}

/// Never fetched by us, so it is known by job and URL only.
fn loaded_url(job: &Job, url: &Url) -> Loaded {
    let mut hash = Sha256::new();
    hash.update((job.id.as_str().len() as u64).to_be_bytes());
    hash.update(job.id.as_str());
    hash.update(url.as_str());
    let picture = Picture::Url(url.as_str().to_owned());
    Loaded {
        part: ImagePart::Url { url: without_query(url) },
        prepared: Prepared { recognition: picture.clone(), verification: job.verify.then_some(picture) },
        identity: format!("url-{}", hex::encode(hash.finalize())),
        revision: String::new(),
        _memory: None,
    }
}

/// The job itself: no question of policy.
fn at_fault(failure: Failure) -> Box<Stopped> {
    let decision = Decision::Fail { invalid_job: Some(failure.code.clone()) };
    Stopped::boxed(failure, decision)
}

/// The query may carry a signature, the user part a password.
fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}
