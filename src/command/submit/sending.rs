//! One job on its way into the jobs queue.

use super::batch::JobBatch;
use super::input::JobLine;
use super::upload::Uploads;
use crate::broker::{BrokerError, PublishError, Publisher, run_id};
use crate::randomness::Randomness;
use crate::waits;
use anyhow::anyhow;
use serde_json::{Value, json};
use std::time::Duration;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The settings that every job is sent with.
pub(super) struct Sender<'a> {
    pub(super) batch: &'a JobBatch,
    pub(super) publisher: Publisher,
    /// `None` where no job names a file.
    pub(super) uploads: Option<&'a Uploads>,
    pub(super) max_job_bytes: usize,
    pub(super) randomness: &'a Randomness,
    /// Ends the waiting for a queue that is full.
    pub(super) stop: &'a CancellationToken,
}

/// A job that the broker has confirmed.
pub(super) struct SentJob {
    pub(super) message_id: String,
    /// The line that is printed about it.
    pub(super) receipt: Value,
}

#[derive(Debug, Error)]
pub(super) enum SendError {
    /// Another connection may do.
    #[error("the connection to the broker is lost")]
    Lost,
    /// The command was asked to stop before the job was sent.
    #[error("interrupted")]
    Stopped,
    #[error(transparent)]
    Failed(anyhow::Error),
}

impl Sender<'_> {
    /// Returns once the job is confirmed. A queue that is full for the moment is waited for.
    pub(super) async fn send(&self, line: JobLine) -> Result<SentJob, SendError> {
        let about = |error: anyhow::Error| SendError::Failed(error.context(line.place.clone()));
        let draft = line.draft(self.max_job_bytes);
        let draft = draft.map_err(|problem| about(anyhow!(problem)))?;
        let (bucket, key) = match (&draft.file, self.uploads) {
            (Some(file), Some(uploads)) => {
                let key = uploads.put(&line.path(file)).await.map_err(about)?;
                (uploads.bucket.as_str(), key)
            }
            (Some(_), None) => return Err(about(anyhow!("it changed while it was submitted"))),
            (None, _) => ("", String::new()),
        };
        let message = self
            .batch
            .message(&line.message_id, draft.body(bucket, &key));
        for attempt in 1.. {
            match self
                .publisher
                .publish(&self.batch.jobs_queue, &message)
                .await
            {
                Ok(()) => break,
                Err(PublishError::Lost) => return Err(SendError::Lost),
                Err(PublishError::Nacked | PublishError::TimedOut) => {
                    let wait = waits::growing(FIRST_WAIT, attempt, self.randomness.unit());
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.stop.cancelled() => return Err(SendError::Stopped),
                    }
                }
                Err(PublishError::Returned) => return Err(self.no_queue()),
                Err(error @ (PublishError::Forbidden(_) | PublishError::Refused(_))) => {
                    let error: BrokerError = error.about(&self.batch.jobs_queue);
                    return Err(about(error.into()));
                }
            }
        }
        let mut receipt = json!({
            "message_id": line.message_id,
            "run": run_id(&message),
            "place": line.place,
        });
        if !key.is_empty() {
            receipt["image"] = json!({ "bucket": bucket, "key": key });
        }
        Ok(SentJob {
            message_id: line.message_id,
            receipt,
        })
    }

    fn no_queue(&self) -> SendError {
        let queue = &self.batch.jobs_queue;
        SendError::Failed(anyhow!(
            "there is no queue {queue}: declare it with `invoice-worker topology declare`, or start a worker"
        ))
    }
}
