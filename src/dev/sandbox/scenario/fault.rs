//! One rule of a scenario: which calls, and what they are answered.

use std::time::Duration;

use super::answer::{Answer, UnknownAnswer};
use crate::domain::failure::Stage;

/// The first rule that fits a call answers it. A new one fits every call of its stage; the fields
/// narrow it down.
#[derive(Clone, Debug)]
pub struct Fault {
    pub stage: Stage,
    pub answer: Answer,
    pub whom: Whom,
    pub calls: Calls,
    /// Since the sandbox was started or reset: from `after` on, and before `until`.
    pub after: Duration,
    pub until: Option<Duration>,
    /// Between 0 and 1. Drawn from the scenario's seed, the rule, the picture and the number of the
    /// call: the same in every run.
    pub probability: f64,
    /// Instead of the documented one.
    pub http_status: Option<u16>,
    /// Instead of the documented wording.
    pub message: Option<String>,
    /// Sent as `Retry-After`, in whole seconds.
    pub retry_after: Option<Duration>,
    /// Verification: `qrcode_scan_result`, instead of what was really found.
    pub qr: Option<bool>,
    /// Before the answer; for `slow`, the time over which it is spread.
    pub delay: Duration,
}

/// Every condition that is given must hold. Texts may end in `*`, which stands for anything.
#[derive(Clone, Debug, Default)]
pub struct Whom {
    /// The name of a sample, `01-beijing-outpatient`.
    pub sample: Option<String>,
    pub note_no: Option<String>,
    /// As recognition names it, 北京. Only known for samples.
    pub province: Option<String>,
    /// Storage: the object's key.
    pub key: Option<String>,
    /// Storage: `get`, `fetch` (a `get` by a presigned address, as the providers have it), `head`,
    /// `put`, `delete`, `list`; without it, `get`.
    pub operation: Option<String>,
    /// Verification: whether the call asked for it.
    pub auto_rotate: Option<bool>,
}

/// The calls of one picture (storage: of one operation on one key), counted from 1. What was
/// refused before the picture was looked at, for its signature, its limits or the rate, is not
/// counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calls {
    All,
    These(Vec<u32>),
    /// Both ends included.
    Between(u32, u32),
}

impl Fault {
    /// Every call of `stage` is answered `answer`, a name of the error-code policy or of
    /// [`super::answer::Wire`].
    pub fn new(stage: Stage, answer: &str) -> Result<Self, UnknownAnswer> {
        Ok(Self::of(stage, Answer::parse(stage, answer, false)?))
    }

    pub(super) fn of(stage: Stage, answer: Answer) -> Self {
        Self {
            stage,
            answer,
            whom: Whom::default(),
            calls: Calls::All,
            after: Duration::ZERO,
            until: None,
            probability: 1.0,
            http_status: None,
            message: None,
            retry_after: None,
            qr: None,
            delay: Duration::ZERO,
        }
    }

    /// Only the calls of the sample of this name.
    #[must_use]
    pub fn sample(mut self, name: &str) -> Self {
        self.whom.sample = Some(name.to_owned());
        self
    }

    /// Only these calls of each picture, counted from 1.
    #[must_use]
    pub fn calls(mut self, numbers: impl Into<Vec<u32>>) -> Self {
        self.calls = Calls::These(numbers.into());
        self
    }
}

impl Calls {
    pub(in crate::dev::sandbox) fn contain(&self, number: u32) -> bool {
        match self {
            Self::All => true,
            Self::These(numbers) => numbers.contains(&number),
            Self::Between(from, to) => (*from..=*to).contains(&number),
        }
    }
}

/// Whether `text` is `pattern`, or begins with what stands before the `*` at its end.
pub(in crate::dev::sandbox) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    }
}
