//! Paid answers, kept: in this process's memory, in front of the user's S3.
//!
//! A recognition and a same-day verdict are kept by the image's SHA-256 (never by bill: a forged image must not inherit a
//! verdict), a final result by job, image and question. Objects hold personal data: the bucket's life-cycle rule expires them.

use crate::domain::failure::Failure;
use crate::domain::result::{JobError, RecognitionPart, Status, Verdict, VerificationPart};
use crate::store::Store;
use crate::telemetry::metric;
use bytes::Bytes;
use jiff::civil::Date;
use moka::future::Cache;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Objects of another version are treated as absent.
const VERSION: u32 = 1;
/// What the process remembers by itself; S3 remembers the rest.
const MEMORY_BYTES: u64 = 32 << 20;
const MEMORY_TIME: Duration = Duration::from_hours(24);
const MAX_OBJECT_BYTES: usize = 8 << 20;

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
        Self { store: StoreKind::S3, bucket: String::new(), prefix: "checkpoints/".into() }
    }
}

/// Cheap to clone; clones share the memory.
#[derive(Clone)]
pub struct Checkpoints {
    memory: Option<Cache<String, Bytes>>,
    durable: Option<(Store, String)>,
    prefix: String,
}

/// What verification said about an image today.
#[derive(Clone, Serialize, Deserialize)]
pub enum VerificationAnswer {
    /// The registry knows the bill.
    Found(Box<VerificationPart>),
    /// A negative verdict, and the provider's code behind it.
    Negative { verdict: Verdict, error: JobError },
}

/// A final result, as it was published.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredResult {
    pub run: String,
    pub status: Status,
    pub verdict: Option<Verdict>,
    #[serde(default)]
    pub error: Option<JobError>,
    pub body: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    value: T,
}

impl Checkpoints {
    /// `default_bucket` is where checkpoints go when the section names none.
    pub fn new(config: &Config, store: &Store, default_bucket: &str) -> Self {
        let memory = || Cache::builder().max_capacity(MEMORY_BYTES).weigher(weight).time_to_live(MEMORY_TIME).build();
        let bucket = if config.bucket.is_empty() { default_bucket } else { &config.bucket };
        let (memory, durable) = match config.store {
            StoreKind::S3 => (Some(memory()), Some((store.clone(), bucket.to_owned()))),
            StoreKind::Memory => (Some(memory()), None),
            StoreKind::None => (None, None),
        };
        Self { memory, durable, prefix: config.prefix.clone() }
    }

    pub async fn recognition(&self, image: &str) -> Result<Option<RecognitionPart>, Failure> {
        self.get("recognition", &format!("recognition/{image}.json")).await
    }

    pub async fn keep_recognition(&self, image: &str, part: &RecognitionPart) -> Result<(), Failure> {
        self.put(&format!("recognition/{image}.json"), part).await
    }

    /// The registry's answer of `day`: tomorrow it may be another one.
    pub async fn verification(&self, image: &str, day: Date) -> Result<Option<VerificationAnswer>, Failure> {
        self.get("verification", &format!("verification/{day}/{image}.json")).await
    }

    pub async fn keep_verification(&self, image: &str, day: Date, answer: &VerificationAnswer) -> Result<(), Failure> {
        self.put(&format!("verification/{day}/{image}.json"), answer).await
    }

    pub async fn result(&self, question: &str) -> Result<Option<StoredResult>, Failure> {
        self.get("result", &format!("result/{question}.json")).await
    }

    pub async fn keep_result(&self, question: &str, result: &StoredResult) -> Result<(), Failure> {
        self.put(&format!("result/{question}.json"), result).await
    }

    async fn get<T: DeserializeOwned>(&self, kind: &'static str, name: &str) -> Result<Option<T>, Failure> {
        let remembered = match &self.memory {
            Some(memory) => memory.get(name).await,
            None => None,
        };
        let bytes = match (remembered, &self.durable) {
            (Some(bytes), _) => Some(bytes),
            (None, Some((store, bucket))) => store.get(bucket, &self.key(name), MAX_OBJECT_BYTES).await?,
            (None, None) => None,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        match serde_json::from_slice::<Envelope<T>>(&bytes) {
            Ok(envelope) if envelope.v == VERSION => {
                metric::checkpoint_hit(kind);
                Ok(Some(envelope.value))
            }
            Ok(_) | Err(_) => {
                tracing::warn!(checkpoint.kind = kind, checkpoint.key = self.key(name), "a checkpoint is unreadable; treated as absent");
                Ok(None)
            }
        }
    }

    /// The memory first: whatever becomes of S3, this process does not pay twice.
    async fn put<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Failure> {
        let Some(memory) = &self.memory else { return Ok(()) };
        let Ok(bytes) = serde_json::to_vec(&Envelope { v: VERSION, value }).map(Bytes::from) else { return Ok(()) };
        memory.insert(name.to_owned(), bytes.clone()).await;
        match &self.durable {
            Some((store, bucket)) => store.put(bucket, &self.key(name), bytes).await,
            None => Ok(()),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, clippy::ptr_arg, reason = "the cache's own signature")]
fn weight(key: &String, bytes: &Bytes) -> u32 {
    u32::try_from(key.len() + bytes.len()).unwrap_or(u32::MAX)
}
