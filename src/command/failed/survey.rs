//! A look at every copy that is meant, in the order of the queue.

use super::filter::Filter;
use super::job::FailedJob;
use super::look::Look;
use crate::broker::{Message, Session};
use anyhow::bail;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub(super) struct Survey<'a> {
    pub(super) session: &'a Session,
    pub(super) queue: &'a str,
    pub(super) filter: &'a Filter,
    pub(super) now: Timestamp,
    pub(super) stop: &'a CancellationToken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) looked_at: u32,
    pub(super) matching: u32,
    /// In the queue at the start, and not looked at: the limit was reached, or there are too many.
    pub(super) not_looked_at: u32,
    /// Counted at the start, and never handed out.
    pub(super) missing: u32,
}

impl Survey<'_> {
    /// Hands each copy that matches to `tell`, and puts everything back.
    pub(super) async fn each(
        &self,
        mut tell: impl FnMut(&FailedJob, &Message) -> anyhow::Result<()>,
    ) -> anyhow::Result<Seen> {
        let mut look = Look::begin(self.session, self.queue).await?;
        let mut seen = Seen::default();
        while !self.filter.is_satisfied_by(seen.matching) {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => bail!("interrupted; {} is as it was", self.queue),
                next = look.next() => next?,
            };
            let Some(delivery) = next else { break };
            seen.looked_at += 1;
            let job = FailedJob::of(&delivery.message);
            if self.filter.matches(&job, self.now) {
                seen.matching += 1;
                tell(&job, &delivery.message)?;
            }
        }
        (seen.not_looked_at, seen.missing) = (look.unseen(), look.missing());
        look.end().await?;
        Ok(seen)
    }
}
