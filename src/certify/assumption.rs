//! An assumption about an API, and what became of it.

use super::call::CertifyCall;
use super::observation::Observations;
use super::proposal::SettingProposal;
use serde::Serialize;

/// One thing that the worker takes for granted.
#[derive(Clone, Copy, Debug)]
pub struct Assumption {
    /// `recognition.success`: the stage, and what it is about.
    pub name: &'static str,
    /// The document's word, or what the worker relies on where the document says nothing.
    pub documented: &'static str,
    /// The place in the document. Empty: no document says so.
    pub place: &'static str,
    /// The calls that show it.
    pub calls: &'static [CertifyCall],
    pub judge: fn(&Observations) -> AssumptionFinding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssumptionVerdict {
    /// It is as the document says.
    Documented,
    /// The document is silent, or leaves it open: this is what was seen.
    Observed,
    /// It is not as the document says, or as the worker relies on.
    Differs,
    NotObserved,
}

/// The outcome for an assumption. The text has no value of any bill in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumptionFinding {
    pub verdict: AssumptionVerdict,
    /// The observation, or the reason why there is none.
    pub text: String,
    pub proposal: Option<SettingProposal>,
}

impl AssumptionVerdict {
    /// The verdict as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Differs => "DIFFERS",
            Self::NotObserved => "not observed",
        }
    }
}

impl AssumptionFinding {
    pub(super) fn documented(text: impl Into<String>) -> Self {
        Self::of(AssumptionVerdict::Documented, text.into())
    }

    pub(super) fn observed(text: impl Into<String>) -> Self {
        Self::of(AssumptionVerdict::Observed, text.into())
    }

    pub(super) fn differs(text: impl Into<String>) -> Self {
        Self::of(AssumptionVerdict::Differs, text.into())
    }

    pub(super) fn not_observed(why: impl Into<String>) -> Self {
        Self::of(AssumptionVerdict::NotObserved, why.into())
    }

    /// Returns `Documented` where `holds`, and `Differs` otherwise.
    pub(super) fn as_documented(holds: bool, text: impl Into<String>) -> Self {
        if holds {
            Self::documented(text)
        } else {
            Self::differs(text)
        }
    }

    pub(super) fn proposing(self, proposal: Option<SettingProposal>) -> Self {
        Self { proposal, ..self }
    }

    fn of(verdict: AssumptionVerdict, text: String) -> Self {
        Self {
            verdict,
            text,
            proposal: None,
        }
    }
}
