//! The control read: the store refused an image of the default bucket in a way that may be the
//! bucket's, the account's or that object's alone. Any writer to the bucket can put such an object
//! there. Reading objects that could be read before decides whose fault it is; it is free.

use super::presigned::ObjectPath;
use crate::store::Store;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// The images that are remembered. Their writer may spoil one later; hardly all of them.
const MOST_KNOWN: usize = 4;
/// The outcome of a control read holds for so long: a whole prefetch may be refused at once.
const HOLDS: Duration = Duration::from_secs(1);

/// The state from which a control read is made.
#[derive(Default)]
pub struct ControlRead {
    /// Images of the default bucket that could be read, with their version where the job named
    /// one; the newest first.
    images: Mutex<VecDeque<(String, Option<String>)>>,
    /// When the last one was made, and whether it was good. Jobs that come meanwhile wait for it.
    last: AsyncMutex<Option<(Instant, bool)>>,
}

impl ControlRead {
    /// An image of the default bucket was read.
    pub(super) fn remember(&self, (_, key, version): ObjectPath<'_>) {
        let mut images = self.images();
        if images.iter().any(|(known, _)| known == key) {
            return;
        }
        images.push_front((key.to_owned(), version.map(str::to_owned)));
        images.truncate(MOST_KNOWN);
    }

    /// Whether other images of the bucket can be read now, although `refused` cannot, because of
    /// `code`: then that object is at fault. Where no image is known to have been readable, nothing
    /// is known. An object of this worker's own proves nothing: rights and keys may be given by
    /// prefix.
    pub(super) async fn is_the_objects_fault(
        &self,
        store: &Store,
        (bucket, refused, _): ObjectPath<'_>,
        code: &str,
    ) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, is_good)) = *last
            && at.elapsed() < HOLDS
        {
            return is_good;
        }
        let is_good = self.reads_image(store, bucket, refused).await;
        *last = Some((Instant::now(), is_good));
        let fault = if is_good {
            "that object's own"
        } else {
            "the bucket's, the account's or this worker's"
        };
        tracing::warn!(
            code,
            fault,
            "a control read was made, of objects that could be read before, because the store refused an image"
        );
        is_good
    }

    async fn reads_image(&self, store: &Store, bucket: &str, refused: &str) -> bool {
        let images = self.images().clone();
        for (key, version) in images.iter().filter(|(key, _)| key != refused) {
            match store.open_first(bucket, key, version.as_deref(), 1).await {
                Ok(_) => return true,
                Err(failure) if failure.http_status == Some(404) => {
                    self.images().retain(|(known, _)| known != key);
                }
                Err(_) => {}
            }
        }
        false
    }

    fn images(&self) -> MutexGuard<'_, VecDeque<(String, Option<String>)>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
