//! That a session is over, and the first cause of it: what follows from that is not told again.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Clones belong to the same session.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    over: CancellationToken,
    cause: Arc<OnceLock<String>>,
}

impl Lost {
    pub(super) fn because(&self, cause: impl Display) {
        self.blame(cause);
        self.over.cancel();
    }

    /// Something went wrong of which the session need not die.
    pub(super) fn blame(&self, cause: impl Display) {
        if !self.is_lost() {
            // Err: something else went wrong before.
            let _ = self.cause.set(cause.to_string());
        }
    }

    /// Nothing went wrong: nobody needs it any more.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    pub(super) fn is_lost(&self) -> bool {
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
    fn the_first_cause_is_told_and_a_session_that_was_closed_has_none() {
        let lost = Lost::default();
        lost.because("reset");
        lost.clone().because("a consumer ended");
        assert_eq!((lost.is_lost(), lost.cause()), (true, Some("reset")));
        let closed = Lost::default();
        closed.end();
        closed.because("a consumer ended");
        assert_eq!((closed.is_lost(), closed.cause()), (true, None));
    }
}
