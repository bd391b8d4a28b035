//! The context on which a decision about a job's call depends, beside the failure itself.

use super::RecallTime;
use crate::domain::account::AccountId;
use crate::domain::failure::Stage;
use crate::domain::job::Job;
use crate::domain::progress::Progress;
use crate::policy::Transfer;
use jiff::Timestamp;
use jiff::civil::Date;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One delivery of a job. It does not change while the delivery is held.
#[derive(Clone)]
pub struct JobContext<'a> {
    pub job: &'a Job,
    /// Cancelled when this worker may start nothing more for the job: it drains, or the delivery
    /// was lost with its connection.
    pub halt: CancellationToken,
    /// No attempt is started after it.
    pub deadline: Timestamp,
    /// When the delivery was received.
    pub began: Instant,
    /// The job can be parked; otherwise a caller waits for it.
    pub is_queued: bool,
    /// How long another worker that is handed the job waits before it pays for anything.
    pub redelivery_wait: Duration,
    pub origin: ImageOrigin,
}

/// How a job came to this worker.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The broker has handed this message out before.
    pub redelivered: bool,
    /// So another worker may still be at work on it.
    pub maybe_elsewhere: bool,
    /// It comes back from being parked: another copy of its run may have been answered meanwhile.
    pub returned: bool,
    /// Cancelled when this worker may start nothing more for the job.
    pub halt: CancellationToken,
    /// Since when its delivery is held.
    pub began: Instant,
}

/// The image's origin, as far as the job itself chose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageOrigin {
    /// In the default bucket: the job names the key alone.
    #[default]
    DefaultBucket,
    /// In another bucket, which the job names.
    OtherBucket,
    /// At a URL of the job's own, which the providers fetch.
    OwnUrl,
}

impl ImageOrigin {
    /// Whether a failure of this stage can be due to the address that the job chose.
    pub(super) fn concerns(self, stage: Stage, transfer: Transfer) -> bool {
        match (self, stage) {
            (Self::DefaultBucket, _) => false,
            (Self::OwnUrl, _) | (Self::OtherBucket, Stage::Storage) => true,
            (Self::OtherBucket, _) => transfer == Transfer::Url,
        }
    }
}

/// One call for a job, with the attempts at it in place. It is created where the call is made.
pub struct CallContext<'a> {
    pub job: &'a JobContext<'a>,
    pub progress: &'a mut Progress,
    /// The account that the call is made with.
    pub account: AccountId,
    /// The subject of the call: the image, or the key that it is read from.
    pub subject: &'a str,
    /// The bill's date, if it is known.
    pub billing_date: Option<Date>,
    /// How the image is handed over.
    pub transfer: Transfer,
    /// Whether the image's bytes could be sent instead of its URL: not if the URL is the job's own.
    pub can_send_bytes: bool,
    /// When the job last looked for an answer that another worker has paid for; `None` for calls
    /// that are not paid for.
    pub recalled: Option<RecallTime>,
    /// When the call began to fail, in an earlier turn with the same code or in this one.
    pub failing_since: Option<Timestamp>,
}

impl<'a> CallContext<'a> {
    /// Creates the context of a call that is not paid for, and that sends no image to a provider.
    pub fn new(
        job: &'a JobContext<'a>,
        progress: &'a mut Progress,
        account: AccountId,
        subject: &'a str,
    ) -> Self {
        Self {
            job,
            progress,
            account,
            subject,
            billing_date: None,
            transfer: Transfer::Inline,
            can_send_bytes: false,
            recalled: None,
            failing_since: None,
        }
    }
}
