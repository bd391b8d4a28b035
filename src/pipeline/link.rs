//! Objects of ours that a provider fetches by itself, by an address that is signed for each call.

use crate::domain::failure::{Failure, Stage};
use crate::domain::job::MAX_URL_BYTES;
use crate::image::Transfers;
use crate::provider::Link;
use crate::store::{Revision, Store};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The longest that a call's address is ever valid for, so that no address of a call is longer than one signed for this.
const LONGEST: Duration = Duration::from_mins(11);

/// One revision of one object.
pub(super) struct ObjectLink {
    pub(super) store: Store,
    pub(super) bucket: String,
    pub(super) key: String,
    /// The version that the job names.
    pub(super) asked: Option<String>,
    pub(super) revision: Revision,
}

impl ObjectLink {
    async fn address(&self, valid: Duration) -> Result<String, Failure> {
        let version_id = self.revision.version_id.as_deref().or(self.asked.as_deref());
        self.store.presign(&self.bucket, &self.key, version_id, valid).await
    }
}

impl Link for ObjectLink {
    fn sign(&self, valid: Duration) -> BoxFuture<'_, Result<String, Failure>> {
        Box::pin(async move {
            let address = self.address(valid).await?;
            if address.len() > MAX_URL_BYTES {
                return Err(Failure::new(Stage::Storage, "request", "the object's signed address is longer than 1024 bytes"));
            }
            Ok(address)
        })
    }
}

/// Whether addresses are short enough for the providers.
#[derive(Debug, Default)]
pub struct Addresses {
    told: AtomicBool,
}

impl Addresses {
    /// The transfers that can be had of this object: an address carries the token of temporary credentials, and then it is too long.
    /// Only the length is tried here; what a provider is given is signed when the call is made.
    pub(super) async fn allow(&self, transfers: Transfers, link: &ObjectLink) -> Transfers {
        if !transfers.is_any_by_url() {
            return transfers;
        }
        let address = link.address(LONGEST).await;
        // Where nothing can be signed, the call tells.
        if address.is_ok_and(|address| address.len() > MAX_URL_BYTES) {
            if !self.told.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "signed addresses are longer than the 1024 bytes that providers take, as those of temporary credentials are: such \
                     images are sent inline; static credentials in [storage] make them shorter"
                );
            }
            return Transfers::inline(transfers.verification.is_some());
        }
        transfers
    }
}
