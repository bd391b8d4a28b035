//! What the worker assumes about the two APIs, and what calls to them show: the core of the command
//! `certify`.
//!
//! Everything here is a function of values. A call that was made is a [`CallObservation`]; an
//! [`Assumption`] says what is documented and judges it by the observations. The command plans the
//! calls with [`CertifyPlan`], makes them, and never makes one that [`SpendBound`] does not allow.

mod assumption;
mod assumptions;
mod call;
mod field_types;
mod observation;
mod passive;
mod plan;
mod proposal;
mod recognition;
mod recognition_access;
mod recognition_pictures;
pub mod recording;
mod redact;
mod settings;
mod shape;
mod spend;
#[cfg(test)]
mod tests;
mod verification;
mod verification_access;
mod verification_pictures;

pub use assumption::{Assumption, AssumptionFinding, AssumptionVerdict};
pub use assumptions::assumptions;
pub use call::{CallCredentials, CertifyCall, PlannedCall};
pub use field_types::{RECOGNITION_FIELDS, RECOGNITION_TABLES};
pub use observation::{CallObservation, Observations, ObservedAnswer};
pub use plan::CertifyPlan;
pub use proposal::{SettingProposal, toml_of};
pub use recording::{CallRecording, RecordedCall};
pub use settings::CertifySettings;
pub use spend::SpendBound;
