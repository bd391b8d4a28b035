//! One rule of a scenario: which calls, and what they are answered.

use super::answer::{RegistryAnswer, ScriptedAnswer};
use crate::domain::failure::Stage;
use std::time::Duration;

/// The first that fits a call answers it. A new one fits every call of its stage; the fields narrow
/// it down.
#[derive(Clone, Debug)]
pub struct Fault {
    pub stage: Stage,
    pub answer: ScriptedAnswer,
    pub concerned: Concerned,
    pub calls: CallNumbers,
    /// The time since the scenario began, this moment included.
    pub after: Duration,
    /// The same, this moment excluded.
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
    /// Verification: whether the QR code was found, instead of what is so.
    pub qr: Option<bool>,
    /// Recognition: a good answer whose fields are empty.
    pub nothing_read: bool,
    /// Verification: what the registry says in a good answer, instead of what is so.
    pub registry: Option<RegistryAnswer>,
    /// The time before the answer; for `slow`, the time over which it is spread.
    pub delay: Duration,
}

/// The subject of a call: every condition that is given must hold. Texts may end in `*`,
/// which stands for anything.
#[derive(Clone, Debug, Default)]
pub struct Concerned {
    /// The name of a sample, `01-beijing-outpatient`.
    pub sample: Option<String>,
    pub note_no: Option<String>,
    /// The province as recognition names it, 北京. In the sandbox only known for samples.
    pub province: Option<String>,
    /// Storage: the object's key.
    pub key: Option<String>,
    /// Storage: `get`, `fetch` (a `get` by a presigned address, as the providers have it), `head`,
    /// `put`, `delete`, `list`; without it, `get`.
    pub operation: Option<String>,
    /// A job of the simulation.
    pub job: Option<String>,
    /// The picture of a job of the simulation.
    pub image: Option<String>,
    /// Verification: whether the call asked for it.
    pub auto_rotate: Option<bool>,
}

/// Which calls of those that are concerned, counted from 1. What the sandbox refuses before it
/// looks at the picture, for its signature, its limits or the rate, is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallNumbers {
    All,
    /// Given so often, then no more.
    Times(u32),
    These(Vec<u32>),
    /// Both ends included.
    Between(u32, u32),
}

/// A call, as far as a fault can ask.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dev) struct CallFacts<'a> {
    pub(in crate::dev) at: Duration,
    /// Its number among the calls about the same subject; `None` counts, for each fault, the calls
    /// that the fault fits.
    pub(in crate::dev) number: Option<u32>,
    pub(in crate::dev) sample: Option<&'a str>,
    pub(in crate::dev) note_no: Option<&'a str>,
    pub(in crate::dev) province: Option<&'a str>,
    pub(in crate::dev) key: Option<&'a str>,
    pub(in crate::dev) operation: Option<&'a str>,
    pub(in crate::dev) job: Option<&'a str>,
    pub(in crate::dev) image: Option<&'a str>,
    pub(in crate::dev) auto_rotate: bool,
}

impl Fault {
    /// Every call of `stage` is answered `answer`, a name of the error-code policy or of
    /// [`super::WireFault`].
    pub fn new(stage: Stage, answer: &str) -> Self {
        Self {
            stage,
            answer: ScriptedAnswer::parse(stage, answer),
            concerned: Concerned::default(),
            calls: CallNumbers::All,
            after: Duration::ZERO,
            until: None,
            probability: 1.0,
            http_status: None,
            message: None,
            retry_after: None,
            qr: None,
            nothing_read: false,
            registry: None,
            delay: Duration::ZERO,
        }
    }

    /// Only the calls about the sample of this name.
    #[must_use]
    pub fn sample(mut self, name: &str) -> Self {
        self.concerned.sample = Some(name.to_owned());
        self
    }

    /// Only these calls of each picture, counted from 1.
    #[must_use]
    pub fn calls(mut self, numbers: impl Into<Vec<u32>>) -> Self {
        self.calls = CallNumbers::These(numbers.into());
        self
    }

    pub(super) fn concerns(&self, stage: Stage, call: &CallFacts<'_>) -> bool {
        let text = |wanted: &Option<String>, is: Option<&str>| {
            let fits_it = |pattern: &str| pattern == "*" || is.is_some_and(|is| fits(pattern, is));
            wanted.as_deref().is_none_or(fits_it)
        };
        let wanted = &self.concerned;
        // Only the store has operations; a fault that names none is meant for downloads.
        let operation = wanted.operation.as_deref().unwrap_or("get");
        self.stage == stage
            && self.after <= call.at
            && self.until.is_none_or(|until| call.at < until)
            && call.operation.is_none_or(|is| fits(operation, is))
            && text(&wanted.sample, call.sample)
            && text(&wanted.note_no, call.note_no)
            && text(&wanted.province, call.province)
            && text(&wanted.key, call.key)
            && text(&wanted.job, call.job)
            && text(&wanted.image, call.image)
            && wanted
                .auto_rotate
                .is_none_or(|wanted| wanted == call.auto_rotate)
    }
}

/// Says whether `text` is `pattern`, or begins with what stands before the `*` at its end.
pub(in crate::dev) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    }
}
