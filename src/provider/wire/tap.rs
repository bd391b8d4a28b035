//! The last answer as it came, for a command that looks at the APIs themselves. A worker has none.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Holds an answer as it came. A clone shares it.
#[derive(Clone, Debug, Default)]
pub struct AnswerTap(Arc<Mutex<Option<TappedAnswer>>>);

/// An answer as it came. Its object has personal data in it: it is neither logged nor kept.
#[derive(Clone)]
pub struct TappedAnswer {
    pub http_status: u16,
    pub content_type: Option<String>,
    /// Its `Date`, and when it came by this machine's clock.
    pub server_time: Option<Timestamp>,
    pub received: Timestamp,
    pub has_retry_after: bool,
    /// The length of the body, as far as it came.
    pub bytes: usize,
    /// The object in the body, as strict JSON.
    pub object: Option<String>,
    /// The body was strict JSON as it stands.
    pub is_strict: bool,
}

impl AnswerTap {
    /// The answer that came since this was last asked for.
    pub fn take(&self) -> Option<TappedAnswer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn leave(&self, answer: TappedAnswer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl std::fmt::Debug for TappedAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("TappedAnswer");
        shown.field("http_status", &self.http_status);
        shown.finish_non_exhaustive()
    }
}
