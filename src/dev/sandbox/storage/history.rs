//! Every version of every object, in a folder of their own that goes when the sandbox does.

use s3s::dto::{
    GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, PutObjectInput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The one bucket of the folder; its keys are the versions' ids.
const BUCKET: &str = "versions";

#[derive(Debug)]
pub(super) struct History {
    versions: FileSystem,
    /// Goes when this is dropped.
    _folder: TempDir,
    index: Mutex<VersionIndex>,
}

#[derive(Debug, Default)]
struct VersionIndex {
    /// The objects by bucket and key.
    objects: HashMap<(String, String), VersionedObject>,
    kept: u64,
}

#[derive(Debug, Default)]
struct VersionedObject {
    versions: Vec<String>,
    deleted: bool,
}

impl History {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("invoice-worker-versions-")?;
        std::fs::create_dir(folder.path().join(BUCKET))?;
        let versions = FileSystem::new(folder.path())
            .map_err(|error| anyhow::anyhow!("{}: {error:?}", folder.path().display()))?;
        Ok(Self {
            versions,
            _folder: folder,
            index: Mutex::default(),
        })
    }

    /// Keeps what was just written as the key's current version, and names it.
    pub(super) async fn keep(
        &self,
        bucket: &str,
        key: &str,
        mut version: PutObjectInput,
    ) -> S3Result<String> {
        let id = self.next_id();
        BUCKET.clone_into(&mut version.bucket);
        version.key.clone_from(&id);
        self.versions.put_object(unsent(version)).await?;
        let mut index = self.lock();
        let object = index
            .objects
            .entry((bucket.to_owned(), key.to_owned()))
            .or_default();
        object.versions.push(id.clone());
        object.deleted = false;
        Ok(id)
    }

    /// `None` for an object from before this start.
    pub(super) fn current(&self, bucket: &str, key: &str) -> Option<String> {
        let index = self.lock();
        let object = index.objects.get(&(bucket.to_owned(), key.to_owned()))?;
        if object.deleted {
            None
        } else {
            object.versions.last().cloned()
        }
    }

    /// Returns whether there was anything to delete.
    pub(super) fn mark_deleted(&self, bucket: &str, key: &str) -> bool {
        let mut index = self.lock();
        let object = index.objects.get_mut(&(bucket.to_owned(), key.to_owned()));
        object.is_some_and(|object| !std::mem::replace(&mut object.deleted, true))
    }

    pub(super) async fn get(
        &self,
        mut request: S3Request<GetObjectInput>,
        id: String,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.must_know(&request.input.bucket, &request.input.key, &id)?;
        BUCKET.clone_into(&mut request.input.bucket);
        request.input.key.clone_from(&id);
        let mut answer = self.versions.get_object(request).await?;
        answer.output.version_id = Some(id);
        Ok(answer)
    }

    pub(super) async fn head(
        &self,
        mut request: S3Request<HeadObjectInput>,
        id: String,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.must_know(&request.input.bucket, &request.input.key, &id)?;
        BUCKET.clone_into(&mut request.input.bucket);
        request.input.key.clone_from(&id);
        let mut answer = self.versions.head_object(request).await?;
        answer.output.version_id = Some(id);
        Ok(answer)
    }

    fn must_know(&self, bucket: &str, key: &str, id: &str) -> S3Result<()> {
        let index = self.lock();
        let object = index.objects.get(&(bucket.to_owned(), key.to_owned()));
        let known =
            object.is_some_and(|object| object.versions.iter().any(|version| version == id));
        if known {
            Ok(())
        } else {
            Err(s3_error!(NoSuchVersion))
        }
    }

    fn next_id(&self) -> String {
        let mut index = self.lock();
        index.kept += 1;
        format!("sandbox.{:08}", index.kept)
    }

    fn lock(&self) -> MutexGuard<'_, VersionIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that did not come from a client.
pub(super) fn unsent<T>(input: T) -> S3Request<T> {
    let (parts, ()) = axum::http::Request::new(()).into_parts();
    S3Request {
        input,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        extensions: parts.extensions,
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}
