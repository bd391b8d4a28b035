//! Taking copies out of the failed queue one after the other, so that it can be interrupted at any
//! point. `replay` and `drop` say what happens to each.

use super::job::FailedJob;
use super::plan::Plan;
use crate::broker::{Message, Session, Settled};
use crate::command::queue_browser::QueueBrowser;
use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A copy that is passed by stays unacknowledged as long as the browser lives, and RabbitMQ closes a channel
/// that holds a delivery for half an hour. After this time everything goes back, and a new round
/// begins.
const ROUND: Duration = Duration::from_mins(10);

/// One way of taking copies out of the queue.
pub(super) trait Removal {
    /// Nothing is left in the broker of a copy that is removed: that needs more consent.
    const IS_FOR_GOOD: bool;
    /// The past tense of the command, as the last line has it.
    const DONE: &'static str;
    /// A hint for a connection that was lost while a copy was acknowledged.
    const AFTER_A_LOSS: &'static str;
    /// Why copies are not accepted.
    const REFUSAL: &'static str = "";
    /// A hint about copies whose own deadline is past, where that makes a difference.
    const LATE: Option<&'static str> = None;

    /// True where it can be done with this copy.
    fn accepts(&self, _job: &FailedJob) -> bool {
        true
    }

    /// The line that says what would be done if there was consent.
    fn intent(&self, copies: u32) -> String;

    /// The place where copies go, behind `DONE` and their number.
    fn destination(&self) -> String {
        String::new()
    }

    /// Done once, before the first copy and with consent.
    async fn prepare(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Waits until the next copy may be taken.
    async fn ready(&mut self) {}

    /// Puts the copy where it has to be before it may be acknowledged.
    async fn secure(
        &mut self,
        job: &FailedJob,
        message: &Message,
        mark: &str,
    ) -> anyhow::Result<()>;

    /// Reports one copy that was removed.
    fn report(&self, _job: &FailedJob) -> std::io::Result<()> {
        Ok(())
    }
}

/// How far a removal came.
#[derive(Debug, Default)]
pub(super) struct RemovalProgress {
    pub(super) done: u32,
    /// The number of these that are past their own deadline.
    pub(super) late: u32,
    end: RemovalEnd,
}

/// Why nothing more was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum RemovalEnd {
    #[default]
    Broken,
    Interrupted,
    EndOfQueue,
}

impl RemovalProgress {
    /// One line about what was done, of `planned`.
    pub(super) fn summary<R: Removal>(&self, removal: &R, planned: u32, queue: &str) -> String {
        let (verb, destination) = (R::DONE, removal.destination());
        if self.done == planned {
            return format!("{verb} {planned}{destination}");
        }
        let rest = match self.end {
            RemovalEnd::Interrupted => format!("interrupted, the others are still in {queue}"),
            RemovalEnd::Broken => format!("the others are still in {queue}"),
            RemovalEnd::EndOfQueue => format!(
                "the others did not come: they are gone from {queue}, or another consumer holds them"
            ),
        };
        format!("{verb} {} of {planned}{destination}; {rest}", self.done)
    }

    /// A line about the copies that were or would be removed past their own deadline.
    pub(super) fn late_line<R: Removal>(late: u32) -> Option<String> {
        R::LATE
            .filter(|_| late > 0)
            .map(|what| format!("{late} past the job's own deadline: {what}"))
    }

    /// Works round after round, until the plan is done or a whole round found nothing of it.
    pub(super) async fn carry_out<R: Removal>(
        &mut self,
        removal: &mut R,
        session: &Session,
        queue: &str,
        plan: &mut Plan,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let bar = progress_bar(plan.left());
        loop {
            let before = self.done;
            let mut browser = QueueBrowser::begin(session, queue).await?;
            self.round(removal, &mut browser, plan, stop, &bar).await?;
            browser.end().await?;
            if stop.is_cancelled() {
                self.end = RemovalEnd::Interrupted;
                return Ok(());
            }
            if plan.left() == 0 || self.done == before {
                self.end = RemovalEnd::EndOfQueue;
                return Ok(());
            }
        }
    }

    async fn round<R: Removal>(
        &mut self,
        removal: &mut R,
        browser: &mut QueueBrowser<'_>,
        plan: &mut Plan,
        stop: &CancellationToken,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while plan.left() > 0 && began.elapsed() < ROUND {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = browser.next() => next?,
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
                () = removal.ready() => {}
            }
            removal.secure(&job, &delivery.message, &mark).await?;
            if delivery.settle().await == Settled::Lost {
                bail!("the connection to the broker was lost; {}", R::AFTER_A_LOSS);
            }
            bar.suspend(|| removal.report(&job))?;
            browser.settled();
            plan.done(&mark);
            self.done += 1;
            self.late += u32::from(job.is_late(plan.groups.now));
            bar.inc(1);
        }
        Ok(())
    }
}

/// A bar on stderr; it is drawn on a terminal only.
fn progress_bar(copies: u32) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(copies.into()), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests;
