//! Progress as the text of a header. What is read may be a stranger's, so all that it says is bounded.

use super::{MAX_CALLS_LISTED, Progress, VERSION};
use crate::domain::failure::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES};

/// The contract's bound on the header.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// The bound on paid answers that travel with the header because no store took them: both together
/// are at most 64 KiB.
pub const MAX_PARCEL_BYTES: usize = 48 * 1024;
/// A SHA-256 in hexadecimal digits, and a word before it.
const MAX_IDENTITY_BYTES: usize = 80;
/// RabbitMQ allows so long a name.
const MAX_QUEUE_BYTES: usize = 255;
const MAX_RULES: usize = 200;
/// The most steps that a rule may have.
const MAX_STEPS: usize = 16;

impl Progress {
    /// JSON for the header, at most [`MAX_HEADER_BYTES`] beside the parcel: the oldest calls give
    /// way first.
    pub fn to_header(&self) -> String {
        self.to_header_within(usize::MAX)
    }

    /// Writes like [`Progress::to_header`], within `room` bytes as far as that can be had without
    /// forgetting anything but calls: the totals still count those that are listed no more.
    pub fn to_header_within(&self, room: usize) -> String {
        let mut shortened = self.clone();
        let most = room.min(MAX_HEADER_BYTES + self.parcel_bytes());
        loop {
            let header = serde_json::to_string(&shortened).unwrap_or_default();
            if header.len() <= most || shortened.costs.calls.is_empty() {
                return header;
            }
            shortened.costs.forget_one();
        }
    }

    /// Reads what [`Progress::to_header`] wrote for this run. `None` for anything else: a
    /// stranger's header starts the job afresh.
    pub fn from_header(header: &str, run: &str) -> Option<Self> {
        if header.len() > MAX_HEADER_BYTES + MAX_PARCEL_BYTES {
            return None;
        }
        let progress: Self = serde_json::from_str(header).ok()?;
        let parcel = progress.parcel_bytes();
        let is_sound = progress.version == VERSION
            && progress.run == run
            && parcel <= MAX_PARCEL_BYTES
            && header.len() - parcel <= MAX_HEADER_BYTES
            && progress.is_bounded();
        is_sound.then_some(progress)
    }

    fn parcel_bytes(&self) -> usize {
        self.about.parcel.as_ref().map_or(0, String::len)
    }

    /// No list and no text is longer than a worker writes it.
    fn is_bounded(&self) -> bool {
        let Self {
            delivered,
            about,
            steps,
            costs,
            ..
        } = self;
        let parked = delivered.parked.as_ref().map(|parked| &parked.code);
        let error = steps.recognition_error.as_ref();
        let texts = [
            (about.image.as_ref(), MAX_IDENTITY_BYTES),
            (delivered.queue.as_ref(), MAX_QUEUE_BYTES),
            (parked, MAX_CODE_BYTES),
            (steps.rotated_for.as_ref(), MAX_CODE_BYTES),
            (error.map(|error| &error.message), MAX_MESSAGE_BYTES),
        ];
        texts
            .into_iter()
            .all(|(text, most)| text.is_none_or(|text| text.len() <= most))
            && steps.steps.len() <= MAX_RULES
            && steps.steps.values().all(|uses| uses.len() <= MAX_STEPS)
            && costs.calls.len() <= MAX_CALLS_LISTED
            && costs
                .calls
                .iter()
                .all(|call| call.code.len() <= MAX_CODE_BYTES)
    }
}
