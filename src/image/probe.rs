//! Format and dimensions from an image's first bytes, without decoding a pixel.

use crate::domain::failure::{Failure, Stage};
use crate::domain::picture::Format;
use imagesize::{ImageType, blob_size, image_type};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    pub format: Format,
    /// The width as stored: an EXIF orientation is not applied.
    pub width: u32,
    pub height: u32,
}

/// Finds out what kind of image begins with these bytes.
///
/// # Errors
/// `image.unsupported_format` or `image.corrupt`: final, the job is at fault.
pub fn probe(bytes: &[u8]) -> Result<Probed, Failure> {
    // A library's panic on these bytes is the image's fault: two such images must not make the
    // worker unfit.
    std::panic::catch_unwind(|| probed(bytes))
        .unwrap_or_else(|_| Err(invalid("image.corrupt", "the image's header is damaged")))
}

fn probed(bytes: &[u8]) -> Result<Probed, Failure> {
    let format = match image_type(bytes) {
        Ok(ImageType::Jpeg) => Format::Jpeg,
        Ok(ImageType::Png) => Format::Png,
        Ok(ImageType::Bmp) => Format::Bmp,
        Ok(_) => {
            return Err(invalid(
                "image.unsupported_format",
                "the image is neither JPEG, PNG nor BMP",
            ));
        }
        Err(_) if bytes.is_empty() => return Err(invalid("image.corrupt", "the object is empty")),
        Err(_) => {
            return Err(invalid(
                "image.unsupported_format",
                "the object is not an image: it begins like no known format",
            ));
        }
    };
    let damaged = || {
        invalid(
            "image.corrupt",
            "the image's header is damaged: it tells no possible dimensions",
        )
    };
    let (width, height) = match format {
        Format::Bmp => bmp_size(bytes).ok_or_else(damaged)?,
        Format::Jpeg | Format::Png => {
            let size = blob_size(bytes).map_err(|_| damaged())?;
            (
                u32::try_from(size.width).map_err(|_| damaged())?,
                u32::try_from(size.height).map_err(|_| damaged())?,
            )
        }
    };
    if width == 0 || height == 0 {
        return Err(invalid("image.corrupt", "the image has no pixels"));
    }
    Ok(Probed {
        format,
        width,
        height,
    })
}

/// Read by ourselves: a BMP that is stored from the top down says so by a negative height, which
/// imagesize takes for four billion.
fn bmp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let four = |at: usize| Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let two = |at: usize| {
        Some(u32::from(u16::from_le_bytes(
            bytes.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    match four(14)? {
        // OS/2's header, still written by old scanners.
        12 => Some((two(18)?, two(20)?)),
        40.. => Some((u32::try_from(four(18)?).ok()?, four(22)?.unsigned_abs())),
        _ => None,
    }
}

pub(super) fn invalid(code: &str, message: impl AsRef<str>) -> Failure {
    Failure::new(Stage::Image, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat};
    use proptest::prelude::*;
    use std::io::Cursor;

    fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height)
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_three_formats_are_recognised_with_their_dimensions() {
        for (written, format) in [
            (ImageFormat::Jpeg, Format::Jpeg),
            (ImageFormat::Png, Format::Png),
            (ImageFormat::Bmp, Format::Bmp),
        ] {
            assert_eq!(
                probe(&picture(written, 300, 200)).unwrap(),
                Probed {
                    format,
                    width: 300,
                    height: 200
                }
            );
        }
    }

    #[test]
    fn a_bmp_from_the_top_down_has_its_height() {
        let mut bmp = picture(ImageFormat::Bmp, 300, 200);
        bmp[22..26].copy_from_slice(&(-200_i32).to_le_bytes());
        assert_eq!(
            probe(&bmp).unwrap(),
            Probed {
                format: Format::Bmp,
                width: 300,
                height: 200
            }
        );
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;";
        let cut = &picture(ImageFormat::Png, 300, 200)[..12];
        for (bytes, code) in [
            (&gif[..], "image.unsupported_format"),
            (b"hello, world", "image.unsupported_format"),
            (b"", "image.corrupt"),
            (cut, "image.corrupt"),
        ] {
            let failure = probe(bytes).unwrap_err();
            assert_eq!((failure.stage, failure.code.as_str()), (Stage::Image, code));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), magic in 0_usize..4) {
            let start: &[u8] = [&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"BM", b""][magic];
            bytes.splice(..0, start.iter().copied());
            let _ = probe(&bytes);
        }
    }
}
