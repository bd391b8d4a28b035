//! Local files on their way into the store. The key follows from the bytes, so that an upload that
//! is repeated changes nothing.

use crate::domain::failure::Failure;
use crate::randomness::Randomness;
use crate::store::Store;
use crate::waits;
use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Files that are in memory at once, each of them at most `storage.max_image_bytes`.
const AT_ONCE: usize = 4;
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest ending of a file's name that its key keeps.
const MAX_EXTENSION: usize = 8;

pub(super) struct Uploads {
    store: Store,
    pub(super) bucket: String,
    max_bytes: u64,
    permits: Semaphore,
    randomness: Randomness,
}

impl Uploads {
    pub(super) fn new(
        store: Store,
        bucket: String,
        max_bytes: u64,
        randomness: Randomness,
    ) -> Self {
        Self {
            store,
            bucket,
            max_bytes,
            permits: Semaphore::new(AT_ONCE),
            randomness,
        }
    }

    /// Whether the file can be uploaded, as far as its name and size say.
    pub(super) fn check(path: &Path, max_bytes: u64) -> Result<(), String> {
        let found = std::fs::metadata(path);
        let metadata =
            found.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        if !metadata.is_file() {
            return Err(format!("{} is not a file", path.display()));
        }
        if metadata.len() > max_bytes {
            let shown = path.display();
            return Err(format!("{shown} is larger than storage.max_image_bytes"));
        }
        Ok(())
    }

    /// Puts the file into the store, and returns its key there.
    pub(super) async fn put(&self, path: &Path) -> anyhow::Result<String> {
        let _permit = self.permits.acquire().await?;
        let bytes = self.read(path)?;
        let key = key_of(&bytes, path);
        for attempt in 1.. {
            match self.write(&key, &bytes).await {
                Ok(()) => break,
                Err(failure) if attempt < ATTEMPTS && may_pass(&failure) => {
                    let wait = waits::growing(FIRST_WAIT, attempt, self.randomness.unit());
                    tokio::time::sleep(wait).await;
                }
                Err(failure) => {
                    return Err(anyhow!("{failure}"))
                        .with_context(|| format!("cannot upload {}", path.display()));
                }
            }
        }
        Ok(key)
    }

    /// One that is there already has the same bytes, and stays: a bucket with versions gets no other.
    async fn write(&self, key: &str, bytes: &Bytes) -> Result<(), Failure> {
        let written = self.store.put_new(&self.bucket, key, bytes.clone()).await;
        match written {
            Ok(_) => Ok(()),
            // Stores that do not know the condition say so.
            Err(failure) if matches!(failure.http_status, Some(400 | 501)) => {
                self.store.put(&self.bucket, key, bytes.clone()).await
            }
            Err(failure) => Err(failure),
        }
    }

    fn read(&self, path: &Path) -> anyhow::Result<Bytes> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(self.max_bytes + 1).read_to_end(&mut bytes))
            .with_context(|| format!("{} cannot be read", path.display()))?;
        if bytes.len() as u64 > self.max_bytes {
            bail!("{} is larger than storage.max_image_bytes", path.display());
        }
        Ok(bytes.into())
    }
}

/// Whether another attempt may succeed: there was no answer, or the store had trouble of its own.
fn may_pass(failure: &Failure) -> bool {
    match failure.http_status {
        None => failure.code != "request",
        Some(status) => matches!(status, 408 | 409 | 429 | 500..),
    }
}

/// Nothing of the file's name but its ending: names may tell whose bill it is.
fn key_of(bytes: &[u8], path: &Path) -> String {
    let hash = hex::encode(Sha256::digest(bytes));
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .filter(|ending| {
            ending.len() <= MAX_EXTENSION && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        .map(|ending| format!(".{}", ending.to_ascii_lowercase()))
        .unwrap_or_default();
    format!("submitted/{hash}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::Stage;

    #[test]
    fn a_key_says_what_is_in_the_file_and_not_whose_it_is() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (path, ending) in [
            ("张三/bill.JPG", ".jpg"),
            ("a.tar.gz", ".gz"),
            ("bill", ""),
            (".hidden", ""),
            ("a.of Zhang San", ""),
            ("a.发票", ""),
        ] {
            let key = key_of(b"abc", Path::new(path));
            assert_eq!(key, format!("submitted/{hash}{ending}"), "{path}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, status, passes) in [
            ("timeout", None, true),
            ("connect", None, true),
            ("request", None, false),
            ("SlowDown", Some(503), true),
            ("ConditionalRequestConflict", Some(409), true),
            ("AccessDenied", Some(403), false),
            ("NoSuchBucket", Some(404), false),
        ] {
            let failure = Failure {
                http_status: status,
                ..Failure::new(Stage::Storage, code, "")
            };
            assert_eq!(may_pass(&failure), passes, "{code}");
        }
    }
}
