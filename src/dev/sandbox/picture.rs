//! Looks at a picture as the providers do: its format, its sides, and the QR code of the bill in
//! it.
//!
//! QR codes are found in any orientation, so neither EXIF nor `auto_rotate` matters to the reading.

use bytes::Bytes;
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat, ImageReader, Limits};
use sha2::{Digest, Sha256};
use std::io::Cursor;
use std::sync::Arc;

use super::bill::QrBill;
use crate::image::inspect;

/// Verification takes 6000 × 6000; nothing larger is decoded.
const MAX_PIXELS: u64 = 36_000_000;
/// A picture of that size in RGBA, and the decoder's own copy of it.
const MAX_DECODER_BYTES: u64 = 300 << 20;
/// The same picture comes twice in a job and again with each retry; decoding is by far the dearest
/// part of an answer. What is remembered of it is less than a kilobyte.
const REMEMBERED: u64 = 8_192;

#[derive(Clone, Debug)]
pub(super) struct SeenPicture {
    pub(super) format: ImageFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// EXIF says that it has to be turned.
    pub(super) is_turned: bool,
    /// `None` where there is no bill's QR code, or none that can be read.
    pub(super) bill: Option<QrBill>,
    /// The hash of the bytes as they came, in hex.
    pub(super) sha256: String,
}

impl SeenPicture {
    /// A bill's number that follows from the bytes: ten digits.
    pub(super) fn own_number(&self) -> String {
        let hash = self.sha256.bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        format!("{:010}", hash % 10_000_000_000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a picture in a known format")]
pub(super) struct NotAPicture;

#[derive(Clone, Debug)]
pub(super) struct Reader {
    seen: moka::future::Cache<[u8; 32], Arc<Result<SeenPicture, NotAPicture>>>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            seen: moka::future::Cache::new(REMEMBERED),
        }
    }

    /// Decodes beside the runtime's threads; a decoder that panics has met something that is not a
    /// picture.
    pub(super) async fn read(&self, bytes: Bytes) -> Arc<Result<SeenPicture, NotAPicture>> {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        self.seen
            .get_with(hash, async move {
                let read = tokio::task::spawn_blocking(move || look(&bytes, &hash)).await;
                Arc::new(read.unwrap_or(Err(NotAPicture)))
            })
            .await
    }
}

fn look(bytes: &[u8], hash: &[u8]) -> Result<SeenPicture, NotAPicture> {
    let format = image::guess_format(bytes).map_err(|_| NotAPicture)?;
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format)
        .into_dimensions()
        .map_err(|_| NotAPicture)?;
    let bill = if u64::from(width) * u64::from(height) > MAX_PIXELS {
        None
    } else {
        find_bill(&decode(bytes, format)?)
    };
    Ok(SeenPicture {
        format,
        width,
        height,
        is_turned: inspect(bytes, 1).is_ok_and(|facts| facts.orientation != 1),
        bill,
        sha256: hex::encode(hash),
    })
}

fn decode(bytes: &[u8], format: ImageFormat) -> Result<GrayImage, NotAPicture> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    Ok(reader.decode().map_err(|_| NotAPicture)?.into_luma8())
}

/// Tries what usually works first: the picture as it is, then other sizes, then fixed thresholds
/// for uneven light.
fn find_bill(picture: &GrayImage) -> Option<QrBill> {
    bill_in(picture)
        .or_else(|| {
            [0.5, 1.5, 0.75, 2.0]
                .into_iter()
                .find_map(|scale| bill_in(&scaled(picture, scale)?))
        })
        .or_else(|| {
            [96, 128, 160]
                .into_iter()
                .find_map(|threshold| bill_in(&black_and_white(picture, threshold)))
        })
}

fn bill_in(picture: &GrayImage) -> Option<QrBill> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.as_raw();
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    prepared
        .detect_grids()
        .iter()
        .find_map(|grid| QrBill::parse(&grid.decode().ok()?.1))
}

/// `None` where the result would be too small to hold a code, or larger than is decoded.
fn scaled(picture: &GrayImage, scale: f64) -> Option<GrayImage> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a side times at most 2 fits"
    )]
    let side = |pixels: u32| (f64::from(pixels) * scale) as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    let sensible =
        width.min(height) >= 64 && u64::from(width) * u64::from(height) <= MAX_PIXELS / 4;
    sensible.then(|| imageops::resize(picture, width, height, FilterType::Triangle))
}

fn black_and_white(picture: &GrayImage, threshold: u8) -> GrayImage {
    let mut copy = picture.clone();
    for pixel in copy.iter_mut() {
        *pixel = if *pixel < threshold { 0 } else { u8::MAX };
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::sandbox::samples;
    use image::DynamicImage;

    fn qr_of(sample: &samples::Sample) -> QrBill {
        let answers: serde_json::Value = serde_json::from_str(sample.answers_json).unwrap();
        QrBill::parse(answers["qr"].as_str().unwrap()).unwrap()
    }

    fn jpeg(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture
            .to_rgb8()
            .write_to(&mut bytes, ImageFormat::Jpeg)
            .unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_sample_is_recognised_by_its_qr_code() {
        for sample in samples::all() {
            assert_eq!(
                look(sample.bytes, &[]).unwrap().bill,
                Some(qr_of(sample)),
                "{}",
                sample.name
            );
        }
    }

    #[test]
    fn every_sample_is_recognised_at_seventy_percent_and_re_encoded() {
        for sample in samples::all() {
            let picture = image::load_from_memory(sample.bytes).unwrap();
            let smaller = picture.resize(
                picture.width() * 7 / 10,
                picture.height() * 7 / 10,
                FilterType::Triangle,
            );
            assert_eq!(
                look(&jpeg(&smaller), &[]).unwrap().bill,
                Some(qr_of(sample)),
                "{}",
                sample.name
            );
        }
    }

    #[test]
    fn every_sample_is_recognised_lying_on_its_side() {
        for sample in samples::all() {
            let turned = image::load_from_memory(sample.bytes).unwrap().rotate90();
            assert_eq!(
                look(&jpeg(&turned), &[]).unwrap().bill,
                Some(qr_of(sample)),
                "{}",
                sample.name
            );
        }
    }

    #[test]
    fn a_blank_page_holds_no_bill() {
        let picture = look(&jpeg(&DynamicImage::new_rgb8(300, 200)), &[]).unwrap();
        assert_eq!(
            (picture.width, picture.height, picture.bill),
            (300, 200, None)
        );
    }

    #[tokio::test]
    async fn a_file_that_is_no_picture_is_reported_as_such() {
        let cut = Bytes::from_static(&samples::all()[2].bytes[..2_000]);
        for bytes in [Bytes::new(), Bytes::from_static(b"%PDF-1.7"), cut] {
            assert_eq!(
                Reader::new().read(bytes).await.as_ref().as_ref().err(),
                Some(&NotAPicture)
            );
        }
    }
}
