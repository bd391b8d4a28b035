//! From what the registry says about a bill to a verdict and flags.

use super::invoice::Registry;
use super::result::{Flag, Verdict};

/// `None`: a state under "voided" or "red-lettered" could not be understood, so the job ends `registry_status_unknown`.
pub fn of_registry(_registry: &Registry) -> (Option<Verdict>, Vec<Flag>) {
    unimplemented!()
}
