//! The list of everything that is assumed.

use super::assumption::Assumption;
use super::{
    passive, recognition, recognition_access, recognition_pictures, verification,
    verification_access, verification_pictures,
};

/// Every assumption, in the order in which they are reported.
pub fn assumptions() -> impl Iterator<Item = &'static Assumption> {
    [
        recognition_access::ASSUMPTIONS,
        recognition::ASSUMPTIONS,
        recognition_pictures::ASSUMPTIONS,
        passive::RECOGNITION,
        verification_access::ASSUMPTIONS,
        verification::ASSUMPTIONS,
        verification_pictures::ASSUMPTIONS,
        passive::VERIFICATION,
    ]
    .into_iter()
    .flatten()
}
