//! What an answer says beside what becomes of its job: whether it may be this worker's own fault,
//! and what it proves about the other side.

use super::streak::Streak;
use super::{Rule, VendorName, codes};
use std::time::Duration;

/// The meaning of an answer for this worker and for the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about an answer, each a key of the table"
)]
pub struct Meaning {
    /// The answer counts towards this row of failures.
    pub streak: Option<Streak>,
    /// This worker's own network may be the reason: nothing came as far as the other side.
    pub may_be_our_network: bool,
    /// This worker's own configuration may be the reason.
    pub may_be_our_setting: bool,
    pub evidence: Proof,
    /// The address that a job brought may be the reason.
    pub is_about_address: bool,
    /// A bucket that a job named is the reason, not our credentials.
    pub is_about_bucket: bool,
}

/// Which part of the other side the answer shows at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    #[default]
    Nothing,
    /// Our credentials, the address and the network are in order.
    Stage,
    /// The registry has looked at the bill.
    Registry,
}

/// An entry of a rule's `means`. What it leaves out is said by a later entry, or is the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeaningEntry {
    /// The codes of the rule that it is about, exact or patterns.
    pub codes: Vec<String>,
    /// One of these, where any are named. An answer whose status is not known fits.
    pub http_status: Vec<u16>,
    /// `Some(None)` is `"none"`.
    pub streak: Option<Option<Streak>>,
    /// Network, setting.
    pub may_be_our: Option<(bool, bool)>,
    pub evidence: Option<Proof>,
    pub about_address: Option<bool>,
    pub about_bucket: Option<bool>,
    pub probes: Option<Vec<Duration>>,
    pub probe_next_day: Option<bool>,
    /// The operator's way to end a pause for this answer sooner.
    pub mend: Option<String>,
}

impl MeaningEntry {
    fn fits(&self, code: &str, http_status: Option<u16>) -> bool {
        let has_status = self.http_status.is_empty()
            || http_status.is_none_or(|status| self.http_status.contains(&status));
        has_status
            && self
                .codes
                .iter()
                .any(|pattern| codes::catches(pattern, code))
    }

    /// The entry as it is taken over by an override for this code, from a rule for these statuses;
    /// `None` where it is about codes that no rule names.
    pub(super) fn inherited(&self, code: &str, http_status: &[u16]) -> Option<Self> {
        let names = |pattern: &String| {
            pattern == code || (!codes::is_open(pattern) && codes::catches(pattern, code))
        };
        self.codes.iter().any(names).then(|| Self {
            codes: vec![code.to_owned()],
            http_status: if self.http_status.is_empty() {
                http_status.to_vec()
            } else {
                self.http_status.clone()
            },
            ..self.clone()
        })
    }
}

impl Rule {
    /// Finds the meaning of an answer that this rule catches. A status that is not known fits every
    /// entry.
    pub fn meaning(&self, code: &str, http_status: Option<u16>) -> Meaning {
        let may_be_our = self.first(code, http_status, |entry| entry.may_be_our);
        let (network, setting) = may_be_our.unwrap_or_default();
        Meaning {
            streak: self
                .first(code, http_status, |entry| entry.streak)
                .flatten(),
            may_be_our_network: network,
            may_be_our_setting: setting,
            evidence: self
                .first(code, http_status, |entry| entry.evidence)
                .unwrap_or_else(|| usual_evidence(self.vendor, code)),
            // What never came as far as the provider, and what the registry says, is not about the
            // address of the image.
            is_about_address: self
                .first(code, http_status, |entry| entry.about_address)
                .unwrap_or_else(|| !network && !codes::is_registrys(self.vendor, code)),
            is_about_bucket: self
                .first(code, http_status, |entry| entry.about_bucket)
                .unwrap_or(false),
        }
    }

    /// The first entry that is about this answer and says anything of what is asked.
    pub(super) fn first<'a, T>(
        &'a self,
        code: &str,
        http_status: Option<u16>,
        asked: impl Fn(&'a MeaningEntry) -> Option<T>,
    ) -> Option<T> {
        self.means
            .iter()
            .filter(|entry| entry.fits(code, http_status))
            .find_map(asked)
    }
}

/// The evidence where the rule names none: DeepFinch's numbers are the registry's, a code in a
/// body shows that the request came through, and what happened on the wire shows nothing.
fn usual_evidence(vendor: VendorName, code: &str) -> Proof {
    if codes::is_registrys(vendor, code) {
        Proof::Registry
    } else if codes::is_of_the_wire(code) {
        Proof::Nothing
    } else {
        Proof::Stage
    }
}
