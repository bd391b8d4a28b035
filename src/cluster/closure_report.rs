//! What a heartbeat says about one scope. Times are written as durations, because the clocks of two
//! workers may differ.

use crate::cluster::peers::MAX_ID_BYTES;
use crate::domain::failure::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES, Stage};
use crate::domain::scope::Scope;
use serde::{Deserialize, Deserializer, Serialize};

/// One scope, as a heartbeat reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosureReport {
    #[serde(rename = "place")]
    pub scope: Scope,
    pub version: u64,
    /// The worker that changed it last.
    pub by: String,
    pub state: ReportedState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportedState {
    Open { since_ms: i64 },
    Closed(ReportedClosure),
}

/// A closed scope. Milliseconds are counted from when the heartbeat was written: `since_ms` back to
/// the beginning, `until_ms` forward to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedClosure {
    pub stage: Stage,
    pub code: String,
    pub reason: String,
    pub since_ms: i64,
    pub until_ms: i64,
    pub failures: u32,
    /// The probe under way. `None` also where another version writes it in an unknown format.
    #[serde(
        default,
        deserialize_with = "known_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub probing: Option<ReportedProbing>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedProbing {
    pub by: String,
    pub since_ms: i64,
}

impl ClosureReport {
    /// Whether a worker could have written it. A version that no other could exceed would hold for
    /// ever, and pauses are never reported, because each concerns one worker.
    pub fn is_sound(&self) -> bool {
        let is_closure_sound = match &self.state {
            ReportedState::Open { .. } => true,
            ReportedState::Closed(closure) => {
                closure.code.len() <= MAX_CODE_BYTES && closure.reason.len() <= MAX_MESSAGE_BYTES
            }
        };
        !self.scope.is_pause()
            && self.scope.is_sound()
            && is_worker(&self.by)
            && self.version < u64::MAX / 2
            && is_closure_sound
    }
}

impl ReportedClosure {
    /// Returns the probe, if a worker could have written it.
    pub fn probing(&self) -> Option<&ReportedProbing> {
        self.probing
            .as_ref()
            .filter(|probing| is_worker(&probing.by))
    }
}

fn is_worker(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_BYTES
}

fn known_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ReportedProbing>, D::Error> {
    let probing = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(probing).ok())
}
