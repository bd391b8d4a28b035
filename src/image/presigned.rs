//! Objects of ours that a provider fetches by itself, by a URL that is signed for each call.

use super::transfers::Transfers;
use crate::domain::failure::Failure;
use crate::domain::job::MAX_URL_BYTES;
use crate::provider::{NotSigned, UrlSigner};
use crate::store::{Revision, Store};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The longest that a call's URL is ever valid for.
const LONGEST: Duration = Duration::from_mins(11);
/// A byte of a name is escaped by three.
const ESCAPED: usize = 3;
/// A URL that names a version, or is valid for longer, has so many bytes more at the most.
const SLACK: usize = 32;

/// Bucket, key and, where the job names one, version.
pub(super) type ObjectPath<'a> = (&'a str, &'a str, Option<&'a str>);

/// Returns the name of the object, by which the policy distinguishes the jobs' subjects.
pub(super) fn subject((bucket, key, _): ObjectPath<'_>) -> String {
    format!("{bucket}/{key}")
}

/// One version of one object.
pub(super) struct PresignedObject {
    pub(super) store: Store,
    pub(super) bucket: String,
    pub(super) key: String,
    /// The version that the job names.
    pub(super) asked: Option<String>,
    pub(super) revision: Revision,
    pub(super) urls: Arc<PresignedUrls>,
}

/// The properties that the URLs of all objects have in common.
#[derive(Debug, Default)]
pub struct PresignedUrls {
    /// Bytes that the latest one had beside the names in it: it carries the token of temporary
    /// credentials. Zero: none was signed yet.
    rest: AtomicUsize,
    are_too_long: AtomicBool,
    have_no_versions: AtomicBool,
}

impl PresignedObject {
    /// The transfers that can be had of this object. It is sent inline where its URL would be too
    /// long for the providers, and where its bucket keeps no versions: a URL that names none may
    /// mean another image by the time it is fetched.
    ///
    /// The URL is not the one that a provider is given: that is signed when the call is made.
    pub(super) async fn allow(&self, transfers: Transfers) -> Transfers {
        if !transfers.is_any_by_url() {
            return transfers;
        }
        let inline = Transfers::inline(transfers.verification.is_some());
        if !self.is_pinned() {
            self.urls.log_no_versions(&self.bucket);
            return inline;
        }
        if self.is_surely_short() {
            return transfers;
        }
        match self.url(LONGEST).await {
            Ok(url) if url.len() > MAX_URL_BYTES => {
                self.urls.log_too_long();
                inline
            }
            // Where nothing can be signed, the call reports it.
            Ok(_) | Err(_) => transfers,
        }
    }

    /// The object as the job names it: a version of our own choice may be forbidden where the
    /// object itself is not.
    pub(super) fn named(&self) -> ObjectPath<'_> {
        (&self.bucket, &self.key, self.asked.as_deref())
    }

    /// The object by its version.
    pub(super) fn version(&self) -> ObjectPath<'_> {
        let version = self.revision.version_id.as_deref();
        (&self.bucket, &self.key, version.or(self.asked.as_deref()))
    }

    /// Is it always the same bytes that are found there? Only where the store says which version
    /// they are: some stores ignore the version that is asked for, and the version `null` is
    /// overwritten.
    pub(super) fn is_pinned(&self) -> bool {
        self.revision.version_id.is_some()
    }

    async fn url(&self, valid: Duration) -> Result<String, Failure> {
        let (bucket, key, version) = self.version();
        let url = self.store.presign(bucket, key, version, valid).await?;
        let rest = url.len().saturating_sub(self.names());
        self.urls.rest.store(rest, Ordering::Relaxed);
        Ok(url)
    }

    /// Most are: then none has to be signed to know.
    fn is_surely_short(&self) -> bool {
        let rest = self.urls.rest.load(Ordering::Relaxed);
        rest > 0 && rest + SLACK + ESCAPED * self.names() <= MAX_URL_BYTES
    }

    fn names(&self) -> usize {
        let (bucket, key, version) = self.version();
        bucket.len() + key.len() + version.map_or(0, str::len)
    }
}

impl UrlSigner for PresignedObject {
    fn sign(&self, valid: Duration) -> BoxFuture<'_, Result<String, NotSigned>> {
        Box::pin(async move {
            let url = self.url(valid).await.map_err(NotSigned::Failed)?;
            if url.len() > MAX_URL_BYTES {
                self.urls.log_too_long();
                return Err(NotSigned::TooLong);
            }
            Ok(url)
        })
    }
}

impl PresignedUrls {
    fn log_too_long(&self) {
        if !self.are_too_long.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "signed addresses are longer than the 1024 bytes that providers take, as those of temporary credentials are: such images are \
                 sent inline; static credentials in [storage] make them shorter"
            );
        }
    }

    fn log_no_versions(&self, bucket: &str) {
        if !self.have_no_versions.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                bucket,
                "this bucket keeps no versions, so the address of an image may mean another one by the time a provider fetches it: its images \
                 are sent inline; turn versioning on for the bucket, or set transfer = \"inline\""
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Transfer;
    use crate::settings::secret::Secret;
    use crate::store::Config;

    const BY_URL: Transfers = Transfers {
        recognition: Transfer::Url,
        verification: Some(Transfer::Url),
    };

    async fn object(key: &str, version: Option<&str>) -> PresignedObject {
        let credentials = (
            Secret::new("an-access-key-id"),
            Secret::new("a-secret-access-key"),
        );
        let endpoint_url = "https://obs.example.com".to_owned();
        let config = Config {
            endpoint_url,
            access_key_id: credentials.0,
            secret_access_key: credentials.1,
            ..Config::default()
        };
        PresignedObject {
            store: Store::new(&config, &crate::settings::Network::default())
                .await
                .unwrap(),
            bucket: "claims".into(),
            key: key.into(),
            asked: None,
            revision: Revision {
                version_id: version.map(str::to_owned),
                etag: Some("an-etag".into()),
            },
            urls: Arc::default(),
        }
    }

    #[tokio::test]
    async fn an_address_names_version_and_validity_and_is_escaped() {
        let address = object("2026/票 1.jpg", Some("v+1"))
            .await
            .sign(Duration::from_secs(90))
            .await
            .unwrap();
        assert!(
            address.starts_with("https://claims.obs.example.com/2026/%E7%A5%A8%201.jpg?"),
            "{address}"
        );
        for part in ["X-Amz-Expires=90", "versionId=v%2B1", "X-Amz-Signature="] {
            assert!(address.contains(part), "{part}: {address}");
        }
    }

    #[tokio::test]
    async fn an_image_whose_url_would_be_too_long_is_sent_inline() {
        for (bytes, expected) in [(100, BY_URL), (1_000, Transfers::inline(true))] {
            let object = object(&"k".repeat(bytes), Some("a-version")).await;
            assert_eq!(object.allow(BY_URL).await, expected, "{bytes} bytes");
            assert_eq!(
                object.sign(Duration::from_secs(90)).await.is_ok(),
                expected == BY_URL,
                "{bytes} bytes"
            );
            assert_eq!(
                object.allow(Transfers::inline(false)).await,
                Transfers::inline(false)
            );
        }
    }

    #[tokio::test]
    async fn an_image_without_a_version_is_sent_inline() {
        let object = object("a.jpg", None).await;
        assert_eq!(object.allow(BY_URL).await, Transfers::inline(true));
    }

    #[tokio::test]
    async fn a_validity_that_is_not_signed_counts_as_short() {
        for chars in 1..140 {
            // Each of these characters is three bytes, and nine once escaped.
            let object = object(&"票".repeat(chars), Some("a-version")).await;
            assert!(!object.is_surely_short(), "nothing is known yet");
            let address = object.url(LONGEST).await.unwrap();
            assert!(
                !object.is_surely_short() || address.len() <= MAX_URL_BYTES,
                "{chars} characters: {}",
                address.len()
            );
        }
        let short = object("a.jpg", None).await;
        short.url(LONGEST).await.unwrap();
        assert!(short.is_surely_short());
    }
}
