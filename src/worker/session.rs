//! One generation: a session and everything that hangs on it.

use crate::broker::Session;
use tokio_util::sync::CancellationToken;

/// Its deliveries can be settled only while it lives.
pub(super) struct Generation {
    pub(super) session: Session,
    /// Cancelled when its jobs may start nothing more: the generation is over, or the worker drains.
    pub(super) halt: CancellationToken,
    ended: CancellationToken,
}

impl Generation {
    pub(super) fn new(session: Session, stop: &CancellationToken) -> Self {
        Self { session, halt: stop.child_token(), ended: CancellationToken::new() }
    }

    /// Gives the whole generation up: what it did not acknowledge is delivered again to the next one.
    pub(super) fn end(&self) {
        self.ended.cancel();
        self.halt.cancel();
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.is_cancelled() || self.session.is_lost()
    }

    pub(super) async fn over(&self) {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            () = self.session.lost() => {}
        }
    }
}
