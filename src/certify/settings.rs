//! The configuration, as far as `certify` depends on it.

use std::time::Duration;

/// The settings that the calls are made with, as far as a finding depends on them.
#[derive(Clone, Debug, PartialEq)]
pub struct CertifySettings {
    /// Recognition's calls are signed; otherwise an app code is sent.
    pub is_signed: bool,
    pub has_app_code: bool,
    pub recognition_timeout: Duration,
    pub verification_timeout: Duration,
    pub recognition_rate: f64,
    pub verification_rate: f64,
    /// Verification's `max_image_bytes`.
    pub max_image_bytes: u64,
}
