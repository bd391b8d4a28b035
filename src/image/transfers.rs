//! How an image is handed to each provider: its bytes, or an address to fetch it from.

use crate::domain::failure::Stage;
use crate::policy::Transfer;

/// Base64 and then percent-encoding make of three bytes four characters, and of each of those three
/// at the most.
const MOST_ENCODED: u64 = 3;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After base64 and percent-encoding; by url, where nothing is percent-encoded, after base64.
    pub recognition_encoded_bytes: usize,
    pub verification_bytes: usize,
    /// Pixels that are decoded at once, at most.
    pub decoded_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfers {
    pub recognition: Transfer,
    /// `None`: it is not asked.
    pub verification: Option<Transfer>,
}

impl Limits {
    /// May an image of this size be too long for recognition once it is encoded? That depends on
    /// its content: it has to be counted.
    pub(super) fn must_count(self, image_bytes: u64) -> bool {
        MOST_ENCODED.saturating_mul(base64_len(image_bytes)) > self.recognition_encoded_bytes as u64
    }
}

impl Transfers {
    /// No provider fetches anything.
    pub fn inline(verify: bool) -> Self {
        Self {
            recognition: Transfer::Inline,
            verification: verify.then_some(Transfer::Inline),
        }
    }

    /// Only this provider is sent the image.
    pub fn inline_to(stage: Stage) -> Self {
        match stage {
            Stage::Verification => Self {
                recognition: Transfer::Url,
                verification: Some(Transfer::Inline),
            },
            Stage::Recognition | Stage::Job | Stage::Image | Stage::Storage | Stage::Worker => {
                Self::inline(false)
            }
        }
    }

    /// The transfers of a job, which may ask for no verification.
    #[must_use]
    pub fn asked(self, verify: bool) -> Self {
        Self {
            verification: self.verification.filter(|_| verify),
            ..self
        }
    }

    /// Does each provider that is asked fetch the image?
    pub fn are_by_url(self) -> bool {
        self.recognition == Transfer::Url
            && self
                .verification
                .is_none_or(|transfer| transfer == Transfer::Url)
    }

    /// Does any provider fetch the image?
    pub fn is_any_by_url(self) -> bool {
        self.recognition == Transfer::Url || self.verification == Some(Transfer::Url)
    }
}

pub(super) fn base64_len(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        recognition_encoded_bytes: 4 << 20,
        verification_bytes: 5 << 20,
        decoded_bytes: 256 << 20,
    };
    #[test]
    fn only_what_may_be_too_long_is_counted() {
        for (bytes, counted) in [
            (0, false),
            (1_048_575, false),
            (1_048_576, true),
            (u64::MAX, true),
        ] {
            assert_eq!(LIMITS.must_count(bytes), counted, "{bytes} bytes");
        }
    }
}
