//! Objects of ours that a provider fetches by itself, by an address that is signed for each call.

use super::load::ObjectPath;
use crate::domain::failure::Failure;
use crate::domain::job::MAX_URL_BYTES;
use crate::image::Transfers;
use crate::provider::{Link, Unsigned};
use crate::store::{Revision, Store};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The longest that a call's address is ever valid for.
const LONGEST: Duration = Duration::from_mins(11);
/// A byte of a name is escaped by three.
const ESCAPED: usize = 3;
/// Whether an address names a version, and how long it is valid, makes so much of a difference at
/// most.
const SLACK: usize = 32;

/// One revision of one object.
pub(crate) struct ObjectLink {
    pub(crate) store: Store,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// The version that the job names.
    pub(crate) asked: Option<String>,
    pub(crate) revision: Revision,
    pub(crate) told_by: Extent,
    pub(crate) addresses: Arc<Addresses>,
}

/// How much of an object was read by whoever says which revision it is: there are stores that name
/// a part otherwise than the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Part,
    Whole,
}

/// What addresses have in common.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Bytes that the latest one had beside the names in it: it carries the token of temporary
    /// credentials. Zero: none was signed yet.
    rest: AtomicUsize,
    told: AtomicBool,
}

impl ObjectLink {
    /// The transfers that can be had of this object: where its address is too long for the
    /// providers, it is sent.
    ///
    /// The address is not the one that a provider is given: that is signed when the call is made.
    pub(crate) async fn allow(&self, transfers: Transfers) -> Transfers {
        if !transfers.is_any_by_url() {
            return transfers;
        }
        let inline = Transfers::inline(transfers.verification.is_some());
        if !self.is_pinned() && self.revision.name().is_none() {
            // Nothing would tell whether a provider found this image there or another one.
            return inline;
        }
        if self.is_surely_short() {
            return transfers;
        }
        match self.address(LONGEST).await {
            Ok(address) if address.len() > MAX_URL_BYTES => {
                self.addresses.tell();
                inline
            }
            // Where nothing can be signed, the call tells.
            Ok(_) | Err(_) => transfers,
        }
    }

    /// As the job names it: a version of our own choice may be forbidden where the object itself is
    /// not.
    pub(crate) fn place(&self) -> ObjectPath<'_> {
        (&self.bucket, &self.key, self.asked.as_deref())
    }

    /// Is it always the same bytes that are found there? Only where the store says which version
    /// they are: there are stores that heed no version that is asked for, and one version, `null`,
    /// that is overwritten.
    pub(crate) fn is_pinned(&self) -> bool {
        self.revision.version_id.is_some()
    }

    async fn address(&self, valid: Duration) -> Result<String, Failure> {
        let address = self
            .store
            .presign(&self.bucket, &self.key, self.version(), valid)
            .await?;
        self.addresses.rest.store(
            address.len().saturating_sub(self.names()),
            Ordering::Relaxed,
        );
        Ok(address)
    }

    /// Most are: then none has to be signed to know.
    fn is_surely_short(&self) -> bool {
        let rest = self.addresses.rest.load(Ordering::Relaxed);
        rest > 0 && rest + SLACK + ESCAPED * self.names() <= MAX_URL_BYTES
    }

    fn names(&self) -> usize {
        self.bucket.len() + self.key.len() + self.version().map_or(0, str::len)
    }

    fn version(&self) -> Option<&str> {
        self.revision
            .version_id
            .as_deref()
            .or(self.asked.as_deref())
    }
}

impl Link for ObjectLink {
    fn sign(&self, valid: Duration) -> BoxFuture<'_, Result<String, Unsigned>> {
        Box::pin(async move {
            let address = self.address(valid).await.map_err(Unsigned::Failed)?;
            if address.len() > MAX_URL_BYTES {
                self.addresses.tell();
                return Err(Unsigned::TooLong);
            }
            Ok(address)
        })
    }
}

impl Addresses {
    fn tell(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "signed addresses are longer than the 1024 bytes that providers take, as those of temporary credentials are: such images are \
                 sent inline; static credentials in [storage] make them shorter"
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

    async fn link(key: &str, version: Option<&str>) -> ObjectLink {
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
        ObjectLink {
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
            told_by: Extent::Part,
            addresses: Arc::default(),
        }
    }

    #[tokio::test]
    async fn an_address_names_version_and_validity_and_is_escaped() {
        let address = link("2026/票 1.jpg", Some("v+1"))
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
    async fn what_would_have_too_long_an_address_is_sent() {
        for (bytes, expected) in [(100, BY_URL), (1_000, Transfers::inline(true))] {
            let link = link(&"k".repeat(bytes), None).await;
            assert_eq!(link.allow(BY_URL).await, expected, "{bytes} bytes");
            assert_eq!(
                link.sign(Duration::from_secs(90)).await.is_ok(),
                expected == BY_URL,
                "{bytes} bytes"
            );
            assert_eq!(
                link.allow(Transfers::inline(false)).await,
                Transfers::inline(false)
            );
        }
    }

    #[tokio::test]
    async fn what_is_said_to_be_short_without_being_signed_is_short() {
        for chars in 1..140 {
            // Each of these characters is three bytes, and nine once escaped.
            let link = link(&"票".repeat(chars), Some("a-version")).await;
            assert!(!link.is_surely_short(), "nothing is known yet");
            let address = link.address(LONGEST).await.unwrap();
            assert!(
                !link.is_surely_short() || address.len() <= MAX_URL_BYTES,
                "{chars} characters: {}",
                address.len()
            );
        }
        let short = link("a.jpg", None).await;
        short.address(LONGEST).await.unwrap();
        assert!(short.is_surely_short());
    }
}
