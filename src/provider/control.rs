//! The control call: many requests in a row were refused as malformed, or answered with what is
//! none. Whose fault is it? One call with a picture that was answered before decides.

use super::View;
use crate::domain::picture::{Format, Picture};
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// Larger pictures are not kept for it.
pub const MAX_KEPT_BYTES: usize = 3 << 20;
/// The picture that is sent while none was answered in this process yet.
const SAMPLE: &[u8] = include_bytes!("../../tests/data/invoices/07-shandong-outpatient-posted.jpg");

/// The state from which an account makes its next control call.
#[derive(Default)]
pub(super) struct Control {
    /// The newest picture that was answered well.
    answered: Mutex<Option<Picture>>,
    /// When the last one was made, and whether it was refused, too. Who comes while one is made
    /// waits for its answer.
    pub(super) last: AsyncMutex<Option<(Instant, bool)>>,
}

impl Control {
    pub(super) fn remember(&self, view: &View) {
        if let View::Inline(picture) = view
            && picture.bytes.len() <= MAX_KEPT_BYTES
        {
            *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(picture.clone());
        }
    }

    pub(super) fn picture(&self) -> Picture {
        let answered = self
            .answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        answered.unwrap_or_else(|| Picture {
            bytes: Bytes::from_static(SAMPLE),
            format: Format::Jpeg,
        })
    }
}
