//! The operations: who may write, which version is meant; the reading and writing itself is
//! s3s-fs's.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use s3s::dto::{
    CreateBucketInput, CreateBucketOutput, DeleteObjectInput, DeleteObjectOutput, ETag,
    ETagCondition, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput,
    PutObjectOutput, StreamingBlob,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

use super::history::{History, unsent};
use crate::dev::sandbox::scenario::SandboxStorage;

/// An object has to fit into memory: it is written twice, as the current one and as a version.
const MAX_OBJECT_BYTES: usize = 64 << 20;
/// The longest name of a file that a file system takes,
const MAX_NAME_BYTES: usize = 255;
/// and what of it s3s-fs needs, beside bucket and key in base64, for an object's attributes.
const ATTRIBUTES_NAME_BYTES: usize = 30;
/// Keys share locks, so that there do not come to be more and more of them.
const LOCKS: usize = 64;

type S3Answer<T> = S3Result<S3Response<T>>;

/// Cloning it opens another door to the same objects.
#[derive(Clone, Debug)]
pub(in crate::dev) struct SandboxStore {
    folder: PathBuf,
    current: Arc<FileSystem>,
    history: Arc<History>,
    locks: Arc<[Mutex<()>]>,
    /// The scenario's `versions`.
    keeps_versions: bool,
    parts_have_etags: bool,
}

impl SandboxStore {
    /// The folder must exist.
    pub(in crate::dev) fn open(folder: &Path, scenario: &SandboxStorage) -> anyhow::Result<Self> {
        let current = FileSystem::new(folder)
            .map_err(|error| anyhow::anyhow!("{}: {error:?}", folder.display()))?;
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        Ok(Self {
            folder: folder.to_owned(),
            current: Arc::new(current),
            history: Arc::new(History::new()?),
            locks,
            keeps_versions: scenario.versions,
            parts_have_etags: scenario.part_etags,
        })
    }

    /// Writes an object from within, and its bucket where there is none yet. Answers the version's
    /// id.
    pub(in crate::dev) async fn write(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
    ) -> anyhow::Result<String> {
        self.create(bucket).await?;
        let input = PutObjectInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            body: Some(blob(bytes)),
            ..PutObjectInput::default()
        };
        let written = self
            .put(unsent(input))
            .await
            .map_err(|error| anyhow::anyhow!("{bucket}/{key}: {}", error.code().as_str()))?;
        Ok(written.output.version_id.unwrap_or_default())
    }

    /// The bucket is there afterwards.
    pub(in crate::dev) async fn create(&self, bucket: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            s3s::path::check_bucket_name(bucket),
            "{bucket:?} is not a bucket's name"
        );
        Ok(tokio::fs::create_dir_all(self.folder.join(bucket)).await?)
    }

    async fn get(&self, request: S3Request<GetObjectInput>) -> S3Answer<GetObjectOutput> {
        let input = &request.input;
        if let Some(version) = input.version_id.clone() {
            let condition = input.if_match.clone();
            let mut answer = self.history.get(request, version).await?;
            check(condition.as_ref(), answer.output.e_tag.as_ref())?;
            answer.output.accept_ranges = Some("bytes".to_owned());
            return Ok(answer);
        }
        let (bucket, key, condition) = (
            input.bucket.clone(),
            input.key.clone(),
            input.if_match.clone(),
        );
        let is_part = input.range.is_some();
        let _unchanged = self.lock(&bucket, &key).await;
        self.must_exist(&bucket, &key)?;
        let mut answer = self.current.get_object(request).await?;
        check(condition.as_ref(), answer.output.e_tag.as_ref())?;
        answer.output.version_id = self.history.current(&bucket, &key);
        answer.output.accept_ranges = Some("bytes".to_owned());
        if is_part && self.parts_have_etags {
            answer.output.e_tag = answer
                .output
                .e_tag
                .map(|whole| ETag::Strong(format!("{}-part", whole.value())));
        }
        Ok(answer)
    }

    async fn head(&self, request: S3Request<HeadObjectInput>) -> S3Answer<HeadObjectOutput> {
        let input = &request.input;
        if let Some(version) = input.version_id.clone() {
            return self.history.head(request, version).await;
        }
        let (bucket, key, condition) = (
            input.bucket.clone(),
            input.key.clone(),
            input.if_match.clone(),
        );
        let _unchanged = self.lock(&bucket, &key).await;
        self.must_exist(&bucket, &key)?;
        let mut answer = self.current.head_object(request).await?;
        check(condition.as_ref(), answer.output.e_tag.as_ref())?;
        answer.output.version_id = self.history.current(&bucket, &key);
        Ok(answer)
    }

    /// Reads the body first, so that other writers do not wait for a slow one; from the condition
    /// to the version it is one step.
    async fn put(&self, mut request: S3Request<PutObjectInput>) -> S3Answer<PutObjectOutput> {
        let body = request
            .input
            .body
            .take()
            .ok_or_else(|| s3_error!(IncompleteBody))?;
        let body = whole(body).await?;
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let version = PutObjectInput {
            body: Some(blob(body.clone())),
            content_type: request.input.content_type.clone(),
            content_encoding: request.input.content_encoding.clone(),
            cache_control: request.input.cache_control.clone(),
            metadata: request.input.metadata.clone(),
            ..PutObjectInput::default()
        };
        request.input.body = Some(blob(body));
        let _alone = self.lock(&bucket, &key).await;
        self.must_fit(&bucket, &key)?;
        let mut answer = self.current.put_object(request).await?;
        if self.keeps_versions {
            answer.output.version_id = Some(self.history.keep(&bucket, &key, version).await?);
        }
        Ok(answer)
    }

    /// Leaves the versions, and marks the key as deleted.
    async fn delete(&self, request: S3Request<DeleteObjectInput>) -> S3Answer<DeleteObjectOutput> {
        if request.input.version_id.is_some() {
            return Err(s3_error!(NotImplemented, "versions are not deleted here"));
        }
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let _alone = self.lock(&bucket, &key).await;
        self.must_fit(&bucket, &key)?;
        let mut answer = self.current.delete_object(request).await?;
        answer.output.delete_marker = self.history.mark_deleted(&bucket, &key).then_some(true);
        Ok(answer)
    }

    fn must_exist(&self, bucket: &str, key: &str) -> S3Result<()> {
        self.must_fit(bucket, key)?;
        // A folder is not an object, although s3s-fs would open it.
        if self.folder.join(bucket).join(key).is_file() {
            Ok(())
        } else {
            Err(s3_error!(NoSuchKey))
        }
    }

    /// The bucket is there, and the key names a file in it.
    fn must_fit(&self, bucket: &str, key: &str) -> S3Result<()> {
        if !self.folder.join(bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        if ATTRIBUTES_NAME_BYTES + base64_bytes(bucket) + base64_bytes(key) > MAX_NAME_BYTES {
            return Err(s3_error!(KeyTooLongError));
        }
        let sound = key
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
        if sound {
            Ok(())
        } else {
            Err(s3_error!(InvalidArgument, "this key makes no file name"))
        }
    }

    async fn lock(&self, bucket: &str, key: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (bucket, key).hash(&mut hasher);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any bits of a hash will do"
        )]
        let index = hasher.finish() as usize % LOCKS;
        self.locks[index].lock().await
    }
}

/// The trait is written with async-trait; this is what that expands to.
macro_rules! operations {
    ($($operation:ident($input:ty) -> $output:ty = |$store:ident, $request:ident| $run:expr;)*) => {
        impl S3 for SandboxStore {
            $(
                fn $operation<'life0, 'async_trait>(&'life0 self, $request: S3Request<$input>) -> BoxFuture<'async_trait, S3Answer<$output>>
                where
                    'life0: 'async_trait,
                    Self: 'async_trait,
                {
                    let $store = self;
                    Box::pin($run)
                }
            )*
        }
    };
}

operations! {
    get_object(GetObjectInput) -> GetObjectOutput = |store, request| store.get(request);
    head_object(HeadObjectInput) -> HeadObjectOutput = |store, request| store.head(request);
    put_object(PutObjectInput) -> PutObjectOutput = |store, request| store.put(request);
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = |store, request| store.delete(request);
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = |store, request| store.current.list_objects_v2(request);
    create_bucket(CreateBucketInput) -> CreateBucketOutput = |store, request| store.current.create_bucket(request);
    head_bucket(HeadBucketInput) -> HeadBucketOutput = |store, request| store.current.head_bucket(request);
    list_buckets(ListBucketsInput) -> ListBucketsOutput = |store, request| store.current.list_buckets(request);
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = |store, request| store.current.get_bucket_location(request);
}

fn check(condition: Option<&ETagCondition>, e_tag: Option<&ETag>) -> S3Result<()> {
    match (condition, e_tag) {
        (Some(ETagCondition::ETag(wanted)), Some(e_tag)) if !e_tag.strong_cmp(wanted) => {
            Err(s3_error!(PreconditionFailed))
        }
        _ => Ok(()),
    }
}

async fn whole(mut body: StreamingBlob) -> S3Result<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| s3_error!(IncompleteBody))?;
        if bytes.len() + chunk.len() > MAX_OBJECT_BYTES {
            return Err(s3_error!(EntityTooLarge));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn blob(bytes: Bytes) -> StreamingBlob {
    StreamingBlob::from(Body::from(bytes))
}

/// Without padding.
fn base64_bytes(text: &str) -> usize {
    (text.len() * 4).div_ceil(3)
}
