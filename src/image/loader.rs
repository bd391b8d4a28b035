//! Loads a job's image: its bytes, or only its header if the providers fetch it by URL.

use super::control_read::ControlRead;
use super::fetch::{Fetched, Keep, Need};
use super::fit::{DecodingBudget, Plan};
use super::header::ImageHeader;
use super::inspect::Glance;
use super::loaded::{
    LoadedImage, NotLoaded, Object, object_identity, object_part, paged, without_query,
};
use super::memory::ImageMemory;
use super::pdf::{self, PdfReader};
use super::presigned::{ObjectPath, PresignedUrls, subject};
use super::transfers::{Limits, Transfers};
use super::views::{MadePictures, Views};
use super::{assess, document};
use crate::domain::account::AccountId;
use crate::domain::failure::{Failure, Stage};
use crate::domain::job::ImageRef;
use crate::domain::progress::Progress;
use crate::domain::result::ImagePart;
use crate::policy::Policy;
use crate::provider::{UrlSigner, View};
use crate::retry::{CallContext, ImageOrigin, JobContext, Retrier, StageStopped};
use crate::store::{Revision, Store, too_large};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::sync::Arc;

pub struct Loader {
    pub policy: Arc<Policy>,
    pub store: Store,
    pub memory: ImageMemory,
    pub need: Need,
    pub limits: Limits,
    /// The configured way in which each provider gets the image.
    pub transfers: Transfers,
    pub presigned_urls: Arc<PresignedUrls>,
    /// The bucket of jobs that name none.
    pub bucket: String,
    /// Further buckets that a job may name.
    pub buckets: Vec<String>,
    pub control_read: ControlRead,
    /// The memory of decoded pixels: a picture may be small in bytes and large in pixels.
    pub decoding: DecodingBudget,
    /// Makes pictures of documents' pages, where this build can.
    pub pdf: PdfReader,
}

const NO_BUCKET: &str = "image.bucket is missing, and storage.bucket gives no default";

const FORBIDDEN_BUCKET: &str = "image.bucket is neither storage.bucket nor one of storage.buckets";

impl Loader {
    /// Returns the result's part about the image as the job names it, before it is loaded.
    pub fn named(&self, image: &ImageRef) -> ImagePart {
        match image {
            ImageRef::Object {
                bucket,
                key,
                version_id,
            } => ImagePart::Object {
                bucket: bucket.clone().unwrap_or_else(|| self.bucket.clone()),
                key: key.clone(),
                version_id: version_id.clone(),
                sha256: None,
                bytes: None,
                format: None,
                width: None,
                height: None,
                prepared: None,
            },
            ImageRef::Url(url) => ImagePart::Url {
                url: without_query(url),
            },
        }
    }

    /// Returns the image's origin, as far as the job itself chose it.
    pub fn origin(&self, image: &ImageRef) -> ImageOrigin {
        match image {
            ImageRef::Object { bucket, .. } => match bucket {
                Some(bucket) if *bucket != self.bucket => ImageOrigin::OtherBucket,
                Some(_) | None => ImageOrigin::DefaultBucket,
            },
            ImageRef::Url(_) => ImageOrigin::OwnUrl,
        }
    }

    /// Loads the image, or only its header if the providers fetch it by URL.
    ///
    /// # Errors
    /// [`NotLoaded`]: the store does not return it, or the job is at fault.
    pub async fn load(
        &self,
        job: &JobContext<'_>,
        progress: &mut Progress,
        retrier: &Retrier,
    ) -> Result<LoadedImage, NotLoaded> {
        let (bucket, key, version_id) = match &job.job.image {
            ImageRef::Object {
                bucket,
                key,
                version_id,
            } => (bucket, key, version_id),
            ImageRef::Url(url) => return Ok(LoadedImage::url(job.job, url)),
        };
        let decoding = self.decoding.for_queue(progress.delivered.queue.as_deref());
        let bucket = bucket.as_deref().unwrap_or(&self.bucket);
        self.allows(bucket).map_err(StageStopped::at_fault)?;
        let path = (bucket, key.as_str(), version_id.as_deref());
        let transfers = self.transfers.asked(job.job.verify);
        if self.transfers.are_by_url() && job.job.page.is_none_or(|page| page == 1) {
            let subject = subject(path);
            let call = CallContext::new(job, progress, AccountId::STORAGE, &subject);
            let control = async |code: String| self.is_the_objects_fault(path, &code).await;
            let header = retrier.in_place(call, || self.header(path), control);
            let header = header.await?;
            self.remember(path);
            if let Some(loaded) = self.by_url(path, &header, transfers, &decoding).await? {
                return Ok(loaded);
            }
        }
        let fetched = self.fetched(path, job, progress, retrier).await?;
        if pdf::is_drawable(&fetched.bytes) {
            drop(fetched);
            let page = self.document(path, job, progress, retrier).await?;
            return self.at_hand(path, page, 1, transfers, &decoding).await;
        }
        let page = job.job.page.unwrap_or(1);
        self.at_hand(path, fetched, page, transfers, &decoding)
            .await
    }

    /// Reads the document again once its turn has come, and makes a picture of its page. A job that
    /// waits for its turn holds no memory, so that other jobs do not wait with it.
    async fn document(
        &self,
        path: ObjectPath<'_>,
        job: &JobContext<'_>,
        progress: &mut Progress,
        retrier: &Retrier,
    ) -> Result<Fetched, NotLoaded> {
        let place = self.pdf.place();
        if place.is_none() && job.is_queued {
            return Err(retrier
                .turned_away("too many documents wait to be read")
                .into());
        }
        let turn = retrier.in_turn(job, self.pdf.turn()).await?;
        let reading = self.fetched_keeping(Keep::Most, path, job, progress, retrier);
        let fetched = reading.await?;
        let parts = (&self.pdf, self.need);
        let made = document::page(parts, path, fetched, job.job.page, turn).await;
        made.map_err(|stopped| document::parked_where_unreadable(stopped, retrier.clock.now()))
    }

    /// Checks that a job may name this bucket.
    ///
    /// # Errors
    /// `job.malformed` or `image.forbidden`: final, the job is at fault.
    fn allows(&self, bucket: &str) -> Result<(), Failure> {
        if bucket.is_empty() {
            return Err(Failure::new(Stage::Job, "job.malformed", NO_BUCKET));
        }
        if bucket != self.bucket && !self.buckets.iter().any(|allowed| allowed == bucket) {
            return Err(Failure::new(
                Stage::Image,
                "image.forbidden",
                FORBIDDEN_BUCKET,
            ));
        }
        Ok(())
    }

    /// Loads an image from bytes, for the command that processes images without a queue.
    pub async fn load_bytes(
        &self,
        name: &str,
        bytes: Bytes,
        verify: bool,
    ) -> Result<LoadedImage, NotLoaded> {
        self.fits(bytes.len() as u64)
            .map_err(StageStopped::at_fault)?;
        let reserved = self.memory.reserve(0).await;
        let fetched = Fetched {
            sha256: hex::encode(Sha256::digest(&bytes)),
            bytes,
            revision: Revision::default(),
            is_packed: false,
            page_of: None,
            reserved,
        };
        let path = ("", name, None);
        let fetched = if pdf::is_drawable(&fetched.bytes) {
            let turn = self.pdf.turn().await;
            document::page((&self.pdf, self.need), path, fetched, None, turn).await?
        } else {
            fetched
        };
        self.at_hand(path, fetched, 1, Transfers::inline(verify), &self.decoding)
            .await
    }

    /// Returns the image by URL if every provider can and may fetch it, and `None` if its bytes are
    /// needed.
    async fn by_url(
        &self,
        path: ObjectPath<'_>,
        header: &ImageHeader,
        transfers: Transfers,
        decoding: &DecodingBudget,
    ) -> Result<Option<LoadedImage>, NotLoaded> {
        let (Some(size), Some(version)) = (header.size, &header.revision.version_id) else {
            return Ok(None);
        };
        let part = |glance| object_part(path, &header.revision, glance, None, size);
        self.fits(size)
            .map_err(|failure| NotLoaded::refused(failure, part(Glance::default())))?;
        let facts = header
            .facts()
            .map_err(|refusal| NotLoaded::refused(*refusal.failure, part(refusal.glance)))?;
        let Some(facts) = facts else {
            return Ok(None);
        };
        let part = part(facts.into());
        // What would have to be counted is read as well.
        let plan = Plan::of(facts, size, || usize::MAX, transfers, self.limits);
        let is_fetched = match plan {
            Ok(plan) => plan.is_fetched(),
            Err(failure) => return Err(NotLoaded::refused(failure, part)),
        };
        let object = self.presigned(path, &header.revision);
        if !is_fetched || !object.allow(transfers).await.are_by_url() {
            return Ok(None);
        }
        let view = View::Object(Arc::clone(&object) as Arc<dyn UrlSigner>);
        Ok(Some(LoadedImage {
            part,
            identity: object_identity(path.0, path.1, version),
            verification: transfers.verification.map(|_| Ok(view.clone())),
            recognition: Ok(view),
            made: MadePictures::default(),
            revision: version.clone(),
            object: Some(Object {
                presigned: object,
                bytes: None,
                decoding: decoding.clone(),
                _memory: None,
            }),
        }))
    }

    /// Inspects and prepares an image whose bytes were read.
    async fn at_hand(
        &self,
        path: ObjectPath<'_>,
        fetched: Fetched,
        page: u32,
        transfers: Transfers,
        decoding: &DecodingBudget,
    ) -> Result<LoadedImage, NotLoaded> {
        let Fetched {
            bytes,
            sha256,
            revision,
            is_packed,
            page_of,
            reserved,
        } = fetched;
        // A provider that fetches the object may take the compressed bytes, or the document, for
        // the image.
        let transfers = if is_packed || page_of.is_some() {
            Transfers::inline(transfers.verification.is_some())
        } else {
            transfers
        };
        let object = self.presigned(path, &revision);
        let transfers = object.allow(transfers).await;
        let size = page_of.map_or(bytes.len() as u64, |document| document.bytes);
        let part = |glance| {
            let glance = page_of.map_or(glance, |_| Glance {
                format: Some(pdf::FORMAT),
                ..glance
            });
            object_part(path, &revision, glance, Some(sha256.clone()), size)
        };
        let facts = assess::inspect_whole(decoding, self.limits, &bytes, page)
            .await
            .map_err(|refusal| NotLoaded::refused(*refusal.failure, part(refusal.glance)))?;
        let plan = assess::plan(self.limits, &bytes, facts, transfers)
            .await
            .map_err(|failure| NotLoaded::refused(failure, part(facts.into())))?;
        let is_needed = !plan.is_fetched();
        let views = if page_of.is_some() {
            Views::of_page(&plan, &bytes, facts, decoding)
        } else {
            Views::of(plan, &bytes, facts, &object, decoding)
        };
        let part = part(facts.into());
        let page = page_of.map_or(page, |document| document.page);
        // The identity does not depend on the transfer: another turn of the job may use the URL.
        let version = revision.version_id.as_deref();
        let version = version.filter(|_| self.transfers.are_by_url());
        Ok(LoadedImage {
            part,
            identity: paged(
                version.map_or_else(
                    || sha256.clone(),
                    |version| object_identity(path.0, path.1, version),
                ),
                page,
            ),
            recognition: views.recognition,
            verification: views.verification,
            made: views.made,
            revision: paged(revision.name().map_or(sha256, str::to_owned), page),
            object: Some(Object {
                presigned: object,
                bytes: is_needed.then_some(bytes),
                decoding: decoding.clone(),
                _memory: is_needed.then_some(reserved),
            }),
        })
    }

    fn fits(&self, image_bytes: u64) -> Result<(), Failure> {
        let most = self.need.max_image_bytes;
        if image_bytes > most {
            Err(too_large(most))
        } else {
            Ok(())
        }
    }
}
