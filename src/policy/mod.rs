//! The error-code policy: data decided by a pure function.
//!
//! `config/error-codes.toml` is compiled in; `policy.file` replaces rules of it one by one.
//! [`Policy::decide`] is the one place where a failure becomes a [`Decision`]; carrying it out is
//! the pipeline's and the provider client's business.

mod code_labels;
mod codes;
mod decide;
mod forecast;
mod lookup;
mod meaning;
mod means;
mod mend;
mod merge;
mod parse;
mod probes;
mod reach;
mod registry_words;
mod steps;
mod streak;
mod streaks;
#[cfg(test)]
mod tests;
mod values;
mod vocabulary;
mod when;

use crate::domain::account::VendorName;
use crate::domain::failure::{Billed, Failure, Stage};
use crate::domain::progress::Progress;
use crate::domain::registry_words::RegistryWords;
use crate::domain::result::Verdict;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

pub use code_labels::CodeLabel;
pub use codes::normalise;
pub use decide::UNPROVEN;
pub use forecast::{ForecastEntry, Occurrence};
pub use meaning::{Meaning, MeaningEntry, Proof};
pub use mend::mend;
pub use probes::ProbeSchedule;
pub use streak::{Streak, StreakRule, StreakRules};
pub use streaks::{Streaks, Subject};

/// The rules, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    /// When failures in a row pause a stage.
    streaks: Arc<StreakRules>,
    registry_words: Arc<RegistryWords>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Stable and readable, `verification/300.2`: the key of this rule's budget in [`Progress`]. It
    /// begins with the vendor where that is not the stage's usual one.
    pub id: String,
    pub stage: Stage,
    /// The vendor whose codes these are.
    pub vendor: VendorName,
    /// Exact names and patterns: `http.4xx`, `http.5xx`, `#` (any number), `*` (anything).
    pub codes: Vec<String>,
    pub when: When,
    /// Each used up before the next; the last is final.
    pub steps: Vec<Step>,
    pub scope: ScopeKind,
    pub billed: Billing,
    /// The answer's meaning beside what becomes of its job; the first entry that is about a code
    /// counts, key by key.
    pub means: Vec<MeaningEntry>,
    pub reason: String,
    /// It came from `policy.file`.
    pub overridden: bool,
}

/// Whether an answer is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    Fixed(Billed),
    /// The call is billed where its HTTP status is 2xx, and not otherwise.
    With2xx,
}

impl Billing {
    /// An answer whose status is not known is one of HTTP 2xx: only such carry a code of their own.
    fn of(self, http_status: Option<u16>) -> Billed {
        match self {
            Self::Fixed(billed) => billed,
            Self::With2xx if http_status.is_none_or(|status| (200..300).contains(&status)) => {
                Billed::Yes
            }
            Self::With2xx => Billed::No,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed(billed) => billed.as_str(),
            Self::With2xx => "2xx",
        }
    }
}

/// Further conditions, all of which must hold; what is `None` or empty does not matter.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// An answer that does not say counts as not found.
    pub qr_code_found: Option<bool>,
    /// In days before today in `policy.timezone`; negative is in the future. A bound holds only
    /// where the date is known.
    pub bill_age_days_min: Option<i64>,
    pub bill_age_days_max: Option<i64>,
    pub bill_date_known: Option<bool>,
    /// The job has had its one call with `auto_rotate`.
    pub rotated: Option<bool>,
    /// The answer before that call carried the same code: one misread must not brand a bill.
    pub same_code_before_rotation: Option<bool>,
    /// One of these.
    pub http_status: Vec<u16>,
    /// Compared without regard to case.
    pub message_contains: Option<String>,
    pub transfer: Option<Transfer>,
    /// Recognition answered success, yet read none of the fields that identify a bill.
    pub nothing_read: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The answer is good.
    Continue,
    /// Final: what the registry says about the bill. `None`: the registry's status decides
    /// (`domain::verdict`).
    Verdict(Option<Verdict>),
    /// Final: this stage has no answer. With a code, the job itself is at fault (`invalid_job`).
    Fail {
        invalid_job: Option<String>,
    },
    /// In place, jittered exponential backoff from `backoff`.
    Retry {
        attempts: u32,
        backoff: Duration,
    },
    /// Through the delay queues; `delays` in turn, the last repeats. No `attempts`: until the
    /// deadline.
    Park {
        delays: Vec<Duration>,
        attempts: Option<u32>,
    },
    NextDay {
        attempts: u32,
    },
    Rotate,
    /// Final, and never used up.
    Throttle,
    Resign,
    Inline,
    /// Final, and never used up.
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    None,
    Province,
    Bill,
    Stage,
}

#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Transfer {
    #[default]
    Inline,
    Url,
}

/// The values that the decision depends on beside the failure and the job's progress.
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: Timestamp,
    /// No attempt is started after it.
    pub deadline: Timestamp,
    /// The time zone in which "next day" begins and a bill's age is counted.
    pub timezone: TimeZone,
    pub billing_date: Option<Date>,
    /// How the image was handed over in the call that failed.
    pub transfer: Transfer,
    /// Between 0 and 1, drawn by the caller: spreads the returns of `next_day` and the waits in
    /// place. 0.5 is the middle of both.
    pub spread: f64,
    pub others: Others,
}

/// The outcomes of other jobs' calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// This failure makes one too many in a row.
    pub streak: Option<Streak>,
    /// It makes one too many that may be the jobs' own fault.
    pub suspicion: Option<Streak>,
    /// Another job was answered well at this stage since this one began to fail there.
    pub answered: bool,
    /// It may be this worker alone that is failed so, and other workers may do better.
    pub only_this_worker: Option<Streak>,
    /// The call failed at an address that the job brought, which says nothing about other jobs.
    pub is_brought: bool,
    /// How often a call has failed under each scope of this job, since it was last open and before
    /// this call.
    pub failures: Vec<(ScopeKind, u32)>,
}

/// A decision and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDecision {
    pub rule: String,
    /// Charge this step of the rule before carrying the decision out.
    pub step: usize,
    pub decision: Decision,
    pub scope: ScopeKind,
    /// The deadline left no time for the steps before the last one: another job might have taken
    /// them.
    pub cut_short: bool,
    /// The scope is closed for other jobs until then, whatever becomes of this one.
    pub closes: Option<Timestamp>,
    /// Decided because of what other jobs met with, too.
    pub streak: Option<Streak>,
    /// The stage is to be paused for this if a control call is answered alike.
    pub suspicion: Option<Streak>,
    /// The rule says pause; but this job has paused its stage too often while others were answered.
    pub is_the_job: bool,
    pub billed: Billed,
    /// The answer's meaning beside that.
    pub meaning: Meaning,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    Continue,
    Verdict(Option<Verdict>),
    Fail {
        invalid_job: Option<String>,
    },
    /// Again in place, after so long.
    Retry {
        wait: Duration,
    },
    /// Not before this time. `next_day` is decided as a park as well.
    Park {
        until: Timestamp,
    },
    Rotate,
    Throttle,
    Resign,
    /// Send the bytes. A job whose image is a URL of its own has none: charge the step and decide
    /// again.
    Inline,
    Pause,
}

impl Decision {
    /// Whether the step is charged: only where the failure is the job's fault.
    pub fn is_charged(&self) -> bool {
        match self {
            Self::Continue
            | Self::Verdict(_)
            | Self::Fail { .. }
            | Self::Retry { .. }
            | Self::Park { .. }
            | Self::Rotate
            | Self::Resign => true,
            // Throttled or paused is not the job's fault.
            Self::Throttle | Self::Inline | Self::Pause => false,
        }
    }
}
