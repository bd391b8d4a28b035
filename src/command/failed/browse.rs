//! The copies in the failed queue that a filter selects.

use super::filter::Filter;
use super::job::FailedJob;
use crate::broker::{Message, Session};
use crate::command::queue_browser::QueueBrowser;
use anyhow::bail;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// The copies that a filter selects, in the order of the queue.
pub(super) struct Selection<'a> {
    pub(super) session: &'a Session,
    pub(super) queue: &'a str,
    pub(super) filter: &'a Filter,
    pub(super) now: Timestamp,
    pub(super) stop: &'a CancellationToken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BrowseTally {
    pub(super) looked_at: u32,
    pub(super) matching: u32,
    /// Copies that were there at the start and were not looked at: the limit was reached, or there
    /// are too many.
    pub(super) not_looked_at: u32,
    /// Copies that were counted at the start and never came.
    pub(super) missing: u32,
    /// Other consumers, where there was nothing to look at: what they hold is not seen.
    pub(super) others: u32,
}

impl Selection<'_> {
    /// Hands each copy that matches to `visit`, and puts everything back.
    pub(super) async fn each(
        &self,
        mut visit: impl FnMut(&FailedJob, &Message) -> anyhow::Result<()>,
    ) -> anyhow::Result<BrowseTally> {
        let mut browser = QueueBrowser::begin(self.session, self.queue).await?;
        let mut tally = BrowseTally::default();
        while !self.filter.copies.is_satisfied_by(tally.matching) {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => bail!("interrupted; {} is as it was", self.queue),
                next = browser.next() => next?,
            };
            let Some(delivery) = next else { break };
            tally.looked_at += 1;
            let job = FailedJob::of(&delivery.message);
            if self.filter.matches(&job, self.now) {
                tally.matching += 1;
                visit(&job, &delivery.message)?;
            }
        }
        (tally.not_looked_at, tally.missing) = (browser.unseen, browser.missing);
        tally.others = browser.others;
        browser.end().await?;
        Ok(tally)
    }
}
