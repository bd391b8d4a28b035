//! What has been done and paid for. It travels with a parked job in the header `invoice-progress`.

use super::failure::{Billed, Stage};
use super::result::{CallRecord, JobError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The contract's bound on the header.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// A job may make more calls than are listed; the totals still count them.
pub const MAX_CALLS_LISTED: usize = 50;
const MAX_RULES: usize = 200;
const VERSION: u8 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(rename = "v")]
    version: u8,
    /// SHA-256 (hex) of the submitted message: the same message delivered twice is the same run.
    pub run: String,
    pub first_seen: Timestamp,
    /// Uses of each step, by rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    steps: BTreeMap<String, Vec<u32>>,
    /// The code that asked for the one call with `auto_rotate`; set once that call may be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_for: Option<String>,
    /// Recognition ended without an answer; it is not asked again while verification goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognition_error: Option<JobError>,
    /// Stages whose paid answer is checkpointed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpointed: Vec<Stage>,
    /// Why the job is parked: told in the metrics when it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redelivery_waited: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<CallRecord>,
    #[serde(default)]
    pub totals: Totals,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub stage: Stage,
    pub code: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub calls: u32,
    /// Calls that were or may have been paid for.
    pub billed: u32,
    pub parked: u32,
    pub retries: u32,
}

impl Progress {
    pub fn new(run: String, first_seen: Timestamp) -> Self {
        Self {
            version: VERSION,
            run,
            first_seen,
            steps: BTreeMap::new(),
            rotated_for: None,
            recognition_error: None,
            checkpointed: Vec::new(),
            parked: None,
            redelivery_waited: false,
            calls: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// How often this job has taken step `step` of `rule`.
    pub fn used(&self, rule: &str, step: usize) -> u32 {
        self.steps.get(rule).and_then(|uses| uses.get(step)).copied().unwrap_or(0)
    }

    /// Records that the job takes this step now.
    pub fn charge(&mut self, rule: &str, step: usize) {
        let uses = self.steps.entry(rule.to_owned()).or_default();
        if uses.len() <= step {
            uses.resize(step + 1, 0);
        }
        uses[step] = uses[step].saturating_add(1);
    }

    pub fn record(&mut self, call: CallRecord) {
        self.totals.calls = self.totals.calls.saturating_add(1);
        if call.billed != Billed::No {
            self.totals.billed = self.totals.billed.saturating_add(1);
        }
        if self.calls.len() == MAX_CALLS_LISTED {
            self.calls.remove(0);
        }
        self.calls.push(call);
    }

    /// The latest calls, oldest first.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// Calls made at this stage, as far as they are listed.
    pub fn attempts(&self, stage: Stage) -> u32 {
        let count = self.calls.iter().filter(|call| call.stage == stage).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// JSON for the header, at most [`MAX_HEADER_BYTES`]: the oldest calls give way first.
    pub fn to_header(&self) -> String {
        let mut shortened = self.clone();
        loop {
            let header = serde_json::to_string(&shortened).unwrap_or_default();
            if header.len() <= MAX_HEADER_BYTES || shortened.calls.is_empty() {
                return header;
            }
            shortened.calls.remove(0);
        }
    }

    /// Reads what [`Progress::to_header`] wrote. `None` for anything else: a stranger's header starts the job afresh.
    pub fn from_header(header: &str) -> Option<Self> {
        if header.len() > MAX_HEADER_BYTES {
            return None;
        }
        let progress: Self = serde_json::from_str(header).ok()?;
        let sound = progress.version == VERSION
            && progress.run.len() == 64
            && progress.run.bytes().all(|byte| byte.is_ascii_hexdigit())
            && progress.calls.len() <= MAX_CALLS_LISTED
            && progress.steps.len() <= MAX_RULES
            && progress.steps.values().all(|uses| uses.len() <= 16);
        sound.then_some(progress)
    }
}
