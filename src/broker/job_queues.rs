//! The list `[[broker.jobs]]`: several job queues that share one quota.

use crate::domain::job::MAX_SUBMITTER_BYTES;
use crate::settings::problem::Problems;
use crate::settings::text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A worker has a consumer and a channel for each of them.
const MOST_QUEUES: usize = 16;
const MOST_WEIGHT: u32 = 1_000;

/// A queue that jobs are submitted to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobQueue {
    pub queue: String,
    /// The part of the calls that its jobs get while others have jobs, too: in the ratio of the
    /// weights.
    pub weight: u32,
    /// The submitter of its jobs that name none. Empty: their bucket.
    pub submitter: String,
}

impl Default for JobQueue {
    fn default() -> Self {
        Self {
            queue: String::new(),
            weight: 1,
            submitter: String::new(),
        }
    }
}

impl JobQueue {
    /// Checks the entries of `[[broker.jobs]]`. Their names are checked beside those of all queues.
    pub(super) fn validate(queues: &[Self], problems: &mut Problems) {
        problems.require(
            queues.len() <= MOST_QUEUES,
            "broker.jobs",
            &format!("has more than {MOST_QUEUES} queues"),
        );
        for (index, queue) in queues.iter().enumerate() {
            problems.require(
                (1..=MOST_WEIGHT).contains(&queue.weight),
                &format!("broker.jobs[{index}].weight"),
                &format!("must be between 1 and {MOST_WEIGHT}"),
            );
            let key = format!("broker.jobs[{index}].submitter");
            problems.require(
                queue.submitter.len() <= MAX_SUBMITTER_BYTES,
                &key,
                &format!("is longer than {MAX_SUBMITTER_BYTES} bytes"),
            );
            if let Some(flaw) = text::flaw(&queue.submitter) {
                problems.add(&key, flaw);
            }
        }
    }
}
