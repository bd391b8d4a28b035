//! What the messages of one submission have in common. Each message follows from it and from the
//! line of its job, so that one that is sent again after an interruption is the same message, and
//! the same run for the workers.

use crate::broker::{Message, Properties};
use crate::randomness::Randomness;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const SCHEMA: &str = "invoice.submit/1";
/// The bytes of a SHA-256 that name a message.
const ID_BYTES: usize = 16;

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobBatch {
    schema: String,
    /// Drawn when the submission begins, so that another submission of the same jobs is another
    /// run.
    id: String,
    /// In seconds since the epoch.
    timestamp: u64,
    pub(super) jobs_queue: String,
    /// `None`: the results go to the results queue.
    pub(super) reply_to: Option<String>,
}

/// The queue that the results of a new submission go to.
pub(super) enum Replies {
    /// To a queue of the submission's own, whose name begins like this.
    Own(String),
    To(String),
    ResultsQueue,
}

impl JobBatch {
    pub(super) fn begin(
        jobs_queue: &str,
        replies: Replies,
        now: Timestamp,
        randomness: &Randomness,
    ) -> Self {
        let id = format!("{:016x}{:016x}", randomness.number(), randomness.number());
        Self {
            schema: SCHEMA.to_owned(),
            timestamp: u64::try_from(now.as_second()).unwrap_or_default(),
            jobs_queue: jobs_queue.to_owned(),
            reply_to: match replies {
                Replies::Own(prefix) => Some(format!("{prefix}{id}")),
                Replies::To(queue) => Some(queue),
                Replies::ResultsQueue => None,
            },
            id,
        }
    }

    /// Reads the first line of a journal; `None` where it is none of ours, or of a later version.
    pub(super) fn read(line: &str) -> Option<Self> {
        let batch: Self = serde_json::from_str(line).ok()?;
        (batch.schema == SCHEMA).then_some(batch)
    }

    /// Whether a journal that a crash cut short within its first line may have begun like this.
    pub(super) fn may_begin_with(text: &str) -> bool {
        let beginning = format!("{{\"schema\":\"{SCHEMA}\"");
        text.starts_with(&beginning) || beginning.starts_with(text)
    }

    /// Whether the replies come to a queue that only this submission uses.
    pub(super) fn has_own_queue(&self) -> bool {
        self.reply_to
            .as_ref()
            .is_some_and(|queue| queue.ends_with(&self.id))
    }

    /// The name of the `occurrence`-th (from 0) of the lines with this text.
    pub(super) fn message_id(&self, line: &str, occurrence: u32) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.id);
        hash.update(occurrence.to_be_bytes());
        hash.update(line.trim());
        hex::encode(&hash.finalize()[..ID_BYTES])
    }

    pub(super) fn message(&self, message_id: &str, body: String) -> Message {
        Message {
            body: body.into(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                reply_to: self.reply_to.clone(),
                correlation_id: Some(message_id.to_owned()),
                message_id: Some(message_id.to_owned()),
                kind: Some("invoice.job".to_owned()),
                timestamp: Some(self.timestamp),
                ..Properties::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::run_id;

    fn batch(seed: u64) -> JobBatch {
        let replies = Replies::Own("jobs.replies.".to_owned());
        let now = Timestamp::from_second(7).unwrap();
        JobBatch::begin("jobs", replies, now, &Randomness::seeded(seed))
    }

    #[test]
    fn the_same_line_of_the_same_batch_is_the_same_run_and_any_other_is_not() {
        let run = |batch: &JobBatch, line: &str, occurrence| {
            let id = batch.message_id(line, occurrence);
            run_id(&batch.message(&id, line.trim().to_owned()))
        };
        let (one, other) = (batch(1), batch(2));
        let kept = JobBatch::read(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(run(&one, "{}", 0), run(&kept, " {}\r", 0));
        assert_ne!(run(&one, "{}", 0), run(&one, "{}", 1));
        assert_ne!(run(&one, "{}", 0), run(&one, "{ }", 0));
        assert_ne!(run(&one, "{}", 0), run(&other, "{}", 0));
    }

    #[test]
    fn a_first_line_is_read_back_or_refused() {
        let one = batch(1);
        assert!(one.has_own_queue());
        let line = serde_json::to_string(&one).unwrap();
        assert_eq!(JobBatch::read(&line), Some(one));
        assert_eq!(JobBatch::read(&line.replace("submit/1", "submit/2")), None);
        assert_eq!(JobBatch::read("{\"job_id\": \"1\"}"), None);
        assert_eq!(JobBatch::read(""), None);
    }
}
