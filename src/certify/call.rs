//! The calls that `certify` can make, and what each is made with.

use crate::domain::stage::Stage;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One kind of call. The order is that of the table in which they are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertifyCall {
    RecognitionWrongSecret,
    RecognitionLateSignature,
    VerificationWrongSecret,
    VerificationSmallSides,
    VerificationNoBill,
    VerificationLargeFile,
    VerificationHalfFile,
    RecognitionPicture,
    VerificationPicture,
    RecognitionOtherPayload,
    RecognitionAppCode,
    RecognitionTurned,
    VerificationRotated,
    VerificationTurned,
    RecognitionSmallSides,
}

/// How a call to recognition proves whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallCredentials {
    /// The signature covers the body.
    SignedPayload,
    /// The signature says `UNSIGNED-PAYLOAD`.
    UnsignedPayload,
    AppCode,
    /// Verification: two headers.
    ApiSecret,
}

/// A call that is to be made, about one of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedCall {
    pub call: CertifyCall,
    /// From 0. Calls about a picture that is made for them have 0 as well.
    pub picture: usize,
}

impl CertifyCall {
    /// Refused by the documents before anything is executed, so that they cost nothing.
    pub(super) const REFUSED: [Self; 7] = [
        Self::RecognitionWrongSecret,
        Self::RecognitionLateSignature,
        Self::VerificationWrongSecret,
        Self::VerificationSmallSides,
        Self::VerificationNoBill,
        Self::VerificationLargeFile,
        Self::VerificationHalfFile,
    ];

    pub fn stage(self) -> Stage {
        if self.as_str().starts_with("recognition") {
            Stage::Recognition
        } else {
            Stage::Verification
        }
    }

    /// Whether the documents say that the answer is not paid for.
    pub fn is_free(self) -> bool {
        Self::REFUSED.contains(&self)
    }

    /// Made as the worker makes its calls, with the configured credentials.
    pub fn is_usual(self) -> bool {
        matches!(self, Self::RecognitionPicture | Self::VerificationPicture)
    }

    /// Whether the call shows something only where the usual one of its stage was answered well.
    pub fn needs_usual(self) -> bool {
        matches!(
            self,
            Self::RecognitionTurned
                | Self::VerificationRotated
                | Self::VerificationTurned
                | Self::RecognitionSmallSides
        )
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecognitionWrongSecret => "recognition-wrong-secret",
            Self::RecognitionLateSignature => "recognition-late-signature",
            Self::VerificationWrongSecret => "verification-wrong-secret",
            Self::VerificationSmallSides => "verification-small-sides",
            Self::VerificationNoBill => "verification-no-bill",
            Self::VerificationLargeFile => "verification-large-file",
            Self::VerificationHalfFile => "verification-half-file",
            Self::RecognitionPicture => "recognition-picture",
            Self::VerificationPicture => "verification-picture",
            Self::RecognitionOtherPayload => "recognition-other-payload",
            Self::RecognitionAppCode => "recognition-app-code",
            Self::RecognitionTurned => "recognition-turned",
            Self::VerificationRotated => "verification-rotated",
            Self::VerificationTurned => "verification-turned",
            Self::RecognitionSmallSides => "recognition-small-sides",
        }
    }

    /// The picture and the credentials that are sent, in few words.
    pub fn what(self) -> &'static str {
        match self {
            Self::RecognitionWrongSecret => "signed with a wrong secret",
            Self::RecognitionLateSignature => "signed 20 minutes ago",
            Self::VerificationWrongSecret => "a wrong secret in the header",
            Self::VerificationSmallSides => "a blank picture of 100 x 100 pixels",
            Self::VerificationNoBill => "a blank picture, without a bill",
            Self::VerificationLargeFile => "the blank picture, as long as max_image_bytes",
            Self::VerificationHalfFile => "the blank picture, half as long",
            Self::RecognitionPicture | Self::VerificationPicture => {
                "the picture, as the worker sends it"
            }
            Self::RecognitionOtherPayload => {
                "the picture, with the other setting of recognition.sign_payload"
            }
            Self::RecognitionAppCode => "the picture, with the app code",
            Self::RecognitionTurned => {
                "the picture turned on its side, with the EXIF orientation that says so; signed 10 minutes ago"
            }
            Self::VerificationRotated => "the picture turned on its side, with auto_rotate",
            Self::VerificationTurned => {
                "the picture turned on its side, with the EXIF orientation that says so"
            }
            Self::RecognitionSmallSides => "a blank picture of 10 x 10 pixels",
        }
    }
}

impl PlannedCall {
    pub fn of(call: CertifyCall) -> Self {
        Self { call, picture: 0 }
    }
}

impl fmt::Display for CertifyCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for PlannedCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.picture {
            0 => write!(formatter, "{}", self.call),
            picture => write!(formatter, "{}-{}", self.call, picture + 1),
        }
    }
}
