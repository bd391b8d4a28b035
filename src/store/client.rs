//! What the worker does with objects, over whatever store they lie in.

use super::config::Config;
use super::measured::MeasuredStore;
use super::object::{ReadError, StoredObject};
use super::object_store::{ObjectName, ObjectStore, WriteOutcome};
use super::s3::S3;
use crate::clock::skew::ClockReading;
use crate::domain::failure::{Failure, Stage};
use crate::policy::Policy;
use crate::settings::Network;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// S3's code of an object that lies in an archive.
const ARCHIVED: &str = "InvalidObjectState";
const NO_OBJECT: &str = "invoice-worker-clock";
/// How long a store is waited for that is asked what time it is.
const TIME_PATIENCE: Duration = Duration::from_secs(5);

/// Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// Names the part of AWS that the store belongs to.
    pub(super) region: String,
}

impl Store {
    /// An S3-compatible store, with static keys or, where there are none, with the standard AWS
    /// credential chain.
    ///
    /// # Errors
    /// The network's proxy cannot be used.
    pub async fn new(config: &Config, network: &Network) -> anyhow::Result<Self> {
        Ok(Self {
            objects: Arc::new(S3::new(config, network).await?),
            region: config.region.clone(),
        })
    }

    /// The same store, whose requests are measured.
    #[must_use]
    pub fn measured(self, policy: Arc<Policy>) -> Self {
        Self {
            objects: Arc::new(MeasuredStore {
                objects: self.objects,
                policy,
            }),
            ..self
        }
    }

    /// Another store than S3.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            region: String::new(),
        }
    }

    /// Whether the store's answers say what time it is.
    pub fn tells_time(&self) -> bool {
        self.objects.tells_time()
    }

    /// The time in the store's last answer.
    pub fn clock_reading(&self) -> Option<ClockReading> {
        self.objects.clock_reading()
    }

    /// Asks for an object that does not exist, so that there is a [`Store::clock_reading`]. Any
    /// answer says what time it is, a refusal as well; a store that does not answer says nothing.
    pub async fn ask_the_time(&self, bucket: &str) {
        // The answer itself does not matter.
        let _ = tokio::time::timeout(TIME_PATIENCE, self.get(bucket, NO_OBJECT, 0)).await;
    }

    /// Whether the bucket of this object keeps versions. If it does, one is read by its id, as an
    /// address names it, which needs a right of its own.
    pub async fn keeps_versions(&self, bucket: &str, key: &str) -> Result<bool, Failure> {
        match self.open(bucket, key, None).await?.revision.version_id {
            Some(version) => self.open(bucket, key, Some(&version)).await.map(|_| true),
            None => Ok(false),
        }
    }

    /// Asks for an object; its bytes follow with [`StoredObject::read`].
    pub async fn open(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<StoredObject, Failure> {
        let name = ObjectName {
            bucket,
            key,
            version_id,
        };
        self.objects.get(name, None).await
    }

    /// Asks for no more than the first bytes of an object; they follow with [`StoredObject::read_first`].
    pub async fn open_first(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        bytes: usize,
    ) -> Result<StoredObject, Failure> {
        let name = ObjectName {
            bucket,
            key,
            version_id,
        };
        self.objects.get(name, Some(bytes)).await
    }

    /// A small object whole; `None` where there is none. One in an archive, or packed in a way that
    /// cannot be undone, is as good as none: another writer to the bucket may have put it there,
    /// and the next write replaces it.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, Failure> {
        match self.open(bucket, key, None).await {
            Ok(object) => match object.read(max_bytes, |_| ()).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(ReadError::Failed(failure)) if failure.stage == Stage::Storage => Err(*failure),
                Err(ReadError::TooLarge | ReadError::Failed(_)) => Ok(None),
            },
            Err(failure) if failure.http_status == Some(404) && failure.code != "NoSuchBucket" => {
                Ok(None)
            }
            Err(failure) if failure.code == ARCHIVED || failure.stage == Stage::Image => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Writes an object where there is none. Only a store that honours `If-None-Match` keeps what
    /// is there: see [`Store::honours_conditions`].
    pub async fn put_new(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
    ) -> Result<WriteOutcome, Failure> {
        self.write(bucket, key, bytes, true).await
    }

    /// Whether a write that is conditional on there being nothing leaves what is there.
    pub async fn honours_conditions(&self, bucket: &str, key: &str) -> Result<bool, Failure> {
        // The first one is there to be found by the second.
        for _ in 0..2 {
            match self.put_new(bucket, key, Bytes::from_static(b"{}")).await {
                Ok(WriteOutcome::Exists) => return Ok(true),
                Ok(WriteOutcome::New) => {}
                // Another worker writes it at this moment: a store that notices honours conditions.
                Err(failure) if failure.http_status == Some(409) => return Ok(true),
                // Stores that do not know the header at all say so.
                Err(failure) if matches!(failure.http_status, Some(400 | 501)) => return Ok(false),
                Err(failure) => return Err(failure),
            }
        }
        Ok(false)
    }

    pub async fn put(&self, bucket: &str, key: &str, bytes: Bytes) -> Result<(), Failure> {
        self.write(bucket, key, bytes, false).await.map(drop)
    }

    async fn write(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        is_to_be_new: bool,
    ) -> Result<WriteOutcome, Failure> {
        let name = ObjectName::current(bucket, key);
        self.objects.put(name, bytes, is_to_be_new).await
    }

    /// The object's address, signed now and valid for so long. Anyone who has it can read the
    /// object: it is never logged.
    ///
    /// No request is made for it, unless the credentials have to be renewed.
    pub async fn presign(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        valid: Duration,
    ) -> Result<String, Failure> {
        let name = ObjectName {
            bucket,
            key,
            version_id,
        };
        self.objects.presign(name, valid).await
    }
}

/// The failure of an object that is larger than we read.
pub fn too_large(max_bytes: u64) -> Failure {
    Failure::new(
        Stage::Image,
        "image.too_large",
        format!("the image is larger than storage.max_image_bytes, {max_bytes} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::BoxFuture;
    use std::future::ready;

    struct Refusing(Stage, &'static str);

    impl Refusing {
        fn failure(&self) -> Failure {
            Failure {
                http_status: Some(403),
                ..Failure::new(self.0, self.1, "")
            }
        }
    }

    impl ObjectStore for Refusing {
        fn get<'a>(
            &'a self,
            _: ObjectName<'a>,
            _: Option<usize>,
        ) -> BoxFuture<'a, Result<StoredObject, Failure>> {
            Box::pin(ready(Err(self.failure())))
        }

        fn put<'a>(
            &'a self,
            _: ObjectName<'a>,
            _: Bytes,
            _: bool,
        ) -> BoxFuture<'a, Result<WriteOutcome, Failure>> {
            Box::pin(ready(Ok(WriteOutcome::New)))
        }
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_as_it_lies_there_is_as_good_as_none() {
        let got = async |stage, code| {
            let store = Store::over(Arc::new(Refusing(stage, code)));
            store.get("bucket", "key", 10).await
        };
        for (stage, code) in [
            (Stage::Storage, "InvalidObjectState"),
            (Stage::Image, "image.unsupported_format"),
        ] {
            assert_eq!(got(stage, code).await.unwrap(), None);
        }
        let refused = got(Stage::Storage, "AccessDenied").await;
        assert_eq!(refused.unwrap_err().code, "AccessDenied");
    }
}
