//! The end of a session and its first cause. Later causes follow from the first one and are not
//! recorded.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Clones belong to the same session.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionLoss {
    over: CancellationToken,
    cause: Arc<OnceLock<String>>,
}

impl SessionLoss {
    pub(super) fn end_because(&self, cause: impl Display) {
        self.record(cause);
        self.over.cancel();
    }

    /// Records a cause that need not end the session.
    pub(super) fn record(&self, cause: impl Display) {
        if !self.is_over() {
            // An error means that another cause came first.
            let _ = self.cause.set(cause.to_string());
        }
    }

    /// Ends the session without a cause: it is no longer needed.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.get().map(String::as_str)
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_is_kept_and_a_session_that_was_closed_has_none() {
        let lost = SessionLoss::default();
        lost.end_because("reset");
        lost.clone().end_because("a consumer ended");
        assert_eq!((lost.is_over(), lost.cause()), (true, Some("reset")));
        let closed = SessionLoss::default();
        closed.end();
        closed.end_because("a consumer ended");
        assert_eq!((closed.is_over(), closed.cause()), (true, None));
    }
}
