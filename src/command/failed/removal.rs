//! `failed replay` and `failed drop`: one copy after the other, so that it can be interrupted at
//! any point.
//!
//! A copy is replayed when the broker has confirmed it in the jobs queue, and acknowledged only
//! then. What is interrupted in between is still in the failed queue, and carries the same mark
//! when it is replayed again: the same run, which the workers answer once.

use super::job::FailedJob;
use super::keep::KeptFile;
use super::look::Look;
use super::plan::Plan;
use super::words::{length, plain};
use crate::broker::{
    Delivery, Message, PublishError, Publisher, Session, Settled, TRUNCATED, fitted, replayed,
};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// What is passed by is held as long as the look lasts, and RabbitMQ closes a channel that holds a
/// delivery for half an hour. After this everything goes back, and a new look begins.
const ROUND: Duration = Duration::from_mins(10);

pub(super) enum Deed {
    Replay {
        publisher: Publisher,
        jobs_queue: String,
        throttle: Interval,
    },
    /// Taken out of the queue; kept in a file first, where one is named.
    Drop { kept: Option<KeptFile> },
}

/// How far it came.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) done: u32,
    /// Of these, past their own deadline.
    pub(super) late: u32,
    end: End,
}

/// Why nothing more was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Broken,
    Interrupted,
    OfTheQueue,
}

impl Deed {
    pub(super) fn replay(session: &Session, jobs_queue: &str, per_second: u16) -> Self {
        let mut throttle = interval(Duration::from_secs(1) / u32::from(per_second.max(1)));
        throttle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self::Replay {
            publisher: session.publisher(),
            jobs_queue: jobs_queue.to_owned(),
            throttle,
        }
    }

    /// Not what is left of a body that was too large: it would begin a run of a message that no
    /// client sent.
    pub(super) fn can_take(&self, job: &FailedJob) -> bool {
        match self {
            Self::Replay { .. } => !job.is_truncated,
            Self::Drop { .. } => true,
        }
    }

    /// A line about those that it cannot take, where there are any.
    pub(super) fn refusal(refused: u32) -> Option<String> {
        (refused > 0).then(|| {
            format!(
                "{refused} cannot be replayed: the body was larger than worker.max_job_bytes, and only its beginning is kept here \
                 (header {TRUNCATED}); submit the job again from where it came"
            )
        })
    }

    /// Whether nothing is left of a copy in the broker.
    pub(super) fn is_for_good(&self) -> bool {
        match self {
            Self::Replay { .. } => false,
            Self::Drop { .. } => true,
        }
    }

    pub(super) fn intent(&self, copies: u32) -> String {
        match self {
            Self::Replay {
                jobs_queue,
                throttle,
                ..
            } => {
                let seconds = throttle.period().mul_f64(copies.into()).as_secs().max(1);
                format!(
                    "replay {copies} to {jobs_queue}, in about {}",
                    length(seconds)
                )
            }
            Self::Drop { .. } => format!("drop {copies} for good"),
        }
    }

    /// One line about what was done, of `planned`.
    pub(super) fn outcome(&self, progress: &Progress, planned: u32, queue: &str) -> String {
        let done = if progress.done == planned {
            planned.to_string()
        } else {
            format!("{} of {planned}", progress.done)
        };
        let rest = match (progress.done == planned, progress.end) {
            (true, _) => String::new(),
            (false, End::Interrupted) => format!("; interrupted, the others are still in {queue}"),
            (false, End::Broken) => format!("; the others are still in {queue}"),
            (false, End::OfTheQueue) => format!(
                "; the others did not come: they are gone from {queue}, or in somebody else's hands"
            ),
        };
        match self {
            Self::Replay { jobs_queue, .. } => format!("replayed {done} to {jobs_queue}{rest}"),
            Self::Drop { .. } => format!("dropped {done}{rest}"),
        }
    }

    /// A line about those past their own deadline, where that makes a difference.
    pub(super) fn in_vain(&self, late: u32) -> Option<String> {
        match self {
            Self::Replay { .. } if late > 0 => Some(format!(
                "{late} past the job's own deadline: no call is made for it any more, and what is not answered from the checkpoints \
                 ends with job.deadline again; submit it anew, with a later one"
            )),
            Self::Replay { .. } | Self::Drop { .. } => None,
        }
    }

    /// Round after round, until the plan is done or a whole round found nothing of it.
    pub(super) async fn carry_out(
        &mut self,
        session: &Session,
        queue: &str,
        plan: &mut Plan,
        stop: &CancellationToken,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let bar = progress_bar(plan.left());
        loop {
            let before = progress.done;
            let mut look = Look::begin(session, queue).await?;
            self.round(&mut look, plan, stop, progress, &bar).await?;
            look.end().await?;
            if stop.is_cancelled() {
                progress.end = End::Interrupted;
                return Ok(());
            }
            if plan.left() == 0 || progress.done == before {
                progress.end = End::OfTheQueue;
                return Ok(());
            }
        }
    }

    async fn round(
        &mut self,
        look: &mut Look<'_>,
        plan: &mut Plan,
        stop: &CancellationToken,
        progress: &mut Progress,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while plan.left() > 0 && began.elapsed() < ROUND {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = look.next() => next?,
            };
            let Some(delivery) = next else { break };
            let job = FailedJob::of(&delivery.message);
            let mark = job.mark();
            if !plan.wants(&mark) {
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.turn() => {}
            }
            self.one(delivery, &job, &mark).await?;
            bar.suspend(|| self.name(&job))?;
            look.settled();
            plan.done(&mark);
            progress.done += 1;
            progress.late += u32::from(job.is_late(plan.groups.now));
            bar.inc(1);
        }
        Ok(())
    }

    /// What is gone for good is named.
    fn name(&self, job: &FailedJob) -> std::io::Result<()> {
        match (self, &job.job_id) {
            (Self::Replay { .. }, _) => Ok(()),
            (Self::Drop { .. }, Some(job_id)) => {
                writeln!(std::io::stdout().lock(), "{}", plain(job_id))
            }
            (Self::Drop { .. }, None) => writeln!(
                std::io::stdout().lock(),
                "(a job without a readable id, run {})",
                job.run
            ),
        }
    }

    async fn turn(&mut self) {
        match self {
            Self::Replay { throttle, .. } => drop(throttle.tick().await),
            Self::Drop { .. } => {}
        }
    }

    /// Whether the broker heard of the last one's end is not known.
    fn after_a_loss(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "one that is replayed again is the same run",
            Self::Drop { .. } => "the last one may still be there, and can be dropped again",
        }
    }

    async fn one(&mut self, delivery: Delivery, job: &FailedJob, mark: &str) -> anyhow::Result<()> {
        match self {
            Self::Replay {
                publisher,
                jobs_queue,
                ..
            } => {
                publish(publisher, jobs_queue, replayed(&delivery.message, mark)).await.with_context(|| {
                    let name = job.job_id.as_deref().unwrap_or("a job without a readable id");
                    format!("cannot publish {name:?} to {jobs_queue}; it is still here, and may be replayed again: that is the same run")
                })?;
            }
            Self::Drop { kept: Some(kept) } => kept.add(job, &delivery.message).await?,
            Self::Drop { kept: None } => {}
        }
        match delivery.settle().await {
            Settled::Acknowledged => Ok(()),
            Settled::Lost => bail!(
                "the connection to the broker was lost; {}",
                self.after_a_loss()
            ),
        }
    }
}

/// The job matters more than headers that one frame does not carry beside the mark.
async fn publish(
    publisher: &Publisher,
    jobs_queue: &str,
    message: Message,
) -> Result<(), PublishError> {
    publisher
        .publish(
            jobs_queue,
            &fitted(message, publisher.room_for_properties(), &[]).message,
        )
        .await
}

/// Draws on a terminal only.
fn progress_bar(copies: u32) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(copies.into()), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests;
