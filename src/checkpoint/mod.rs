//! Paid answers, kept: in this process's memory, in front of the user's S3.
//!
//! A recognition and a same-day verdict are kept by the image's SHA-256 (never by bill: a forged
//! image must not inherit a verdict), a final result by job, image and question. Objects hold
//! personal data: the bucket's life-cycle rule expires them.
//!
//! Others may write to the bucket. So every object is sealed for its key, and one without a valid
//! seal is treated as absent.

mod agreement;
mod object;
mod parcel;

pub use object::{StoredResult, UnparkedRun, Verification, VerificationAnswer};
pub use parcel::Parcel;

use crate::domain::failure::Failure;
use crate::domain::result::{RecognitionPart, Status};
use crate::seal::{SealKind, Sealer};
use crate::store::{MissingRight, Store, Written};
use crate::telemetry::metric;
use bytes::Bytes;
use jiff::civil::Date;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// What the process remembers by itself; S3 remembers the rest.
const MEMORY_BYTES: u64 = 32 << 20;
const MEMORY_TIME: Duration = Duration::from_hours(24);
/// Whatever is written can be read: a result holds what both providers answered, at most 8 MiB each
/// before it is written anew.
const MAX_OBJECT_BYTES: usize = 32 << 20;
/// What the rights are tried with: another object than the one for conditional writes, which has to
/// be there before.
const RIGHTS_PROBE: &str = "rights.json";
/// What conditional writes are tried with.
const PROBE: &str = "probe.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub store: StoreKind,
    /// Empty: `storage.bucket`.
    pub bucket: String,
    pub prefix: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    #[default]
    S3,
    /// Forgotten when the process ends.
    Memory,
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreKind::S3,
            bucket: String::new(),
            prefix: "checkpoints/".into(),
        }
    }
}

/// Cheap to clone; clones share the memory.
#[derive(Clone)]
pub struct Checkpoints {
    memory: Option<Cache<String, Bytes>>,
    durable: Option<(Store, String)>,
    prefix: String,
    sealer: Sealer,
    /// The store keeps what is there when a write says so: of two copies of a run one result
    /// stands, whoever is quicker. Unknown until it has answered.
    conditional: Arc<OnceCell<bool>>,
}

impl Checkpoints {
    /// `default_bucket` is where checkpoints go when the section names none.
    pub fn new(config: &Config, store: &Store, default_bucket: &str, sealer: Sealer) -> Self {
        let memory = || {
            Cache::builder()
                .max_capacity(MEMORY_BYTES)
                .weigher(weight)
                .time_to_live(MEMORY_TIME)
                .eviction_policy(EvictionPolicy::lru())
                .build()
        };
        let bucket = if config.bucket.is_empty() {
            default_bucket
        } else {
            &config.bucket
        };
        let (memory, durable) = match config.store {
            StoreKind::S3 => (Some(memory()), Some((store.clone(), bucket.to_owned()))),
            StoreKind::Memory => (Some(memory()), None),
            StoreKind::None => (None, None),
        };
        Self {
            memory,
            durable,
            prefix: config.prefix.clone(),
            sealer,
            conditional: Arc::default(),
        }
    }

    /// Asks the store whether it honours conditional writes, and uses them if so. `None`: nothing
    /// is kept in a store.
    pub async fn probe(&self) -> Result<Option<bool>, Failure> {
        let Some((store, bucket)) = &self.durable else {
            return Ok(None);
        };
        let key = self.key(PROBE);
        self.conditional
            .get_or_try_init(|| store.honours_conditions(bucket, &key))
            .await
            .map(|honoured| Some(*honoured))
    }

    /// [`Store::keeps_versions`] of the bucket, asked about what [`Checkpoints::probe`] has left
    /// there; written anew, for it may be from a time before there were any.
    pub async fn keep_versions(&self) -> Result<Option<bool>, Failure> {
        let Some((store, bucket)) = &self.durable else {
            return Ok(None);
        };
        let key = self.key(PROBE);
        store.put(bucket, &key, Bytes::from_static(b"{}")).await?;
        store.keeps_versions(bucket, &key).await.map(Some)
    }

    /// The rights that are missing to keep checkpoints and to find them again. `None`: nothing is
    /// kept in a store.
    pub async fn missing_rights(&self) -> Result<Option<Vec<MissingRight>>, Failure> {
        let Some((store, bucket)) = &self.durable else {
            return Ok(None);
        };
        store
            .missing_rights_to_keep(bucket, &self.prefix, &self.key(RIGHTS_PROBE))
            .await
            .map(Some)
    }

    /// Will another process find what is kept?
    pub fn is_durable(&self) -> bool {
        self.durable.is_some()
    }

    /// What this process remembers by now, without asking the store.
    pub async fn recognition_here(&self, image: &str) -> Option<RecognitionPart> {
        self.here(&format!("recognition/{image}.json")).await
    }

    /// As [`Checkpoints::recognition_here`].
    pub async fn verification_here(&self, image: &str, day: Date) -> Option<Verification> {
        self.here(&format!("verification/{day}/{image}.json")).await
    }

    pub async fn recognition(&self, image: &str) -> Result<Option<RecognitionPart>, Failure> {
        self.get("recognition", &format!("recognition/{image}.json"), |_| {
            true
        })
        .await
    }

    pub async fn keep_recognition(
        &self,
        image: &str,
        part: &RecognitionPart,
    ) -> Result<(), Failure> {
        self.put(&format!("recognition/{image}.json"), part).await
    }

    /// The registry's answer of `day`: tomorrow it may be another one. That the picture has to be
    /// turned is not the last word: another process may have an answer by now.
    pub async fn verification(
        &self,
        image: &str,
        day: Date,
    ) -> Result<Option<Verification>, Failure> {
        let is_last = |known: &Verification| matches!(known, Verification::Answered(_));
        self.get(
            "verification",
            &format!("verification/{day}/{image}.json"),
            is_last,
        )
        .await
    }

    pub async fn keep_verification(
        &self,
        image: &str,
        day: Date,
        answer: &VerificationAnswer,
    ) -> Result<(), Failure> {
        self.put(&format!("verification/{day}/{image}.json"), answer)
            .await
    }

    /// Unless there is an answer by now.
    pub async fn keep_unread(&self, image: &str, day: Date, code: &str) -> Result<(), Failure> {
        let name = format!("verification/{day}/{image}.json");
        match self.stored::<Verification>(&name).await? {
            Some(_) => Ok(()),
            None => {
                self.put(
                    &name,
                    &Verification::Unread {
                        unread: code.to_owned(),
                    },
                )
                .await
            }
        }
    }

    /// One that is not completed may have been replaced by another process: the store is asked, and
    /// where it fails the memory.
    pub async fn result(&self, question: &str) -> Result<Option<StoredResult>, Failure> {
        let name = result_name(question);
        match self
            .get("result", &name, |kept: &StoredResult| {
                kept.status == Status::Completed
            })
            .await
        {
            Err(failure) => self.here(&name).await.map(Some).ok_or(failure),
            found => found,
        }
    }

    /// Keeps a final result, unless there is one that it does not replace: then that one stands,
    /// and is answered.
    ///
    /// Where the store does not honour conditional writes, two copies that finish at the same
    /// moment may both be kept, the later one over the earlier.
    pub async fn keep_result(
        &self,
        question: &str,
        result: &StoredResult,
        replaces: impl Fn(&StoredResult) -> bool,
    ) -> Result<Option<StoredResult>, Failure> {
        let name = result_name(question);
        let standing = |kept: Option<StoredResult>| kept.filter(|kept| !replaces(kept));
        if let Some(first) = standing(self.here(&name).await) {
            return Ok(Some(first));
        }
        if let Some((store, bucket)) = &self.durable {
            // A store that did not answer at the start is asked now.
            let honours = matches!(self.probe().await, Ok(Some(true)));
            let (key, json) = (self.key(&name), encoded(result));
            let object = object::sealed(&key, &json, &self.sealer);
            let is_new =
                honours && store.put_new(bucket, &key, object.clone()).await? == Written::New;
            if !is_new {
                // Another worker may have replaced what this process knows.
                if let Some(first) = standing(self.stored(&name).await?) {
                    self.remember(&name, encoded(&first)).await;
                    return Ok(Some(first));
                }
                store.put(bucket, &key, object).await?;
            }
        }
        // The store first: what it did not take must not be found here, and taken for kept, when it
        // is tried again.
        self.remember(&name, encoded(result)).await;
        Ok(None)
    }

    /// A result that the store does not take: this process remembers it.
    pub async fn remember_result(&self, question: &str, result: &StoredResult) {
        self.remember(&result_name(question), encoded(result)).await;
    }

    /// Another worker may have left more of the run since: the store is asked, and where it fails
    /// the memory.
    pub async fn unparked(&self, run: &str) -> Result<Option<UnparkedRun>, Failure> {
        let name = unparked_name(run);
        match self.get("unparked", &name, |_| false).await {
            Err(failure) => self.here(&name).await.map(Some).ok_or(failure),
            found => found,
        }
    }

    pub async fn keep_unparked(&self, unparked: &UnparkedRun) -> Result<(), Failure> {
        self.put(&unparked_name(&unparked.progress.run), unparked)
            .await
    }

    /// What this process remembers, where that `is_last`: anything else the store may know better.
    async fn get<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        name: &str,
        is_last: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Failure> {
        let here = self.here(name).await;
        let found = if here.as_ref().is_some_and(is_last) {
            here
        } else {
            self.stored(name).await?.or(here)
        };
        if found.is_some() {
            metric::checkpoint_hit(kind);
        }
        Ok(found)
    }

    /// The memory first: whatever becomes of S3, this process does not pay twice.
    async fn put<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Failure> {
        let json = encoded(value);
        self.remember(name, json.clone()).await;
        let Some((store, bucket)) = &self.durable else {
            return Ok(());
        };
        let key = self.key(name);
        store
            .put(bucket, &key, object::sealed(&key, &json, &self.sealer))
            .await
    }

    async fn remember(&self, name: &str, json: Bytes) {
        if let Some(memory) = &self.memory {
            memory.insert(name.to_owned(), json).await;
        }
    }

    async fn here<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let json = self.memory.as_ref()?.get(name).await?;
        self.read(name, &json)
    }

    /// What the store has under this name, if one of our workers wrote it there.
    async fn stored<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some((store, bucket)) = &self.durable else {
            return Ok(None);
        };
        let key = self.key(name);
        let Some(object) = store.get(bucket, &key, MAX_OBJECT_BYTES).await? else {
            return Ok(None);
        };
        let Some(json) = object::unsealed(&key, &object, &self.sealer) else {
            metric::seal_refused(SealKind::Checkpoint);
            tracing::warn!(
                checkpoint.key = key,
                mend = "compare seal.key and seal.previous_key of all workers; if they are equal, another program writes to this bucket",
                "a checkpoint has no valid seal of ours: it counts as absent, and its answer is bought again"
            );
            return Ok(None);
        };
        Ok(self.read(name, &json))
    }

    fn read<T: DeserializeOwned>(&self, name: &str, json: &[u8]) -> Option<T> {
        let read = serde_json::from_slice(json);
        if read.is_err() {
            tracing::warn!(
                checkpoint.key = self.key(name),
                "a checkpoint of another version cannot be read: it counts as absent"
            );
        }
        read.ok()
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

fn result_name(question: &str) -> String {
    format!("result/{question}.json")
}

fn unparked_name(run: &str) -> String {
    format!("unparked/{run}.json")
}

fn encoded<T: Serialize>(value: &T) -> Bytes {
    // Cannot fail: every key is text and every number finite.
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[expect(clippy::ptr_arg, reason = "the cache's own signature")]
fn weight(key: &String, bytes: &Bytes) -> u32 {
    u32::try_from(key.len() + bytes.len()).unwrap_or(u32::MAX)
}
