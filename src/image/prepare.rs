//! What is sent to each provider of an image, and the refusal of what a provider must refuse:
//! before anything is paid.
//!
//! Verification needs the QR code, so it gets the original pixels; only a BMP, which it does not
//! take, is transcoded to PNG.

use super::inspect::invalid;
use super::transfers::too_large;
use super::{ImageFacts, Limits, Transfers};
use crate::domain::failure::Failure;
use crate::domain::picture::{Format, Picture};
use crate::policy::Transfer;
use bytes::Bytes;
use image::{ImageFormat, ImageReader};
use std::io::Cursor;

/// The pictures to be sent; `None` where no call asks for one, or the provider fetches the image
/// itself.
#[derive(Clone)]
pub struct Prepared {
    /// Or `image.too_large`: only by its encoded length, which does not matter to a provider that
    /// fetches it.
    pub recognition: Result<Option<Picture>, Failure>,
    pub verification: Option<Picture>,
}

/// Does it take milliseconds to prepare it? Then it is no work for the runtime's threads. Anything
/// else only looks at the header.
pub(super) fn is_laborious(
    image_bytes: usize,
    format: Format,
    transfers: Transfers,
    limits: Limits,
) -> bool {
    let is_transcoded = format == Format::Bmp && transfers.verification.is_some();
    is_transcoded
        || (transfers.recognition == Transfer::Inline && limits.must_count(image_bytes as u64))
}

/// `encoded_len` counts what an image becomes as recognition's form field.
///
/// # Errors
/// `image.too_large`, `image.too_small` or `image.corrupt`: final, the job is at fault.
pub fn prepare(
    bytes: &Bytes,
    facts: ImageFacts,
    transfers: Transfers,
    encoded_len: impl FnOnce(&[u8]) -> usize,
    limits: Limits,
) -> Result<Prepared, Failure> {
    let transfers = transfers.fitted(facts, bytes.len() as u64, limits)?;
    let recognition = match transfers.recognition {
        Transfer::Inline => for_recognition(bytes, facts.format, encoded_len, limits).map(Some),
        Transfer::Url => Ok(None),
    };
    let verification = match transfers.verification {
        Some(Transfer::Inline) => Some(for_verification(
            bytes,
            facts.format,
            limits.verification_bytes,
        )?),
        Some(Transfer::Url) | None => None,
    };
    Ok(Prepared {
        recognition,
        verification,
    })
}

fn for_recognition(
    bytes: &Bytes,
    format: Format,
    encoded_len: impl FnOnce(&[u8]) -> usize,
    limits: Limits,
) -> Result<Picture, Failure> {
    if limits.must_count(bytes.len() as u64) {
        let (encoded, most) = (encoded_len(bytes), limits.recognition_encoded_bytes);
        if encoded > most {
            let told = format!(
                "encoded for recognition the image has {encoded} bytes; at most {most} are taken"
            );
            return Err(invalid("image.too_large", told));
        }
    }
    Ok(Picture {
        bytes: bytes.clone(),
        format,
    })
}

fn for_verification(bytes: &Bytes, format: Format, max_bytes: usize) -> Result<Picture, Failure> {
    let (bytes, format) = match format {
        Format::Jpeg | Format::Png => (bytes.clone(), format),
        Format::Bmp => (transcode_to_png(bytes)?, Format::Png),
    };
    if bytes.len() > max_bytes {
        return Err(too_large("verification", bytes.len() as u64, max_bytes));
    }
    Ok(Picture { bytes, format })
}

/// The sides were checked before: at most 4096 each, so decoding is bounded.
fn transcode_to_png(bmp: &[u8]) -> Result<Bytes, Failure> {
    // Decoders may panic on malicious input; that is a corrupt image, not the end of the worker.
    let transcoded = std::panic::catch_unwind(|| {
        let decoded = ImageReader::with_format(Cursor::new(bmp), ImageFormat::Bmp).decode()?;
        let mut png = Cursor::new(Vec::with_capacity(bmp.len() / 2));
        decoded.write_to(&mut png, ImageFormat::Png)?;
        Ok::<_, image::ImageError>(png.into_inner())
    });
    match transcoded {
        Ok(Ok(png)) => Ok(Bytes::from(png)),
        Ok(Err(_)) | Err(_) => Err(invalid("image.corrupt", "the BMP cannot be decoded")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::inspect;
    use image::DynamicImage;

    const LIMITS: Limits = Limits {
        recognition_encoded_bytes: 4 << 20,
        verification_bytes: 5 << 20,
    };

    fn picture(format: ImageFormat, width: u32, height: u32) -> Bytes {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_luma8(width, height)
            .write_to(&mut bytes, format)
            .unwrap();
        Bytes::from(bytes.into_inner())
    }

    fn prepared(bytes: &Bytes, transfers: Transfers, limits: Limits) -> Result<Prepared, String> {
        let uncounted = |_: &[u8]| panic!("a small image need not be counted");
        prepare(bytes, inspect(bytes).unwrap(), transfers, uncounted, limits)
            .map_err(|failure| failure.code)
    }

    #[test]
    fn the_encoded_length_counts_not_the_raw_one() {
        let png = picture(ImageFormat::Png, 300, 200);
        let limits = Limits {
            recognition_encoded_bytes: png.len() * 2,
            ..LIMITS
        };
        let outcome = |encoded| {
            prepare(
                &png,
                inspect(&png).unwrap(),
                Transfers::inline(false),
                |_| encoded,
                limits,
            )
            .unwrap()
            .recognition
        };
        assert!(outcome(png.len() * 2).is_ok());
        assert_eq!(
            outcome(png.len() * 2 + 1).err().unwrap().code,
            "image.too_large"
        );
    }

    #[test]
    fn a_bmp_is_transcoded_for_verification_and_only_for_it() {
        let bmp = picture(ImageFormat::Bmp, 300, 200);
        let prepared = prepared(&bmp, Transfers::inline(true), LIMITS).unwrap();
        assert_eq!(prepared.recognition.unwrap().unwrap().format, Format::Bmp);
        let Some(Picture {
            bytes,
            format: Format::Png,
        }) = prepared.verification
        else {
            panic!("a PNG")
        };
        let facts = inspect(&bytes).unwrap();
        assert_eq!(
            (facts.format, facts.width, facts.height),
            (Format::Png, 300, 200)
        );
    }

    #[test]
    fn the_original_bytes_are_shared_not_copied() {
        let png = picture(ImageFormat::Png, 300, 200);
        let prepared = prepared(&png, Transfers::inline(true), LIMITS).unwrap();
        for picture in [prepared.recognition.unwrap(), prepared.verification] {
            assert_eq!(picture.unwrap().bytes.as_ptr(), png.as_ptr());
        }
    }

    #[test]
    fn nothing_is_prepared_for_a_provider_that_fetches_the_image() {
        let by_url = Transfers {
            recognition: Transfer::Url,
            verification: Some(Transfer::Url),
        };
        for (format, sent_to_verification) in [(ImageFormat::Png, false), (ImageFormat::Bmp, true)]
        {
            let prepared = prepared(&picture(format, 300, 200), by_url, LIMITS).unwrap();
            assert_eq!(
                (
                    prepared.recognition.unwrap().is_some(),
                    prepared.verification.is_some()
                ),
                (false, sent_to_verification),
                "{format:?}"
            );
        }
    }

    #[test]
    fn only_transcoding_and_counting_are_laborious() {
        let by_url = Transfers {
            recognition: Transfer::Url,
            verification: Some(Transfer::Url),
        };
        for (bytes, format, transfers, expected) in [
            (300 << 10, Format::Jpeg, Transfers::inline(true), false),
            (2 << 20, Format::Jpeg, Transfers::inline(true), true),
            (2 << 20, Format::Jpeg, by_url, false),
            (1_000, Format::Bmp, by_url, true),
            (1_000, Format::Bmp, Transfers::inline(false), false),
        ] {
            assert_eq!(
                is_laborious(bytes, format, transfers, LIMITS),
                expected,
                "{bytes} bytes of {format:?}, {transfers:?}"
            );
        }
    }
}
