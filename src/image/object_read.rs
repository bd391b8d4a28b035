//! The loader's reads from the store, and whose fault it is where they fail.

use super::Loader;
use super::fetch::{Fetched, Keep, fetch};
use super::header::{ImageHeader, read_header};
use super::memory::Reserved;
use super::presigned::{ObjectPath, PresignedObject, subject};
use crate::domain::account::AccountId;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::retry::{Attempted, CallContext, JobContext, Retrier, StageStopped};
use crate::store::Revision;
use std::sync::Arc;

impl Loader {
    /// Reads the whole image. The job waits for memory first, so that it keeps no other job from
    /// the store meanwhile.
    pub(super) async fn fetched(
        &self,
        path: ObjectPath<'_>,
        job: &JobContext<'_>,
        progress: &mut Progress,
        retrier: &Retrier,
    ) -> Result<Fetched, Box<StageStopped>> {
        self.fetched_keeping(Keep::WhatItNeeds, path, job, progress, retrier)
            .await
    }

    /// Reads the whole image, and keeps so much of the memory that it waited for.
    pub(super) async fn fetched_keeping(
        &self,
        keep: Keep,
        path: ObjectPath<'_>,
        job: &JobContext<'_>,
        progress: &mut Progress,
        retrier: &Retrier,
    ) -> Result<Fetched, Box<StageStopped>> {
        let subject = subject(path);
        let mut call = CallContext::new(job, progress, AccountId::STORAGE, &subject);
        let mut kept = None;
        loop {
            let queue = call.progress.delivered.queue.as_deref();
            let reserve = self.memory.reserve_for(queue, self.need.most());
            let reserved = retrier.in_turn(job, reserve).await?;
            let attempt = self.fetch(path, reserved, keep);
            let control = async |code: String| self.is_the_objects_fault(path, &code).await;
            match retrier.attempt(&mut call, kept, attempt, control).await? {
                Attempted::Done(fetched) => {
                    self.remember(path);
                    return Ok(fetched);
                }
                Attempted::Again(permit) => kept = permit,
            }
        }
    }

    pub(super) fn presigned(
        &self,
        (bucket, key, asked): ObjectPath<'_>,
        revision: &Revision,
    ) -> Arc<PresignedObject> {
        Arc::new(PresignedObject {
            store: self.store.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            asked: asked.map(str::to_owned),
            revision: revision.clone(),
            urls: Arc::clone(&self.presigned_urls),
        })
    }

    /// The store gave this image: control reads may ask for it.
    pub(super) fn remember(&self, path: ObjectPath<'_>) {
        if path.0 == self.bucket {
            self.control_read.remember(path);
        }
    }

    pub(super) async fn is_the_objects_fault(&self, path: ObjectPath<'_>, code: &str) -> bool {
        let control = &self.control_read;
        path.0 == self.bucket && control.is_the_objects_fault(&self.store, path, code).await
    }

    pub(super) async fn header(&self, path: ObjectPath<'_>) -> Result<ImageHeader, Failure> {
        read_header(&self.store, path)
            .await
            .map_err(|failure| self.blame(failure, path))
    }

    async fn fetch(
        &self,
        path: ObjectPath<'_>,
        reserved: Reserved,
        keep: Keep,
    ) -> Result<Fetched, Failure> {
        fetch(&self.store, reserved, self.need, keep, path)
            .await
            .map_err(|failure| self.blame(failure, path))
    }

    /// Returns who is at fault: a fault of our own bucket is the operator's mistake and pauses the
    /// stage; a fault of a bucket that the job names is the job's.
    fn blame(&self, failure: Failure, path: ObjectPath<'_>) -> Failure {
        if path.0 == self.bucket {
            return failure;
        }
        if failure.code == "NoSuchBucket" {
            return Failure::new(
                Stage::Image,
                "image.not_found",
                "the store has no such bucket",
            );
        }
        if self.policy.meaning(&failure).is_about_bucket {
            let problem = format!(
                "the bucket that the job names cannot be read: {}",
                failure.message
            );
            return Failure::new(Stage::Image, "image.forbidden", problem);
        }
        failure
    }
}
