//! What each provider gets of an image, and the refusal of what a provider must refuse: before anything is paid.
//!
//! Verification needs the QR code, so it gets the original pixels; only a BMP, which it does not take, is transcoded to PNG.

use super::Probed;
use super::probe::invalid;
use crate::domain::failure::Failure;
use crate::domain::picture::{Format, Picture};
use bytes::Bytes;
use image::{ImageFormat, ImageReader};
use std::io::Cursor;

/// Recognition's documented limits on the sides, in pixels.
const RECOGNITION_SHORTEST: u32 = 15;
const RECOGNITION_LONGEST: u32 = 4096;
/// Verification's: each side is longer than the first and at most as long as the second.
const VERIFICATION_ABOVE: u32 = 128;
const VERIFICATION_LONGEST: u32 = 6000;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After base64 and percent-encoding.
    pub recognition_encoded_bytes: usize,
    pub verification_bytes: usize,
}

#[derive(Clone)]
pub struct Prepared {
    pub recognition: Picture,
    /// `None` where the job does not ask for verification.
    pub verification: Option<Picture>,
}

/// `encoded` is the image's length as recognition's form field. Runs for milliseconds on a large image and may decode one: off the
/// runtime's threads, please.
///
/// # Errors
/// `image.too_large`, `image.too_small` or `image.corrupt`: final, the job is at fault.
pub fn prepare(bytes: &Bytes, probed: Probed, encoded: usize, verify: bool, limits: Limits) -> Result<Prepared, Failure> {
    fits_sides(probed, verify)?;
    if encoded > limits.recognition_encoded_bytes {
        return Err(invalid(
            "image.too_large",
            format!("encoded for recognition the image has {encoded} bytes; at most {} are taken", limits.recognition_encoded_bytes),
        ));
    }
    let recognition = Picture::Inline { bytes: bytes.clone(), format: probed.format };
    let verification = if verify { Some(for_verification(bytes, probed.format, limits.verification_bytes)?) } else { None };
    Ok(Prepared { recognition, verification })
}

fn fits_sides(probed: Probed, verify: bool) -> Result<(), Failure> {
    let (shortest, longest) = (probed.width.min(probed.height), probed.width.max(probed.height));
    let told = format!("{} x {} pixels", probed.width, probed.height);
    if shortest < RECOGNITION_SHORTEST {
        return Err(invalid("image.too_small", format!("{told}: recognition needs {RECOGNITION_SHORTEST} at least on each side")));
    }
    if verify && shortest <= VERIFICATION_ABOVE {
        return Err(invalid("image.too_small", format!("{told}: verification needs more than {VERIFICATION_ABOVE} on each side")));
    }
    if longest > RECOGNITION_LONGEST {
        return Err(invalid("image.too_large", format!("{told}: recognition takes at most {RECOGNITION_LONGEST} on a side")));
    }
    if verify && longest > VERIFICATION_LONGEST {
        return Err(invalid("image.too_large", format!("{told}: verification takes at most {VERIFICATION_LONGEST} on a side")));
    }
    Ok(())
}

fn for_verification(bytes: &Bytes, format: Format, max_bytes: usize) -> Result<Picture, Failure> {
    let (bytes, format) = match format {
        Format::Jpeg | Format::Png => (bytes.clone(), format),
        Format::Bmp => (transcode_to_png(bytes)?, Format::Png),
    };
    if bytes.len() > max_bytes {
        return Err(invalid(
            "image.too_large",
            format!("for verification the image has {} bytes; at most {max_bytes} are taken", bytes.len()),
        ));
    }
    Ok(Picture::Inline { bytes, format })
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
    use crate::image::probe;
    use image::DynamicImage;

    const LIMITS: Limits = Limits { recognition_encoded_bytes: 4 << 20, verification_bytes: 5 << 20 };

    fn picture(format: ImageFormat, width: u32, height: u32) -> Bytes {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_luma8(width, height).write_to(&mut bytes, format).unwrap();
        Bytes::from(bytes.into_inner())
    }

    fn outcome(format: ImageFormat, width: u32, height: u32, verify: bool) -> String {
        let bytes = picture(format, width, height);
        match prepare(&bytes, probe(&bytes).unwrap(), 0, verify, LIMITS) {
            Ok(_) => "ok".into(),
            Err(failure) => failure.code,
        }
    }

    #[test]
    fn sides_are_checked_at_their_very_bounds() {
        let cases = [
            (15, 15, false, "ok"),
            (14, 300, false, "image.too_small"),
            (128, 300, true, "image.too_small"),
            (128, 300, false, "ok"),
            (129, 129, true, "ok"),
            (4096, 200, true, "ok"),
            (4097, 200, true, "image.too_large"),
            (200, 4097, false, "image.too_large"),
        ];
        for (width, height, verify, expected) in cases {
            assert_eq!(outcome(ImageFormat::Png, width, height, verify), expected, "{width} x {height}, verify {verify}");
        }
    }

    #[test]
    fn the_encoded_length_counts_not_the_raw_one() {
        let png = picture(ImageFormat::Png, 300, 200);
        let most = LIMITS.recognition_encoded_bytes;
        assert!(prepare(&png, probe(&png).unwrap(), most, false, LIMITS).is_ok());
        let refused = prepare(&png, probe(&png).unwrap(), most + 1, false, LIMITS).err().unwrap();
        assert_eq!(refused.code, "image.too_large");
    }

    #[test]
    fn a_bmp_is_transcoded_for_verification_and_only_for_it() {
        let bmp = picture(ImageFormat::Bmp, 300, 200);
        let prepared = prepare(&bmp, probe(&bmp).unwrap(), 0, true, LIMITS).unwrap();
        assert!(matches!(prepared.recognition, Picture::Inline { format: Format::Bmp, .. }));
        let Some(Picture::Inline { bytes, format: Format::Png }) = prepared.verification else { panic!("a PNG") };
        assert_eq!(probe(&bytes).unwrap(), Probed { format: Format::Png, width: 300, height: 200 });
    }

    #[test]
    fn a_bmp_with_a_sound_header_and_no_pixels_is_corrupt() {
        let bmp = picture(ImageFormat::Bmp, 300, 200).slice(..60);
        assert_eq!(prepare(&bmp, probe(&bmp).unwrap(), 0, true, LIMITS).err().unwrap().code, "image.corrupt");
    }

    #[test]
    fn the_original_bytes_are_shared_not_copied() {
        let png = picture(ImageFormat::Png, 300, 200);
        let prepared = prepare(&png, probe(&png).unwrap(), 0, true, LIMITS).unwrap();
        for picture in [Some(prepared.recognition), prepared.verification] {
            let Some(Picture::Inline { bytes, .. }) = picture else { panic!("inline") };
            assert_eq!(bytes.as_ptr(), png.as_ptr());
        }
    }
}
