//! `failed replay`: copies are submitted again, each as another run.
//!
//! A copy is acknowledged when the broker has confirmed it in its job queue, and only then. A copy
//! that was interrupted in between is still in the failed queue, and carries the same mark when it
//! is replayed again: the same run, which the workers answer once.

use super::job::FailedJob;
use super::removal::Removal;
use crate::broker::{self, Message, Publisher, Session, fit_to_frame, replay_copy};
use crate::command::terminal::length;
use anyhow::Context;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

pub(super) struct Replay {
    publisher: Publisher,
    /// The job queues; what came from none of them goes to the first.
    queues: Vec<String>,
    throttle: Interval,
}

impl Replay {
    pub(super) fn new(session: &Session, queues: &broker::Config, per_second: u16) -> Self {
        let mut throttle = interval(Duration::from_secs(1) / u32::from(per_second.max(1)));
        throttle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            publisher: session.publisher(),
            queues: queues
                .job_queues()
                .into_iter()
                .map(|jobs| jobs.queue)
                .collect(),
            throttle,
        }
    }

    /// The job queue that the job came from, if it is still configured, or else the first.
    fn queue_of(&self, job: &FailedJob) -> &str {
        let mut queues = self.queues.iter();
        let first = queues.next().map_or("", String::as_str);
        let came_from = queues.find(|queue| job.queue.as_ref() == Some(queue));
        came_from.map_or(first, String::as_str)
    }

    /// Where copies go, for people.
    fn whereto(&self) -> &str {
        match self.queues.as_slice() {
            [queue] => queue,
            _ => "the job queues that they came from",
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
        format!("replay {copies} to {}, in about {length}", self.whereto())
    }

    fn destination(&self) -> String {
        format!(" to {}", self.whereto())
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
        let queue = self.queue_of(job);
        let published = self.publisher.publish(queue, &message).await;
        published.with_context(|| {
            let name = job.job_id.as_deref().unwrap_or("a job without a readable id");
            format!(
                "cannot publish {name:?} to {queue}; it is still here, and may be replayed again: that is the same run"
            )
        })
    }
}
