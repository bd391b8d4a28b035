//! JSON values by name: in this process's memory, and sealed in the store behind it.

use super::envelope::{carries_seal, sealed, unsealed};
use crate::domain::failure::Failure;
use crate::seal::{SealKind, Sealer};
use crate::store::{Store, WriteOutcome};
use crate::telemetry::metric;
use bytes::Bytes;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The most that the process remembers by itself; S3 remembers the rest.
const MEMORY_BYTES: u64 = 32 << 20;
const MEMORY_TIME: Duration = Duration::from_hours(24);
/// Whatever is written can be read: a result holds what both providers answered, at most 8 MiB each
/// before it is written anew.
const MAX_OBJECT_BYTES: usize = 32 << 20;

/// Cheap to clone; clones share the memory.
#[derive(Clone)]
pub(super) struct SealedObjects {
    memory: Option<Cache<String, Bytes>>,
    durable: Option<Durable>,
    prefix: String,
    sealer: Sealer,
}

/// The store in which other processes find the objects.
#[derive(Clone)]
pub(super) struct Durable {
    pub(super) store: Store,
    pub(super) bucket: String,
}

impl SealedObjects {
    pub(super) fn new(
        remembers: bool,
        durable: Option<Durable>,
        prefix: String,
        sealer: Sealer,
    ) -> Self {
        let memory = remembers.then(|| {
            Cache::builder()
                .max_capacity(MEMORY_BYTES)
                .weigher(weight)
                .time_to_live(MEMORY_TIME)
                .eviction_policy(EvictionPolicy::lru())
                .build()
        });
        Self {
            memory,
            durable,
            prefix,
            sealer,
        }
    }

    pub(super) fn durable(&self) -> Option<&Durable> {
        self.durable.as_ref()
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The name in the bucket.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The memory first: whatever becomes of S3, this process does not pay twice.
    pub(super) async fn put<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Failure> {
        let json = encoded(value);
        self.remember(name, json.clone()).await;
        self.write(name, &json).await
    }

    /// Writes to the store alone.
    pub(super) async fn write(&self, name: &str, json: &[u8]) -> Result<(), Failure> {
        let Some(Durable { store, bucket }) = &self.durable else {
            return Ok(());
        };
        let key = self.key(name);
        let object = sealed(&key, json, &self.sealer);
        store.put(bucket, &key, object).await
    }

    /// Writes to the store alone, unless something is there.
    pub(super) async fn write_new(&self, name: &str, json: &[u8]) -> Result<WriteOutcome, Failure> {
        let Some(Durable { store, bucket }) = &self.durable else {
            return Ok(WriteOutcome::New);
        };
        let key = self.key(name);
        let object = sealed(&key, json, &self.sealer);
        store.put_new(bucket, &key, object).await
    }

    /// Writes to the memory alone.
    pub(super) async fn remember(&self, name: &str, json: Bytes) {
        if let Some(memory) = &self.memory {
            memory.insert(name.to_owned(), json).await;
        }
    }

    /// Writes where the objects are kept for good: in the store, or in the memory where there is
    /// none.
    pub(super) async fn replace(&self, name: &str, json: Bytes) -> Result<(), Failure> {
        if self.durable.is_none() {
            self.remember(name, json).await;
            return Ok(());
        }
        self.write(name, &json).await
    }

    /// Writes like [`SealedObjects::replace`], unless something is there.
    pub(super) async fn take(&self, name: &str, json: Bytes) -> Result<WriteOutcome, Failure> {
        match &self.memory {
            Some(memory) if self.durable.is_none() => {
                let entry = memory.entry(name.to_owned()).or_insert(json).await;
                Ok(if entry.is_fresh() {
                    WriteOutcome::New
                } else {
                    WriteOutcome::Exists
                })
            }
            Some(_) | None => self.write_new(name, &json).await,
        }
    }

    /// Reads from where [`SealedObjects::replace`] writes.
    pub(super) async fn found<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        if self.durable.is_none() {
            return Ok(self.remembered(name).await);
        }
        self.read(name).await
    }

    /// Reads from the memory alone.
    pub(super) async fn remembered<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let json = self.memory.as_ref()?.get(name).await?;
        self.decoded(name, &json)
    }

    /// Reads from the store alone what one of our workers wrote there.
    pub(super) async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(Durable { store, bucket }) = &self.durable else {
            return Ok(None);
        };
        let key = self.key(name);
        let Some(object) = store.get(bucket, &key, MAX_OBJECT_BYTES).await? else {
            return Ok(None);
        };
        let Some(json) = unsealed(&key, &object, &self.sealer) else {
            metric::seal_refused(SealKind::Checkpoint);
            tracing::warn!(
                checkpoint.key = key,
                mend = "compare seal.key and seal.previous_key of all workers; if they are equal, another program writes to this bucket",
                "a checkpoint has no valid seal of ours: it counts as absent, and its answer is bought again"
            );
            return Ok(None);
        };
        Ok(self.decoded(name, &json))
    }

    /// Seals this object with our key, unless a key that we do not have sealed it. Answers whether
    /// that is so.
    pub(super) async fn claim(&self, name: &str) -> Result<bool, Failure> {
        let Some(Durable { store, bucket }) = &self.durable else {
            return Ok(false);
        };
        let key = self.key(name);
        let found = store.get(bucket, &key, MAX_OBJECT_BYTES).await?;
        let is_sealed_by_another = found.as_ref().is_some_and(|object| {
            carries_seal(object) && unsealed(&key, object, &self.sealer).is_none()
        });
        let ours = sealed(&key, b"{}", &self.sealer);
        if !is_sealed_by_another && found.as_ref() != Some(&ours) {
            store.put(bucket, &key, ours).await?;
        }
        Ok(is_sealed_by_another)
    }

    fn decoded<T: DeserializeOwned>(&self, name: &str, json: &[u8]) -> Option<T> {
        let read = serde_json::from_slice(json);
        if read.is_err() {
            tracing::warn!(
                checkpoint.key = self.key(name),
                "a checkpoint of another version cannot be read: it counts as absent"
            );
        }
        read.ok()
    }
}

pub(super) fn encoded<T: Serialize>(value: &T) -> Bytes {
    // Cannot fail: every key is text and every number finite.
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[expect(clippy::ptr_arg, reason = "the cache's own signature")]
fn weight(key: &String, bytes: &Bytes) -> u32 {
    u32::try_from(key.len() + bytes.len()).unwrap_or(u32::MAX)
}
