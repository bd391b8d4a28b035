//! `failed replay`: copies are submitted again, each as another run.
//!
//! A copy is acknowledged when the broker has confirmed it in the jobs queue, and only then. A copy
//! that was interrupted in between is still in the failed queue, and carries the same mark when it
//! is replayed again: the same run, which the workers answer once.

use super::job::FailedJob;
use super::removal::Removal;
use crate::broker::{Message, Publisher, Session, fit_to_frame, replay_copy};
use crate::command::terminal::length;
use anyhow::Context;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

pub(super) struct Replay {
    publisher: Publisher,
    jobs_queue: String,
    throttle: Interval,
}

impl Replay {
    pub(super) fn new(session: &Session, jobs_queue: &str, per_second: u16) -> Self {
        let mut throttle = interval(Duration::from_secs(1) / u32::from(per_second.max(1)));
        throttle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            publisher: session.publisher(),
            jobs_queue: jobs_queue.to_owned(),
            throttle,
        }
    }
}

impl Removal for Replay {
    const IS_FOR_GOOD: bool = false;
    const DONE: &'static str = "replayed";
    const AFTER_A_LOSS: &'static str = "one that is replayed again is the same run";

    const REFUSAL: &'static str = "cannot be replayed: the body was larger than worker.max_job_bytes, and only its beginning \
         is kept here (header invoice-truncated); submit the job again from where it came";
    const LATE: Option<&'static str> = Some(
        "no call is made for it any more, and what is not answered from the checkpoints ends with job.deadline again; \
         submit it anew, with a later one",
    );

    /// The beginning of a body that was too large would be a message that no client sent.
    fn accepts(&self, job: &FailedJob) -> bool {
        !job.is_truncated
    }

    fn intent(&self, copies: u32) -> String {
        let seconds = self.throttle.period().mul_f64(copies.into()).as_secs();
        let length = length(seconds.max(1));
        format!("replay {copies} to {}, in about {length}", self.jobs_queue)
    }

    fn destination(&self) -> String {
        format!(" to {}", self.jobs_queue)
    }

    async fn ready(&mut self) {
        self.throttle.tick().await;
    }

    /// The job matters more than headers that one frame does not carry beside the mark.
    async fn secure(
        &mut self,
        job: &FailedJob,
        message: &Message,
        mark: &str,
    ) -> anyhow::Result<()> {
        let room = self.publisher.room_for_properties();
        let message = fit_to_frame(replay_copy(message, mark), room, &[]).message;
        let published = self.publisher.publish(&self.jobs_queue, &message).await;
        published.with_context(|| {
            let name = job.job_id.as_deref().unwrap_or("a job without a readable id");
            format!(
                "cannot publish {name:?} to {}; it is still here, and may be replayed again: that is the same run",
                self.jobs_queue
            )
        })
    }
}
