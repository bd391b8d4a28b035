//! How an image is handed to each provider: its bytes, or an address to fetch it from. And the
//! refusal, by its header alone, of what a provider must refuse: before anything is paid.

use super::ImageFacts;
use super::inspect::invalid;
use crate::domain::failure::{Failure, Stage};
use crate::domain::picture::Format;
use crate::policy::Transfer;

/// Recognition's documented limits on the sides, in pixels.
const RECOGNITION_SHORTEST: u32 = 15;
const RECOGNITION_LONGEST: u32 = 4096;
/// Verification's: each side is longer than the first and at most as long as the second.
const VERIFICATION_ABOVE: u32 = 128;
const VERIFICATION_LONGEST: u32 = 6000;
/// Base64 and then percent-encoding make of three bytes four characters, and of each of those three
/// at the most.
const MOST_ENCODED: u64 = 3;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After base64 and percent-encoding; by url, where nothing is percent-encoded, after base64.
    pub recognition_encoded_bytes: usize,
    pub verification_bytes: usize,
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

    /// The transfers that the image allows: what a provider does not take as it lies in the store
    /// has to be made fit, and sent.
    ///
    /// # Errors
    /// `image.too_large` or `image.too_small`: final, the job is at fault.
    pub fn fitted(
        self,
        facts: ImageFacts,
        image_bytes: u64,
        limits: Limits,
    ) -> Result<Self, Failure> {
        fits_sides(facts, self.verification.is_some())?;
        if self.recognition == Transfer::Url
            && base64_len(image_bytes) > limits.recognition_encoded_bytes as u64
        {
            return Err(too_large(
                "recognition",
                base64_len(image_bytes),
                limits.recognition_encoded_bytes,
            ));
        }
        let verification = match self.verification {
            // Transcoded, it may have any size.
            Some(_) if facts.format == Format::Bmp => Some(Transfer::Inline),
            Some(_) if image_bytes > limits.verification_bytes as u64 => {
                return Err(too_large(
                    "verification",
                    image_bytes,
                    limits.verification_bytes,
                ));
            }
            asked => asked,
        };
        Ok(Self {
            verification,
            ..self
        })
    }
}

pub(super) fn too_large(provider: &str, bytes: u64, most: usize) -> Failure {
    invalid(
        "image.too_large",
        format!("for {provider} the image has {bytes} bytes; at most {most} are taken"),
    )
}

fn base64_len(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(4)
}

fn fits_sides(facts: ImageFacts, verify: bool) -> Result<(), Failure> {
    let (shortest, longest) = (facts.width.min(facts.height), facts.width.max(facts.height));
    let told = format!("{} x {} pixels", facts.width, facts.height);
    if shortest < RECOGNITION_SHORTEST {
        return Err(invalid(
            "image.too_small",
            format!("{told}: recognition needs {RECOGNITION_SHORTEST} at least on each side"),
        ));
    }
    if verify && shortest <= VERIFICATION_ABOVE {
        return Err(invalid(
            "image.too_small",
            format!("{told}: verification needs more than {VERIFICATION_ABOVE} on each side"),
        ));
    }
    if longest > RECOGNITION_LONGEST {
        return Err(invalid(
            "image.too_large",
            format!("{told}: recognition takes at most {RECOGNITION_LONGEST} on a side"),
        ));
    }
    if verify && longest > VERIFICATION_LONGEST {
        return Err(invalid(
            "image.too_large",
            format!("{told}: verification takes at most {VERIFICATION_LONGEST} on a side"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Colours;

    const LIMITS: Limits = Limits {
        recognition_encoded_bytes: 4 << 20,
        verification_bytes: 5 << 20,
    };
    const BY_URL: Transfers = Transfers {
        recognition: Transfer::Url,
        verification: Some(Transfer::Url),
    };

    fn facts(format: Format, width: u32, height: u32) -> ImageFacts {
        ImageFacts {
            format,
            width,
            height,
            orientation: 1,
            colours: Colours::Plain,
            channels: 3,
            is_progressive: false,
            metadata_bytes: 0,
            is_ended: true,
        }
    }

    fn fitted(
        transfers: Transfers,
        format: Format,
        (width, height): (u32, u32),
        bytes: u64,
    ) -> Result<Transfers, String> {
        transfers
            .fitted(facts(format, width, height), bytes, LIMITS)
            .map_err(|failure| failure.code)
    }

    #[test]
    fn sides_are_checked_at_their_very_bounds() {
        let cases = [
            (15, 15, false, Ok(())),
            (14, 300, false, Err("image.too_small")),
            (128, 300, true, Err("image.too_small")),
            (128, 300, false, Ok(())),
            (129, 129, true, Ok(())),
            (4096, 200, true, Ok(())),
            (4097, 200, true, Err("image.too_large")),
            (200, 4097, false, Err("image.too_large")),
        ];
        for (width, height, verify, expected) in cases {
            for transfers in [Transfers::inline(verify), BY_URL.asked(verify)] {
                let outcome = fitted(transfers, Format::Png, (width, height), 1_000).map(drop);
                assert_eq!(
                    outcome,
                    expected.map_err(str::to_owned),
                    "{width} x {height}, {transfers:?}"
                );
            }
        }
    }

    #[test]
    fn a_fetched_image_has_the_limit_of_its_raw_size() {
        let cases = [
            (3_145_728, false, Ok(())),
            (3_145_729, false, Err("image.too_large")),
            (3_145_728, true, Ok(())),
        ];
        for (bytes, verify, expected) in cases {
            let outcome = fitted(BY_URL.asked(verify), Format::Jpeg, (300, 200), bytes).map(drop);
            assert_eq!(outcome, expected.map_err(str::to_owned), "{bytes} bytes");
        }
        let verification_only = Transfers {
            recognition: Transfer::Inline,
            ..BY_URL
        };
        assert!(fitted(verification_only, Format::Jpeg, (300, 200), 5 << 20).is_ok());
        assert_eq!(
            fitted(verification_only, Format::Jpeg, (300, 200), (5 << 20) + 1),
            Err("image.too_large".to_owned())
        );
    }

    #[test]
    fn a_bmp_is_fetched_by_recognition_and_sent_to_verification() {
        let expected = Transfers {
            recognition: Transfer::Url,
            verification: Some(Transfer::Inline),
        };
        assert_eq!(fitted(BY_URL, Format::Bmp, (300, 200), 1_000), Ok(expected));
        assert_eq!(
            fitted(BY_URL.asked(false), Format::Bmp, (300, 200), 1_000),
            Ok(BY_URL.asked(false))
        );
    }

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
