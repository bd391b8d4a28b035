//! What differs from call to call: credentials, the time of the signature, the picture.

use super::pictures::CertifyPictures;
use crate::certify::{CallCredentials, CertifyCall, PlannedCall};
use crate::domain::picture::Picture;
use crate::domain::stage::Stage;
use crate::provider::huawei::Auth;
use crate::provider::{deepfinch, huawei};
use crate::settings::secret::Secret;
use jiff::SignedDuration;

/// In the place of a right secret.
const WRONG: &str = "not-the-secret-certify-tries-a-wrong-one";

/// The section that a call to recognition is made with, and how much later than now it is signed.
pub(super) fn recognition(
    section: &huawei::Config,
    call: CertifyCall,
) -> (huawei::Config, SignedDuration) {
    let mut varied = section.clone();
    match credentials(section, call) {
        CallCredentials::AppCode => varied.auth = Auth::AppCode,
        CallCredentials::SignedPayload => varied.sign_payload = true.into(),
        CallCredentials::UnsignedPayload => varied.sign_payload = false.into(),
        CallCredentials::ApiSecret => {}
    }
    if call == CertifyCall::RecognitionWrongSecret {
        varied.app_secret = Secret::new(WRONG);
        varied.app_code = Secret::new(WRONG);
    }
    let minutes = match call {
        CertifyCall::RecognitionLateSignature => -20,
        CertifyCall::RecognitionTurned => -10,
        _ => 0,
    };
    (varied, SignedDuration::from_mins(minutes))
}

/// The section that a call to verification is made with.
pub(super) fn verification(section: &deepfinch::Config, call: CertifyCall) -> deepfinch::Config {
    let mut varied = section.clone();
    if call == CertifyCall::VerificationWrongSecret {
        varied.api_secret = Secret::new(WRONG);
    }
    varied
}

/// How the call proves whose account it is.
pub(super) fn credentials(section: &huawei::Config, call: CertifyCall) -> CallCredentials {
    if call.stage() == Stage::Verification {
        return CallCredentials::ApiSecret;
    }
    let url = section.url.parse().ok();
    let signs = url.is_none_or(|url| section.sign_payload.signs(&url));
    let is_other = call == CertifyCall::RecognitionOtherPayload;
    if section.auth == Auth::AppCode || call == CertifyCall::RecognitionAppCode {
        CallCredentials::AppCode
    } else if signs != is_other {
        CallCredentials::SignedPayload
    } else {
        CallCredentials::UnsignedPayload
    }
}

/// The picture that the call is about.
pub(super) fn picture(pictures: &CertifyPictures, planned: PlannedCall) -> &Picture {
    match planned.call {
        CertifyCall::RecognitionWrongSecret
        | CertifyCall::RecognitionLateSignature
        | CertifyCall::VerificationWrongSecret
        | CertifyCall::VerificationNoBill => &pictures.blank,
        CertifyCall::VerificationSmallSides => &pictures.small,
        CertifyCall::VerificationLargeFile => &pictures.large,
        CertifyCall::VerificationHalfFile => &pictures.half,
        CertifyCall::RecognitionSmallSides => &pictures.tiny,
        CertifyCall::VerificationRotated => &pictures.lying,
        CertifyCall::RecognitionTurned | CertifyCall::VerificationTurned => &pictures.turned,
        CertifyCall::RecognitionPicture
        | CertifyCall::VerificationPicture
        | CertifyCall::RecognitionOtherPayload
        | CertifyCall::RecognitionAppCode => {
            let last = pictures.bills.len() - 1;
            &pictures.bills[planned.picture.min(last)]
        }
    }
}
