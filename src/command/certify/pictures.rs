//! The pictures that are sent: the bill as it is, lying on its side, and blank ones.

use crate::config::{Config, ConfigError};
use crate::domain::picture::{Format, Picture};
use crate::image::inspect;
use crate::provider::huawei::encoded_len;
use anyhow::Context;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageFormat, ImageReader, Limits, Luma};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// An invented bill, of which both providers of the sandbox know everything.
const SAMPLE: &[u8] =
    include_bytes!("../../../tests/data/invoices/08-hebei-inpatient-reimbursed.jpg");
/// The sides that both providers take.
const SIDES: std::ops::RangeInclusive<u32> = 129..=4_096;
const MOST_DECODED_BYTES: u64 = 256 << 20;
/// QR codes stay legible.
const QUALITY: u8 = 95;
/// Start of image, then APP1 with an EXIF directory whose only entry is the orientation 6: to be turned
/// a quarter clockwise.
const EXIF: [u8; 36] = [
    0xff, 0xe1, 0x00, 0x22, b'E', b'x', b'i', b'f', 0, 0, b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1,
    0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
];
/// The end of every PNG.
const PNG_END_BYTES: usize = 12;
/// Length, type and checksum of a chunk.
const CHUNK_BYTES: usize = 12;
/// A chunk of our own, which decoders pass over.
const FILLING: &[u8] = b"fiLl";

pub(super) struct CertifyPictures {
    /// The bills, in the order in which they were named.
    pub(super) bills: Vec<Picture>,
    /// The first bill, a quarter turned: a decoder that does not know EXIF sees it lying.
    pub(super) lying: Picture,
    /// The same, with an EXIF orientation that turns it back.
    pub(super) turned: Picture,
    pub(super) blank: Picture,
    pub(super) large: Picture,
    pub(super) half: Picture,
    pub(super) small: Picture,
    pub(super) tiny: Picture,
}

impl CertifyPictures {
    /// # Errors
    /// Names the picture that cannot be sent as it stands, and why.
    pub(super) fn new(images: &[impl AsRef<Path>], config: &Config) -> anyhow::Result<Self> {
        let mut bills = Vec::new();
        for image in images {
            let image = image.as_ref();
            let bill = read(image, config)
                .map_err(|problem| ConfigError::of(&image.display().to_string(), &problem))?;
            bills.push(bill);
        }
        if bills.is_empty() {
            bills.push(jpeg(Bytes::from_static(SAMPLE)));
        }
        let lying = lying(&bills[0]).context("the picture cannot be turned")?;
        let largest = usize::try_from(config.verification.max_image_bytes.0).unwrap_or(usize::MAX);
        let blank = blank(400)?;
        Ok(Self {
            turned: jpeg(with_orientation(&lying)),
            lying: jpeg(lying),
            large: filled(&blank, largest),
            half: filled(&blank, largest / 2),
            small: self::blank(100)?,
            tiny: self::blank(10)?,
            blank,
            bills,
        })
    }
}

fn jpeg(bytes: impl Into<Bytes>) -> Picture {
    Picture {
        bytes: bytes.into(),
        format: Format::Jpeg,
    }
}

fn read(path: &Path, config: &Config) -> Result<Picture, String> {
    let largest = config.verification.max_image_bytes.0;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(largest + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > largest {
        return Err("is longer than verification.max_image_bytes".to_owned());
    }
    let facts = inspect(&bytes, 1).map_err(|refusal| refusal.failure.message.to_string())?;
    if !matches!(facts.format, Format::Jpeg | Format::Png) {
        return Err("is neither JPEG nor PNG, and is sent as it stands".to_owned());
    }
    if !SIDES.contains(&facts.width) || !SIDES.contains(&facts.height) {
        return Err("has a side that is not between 129 and 4096 pixels".to_owned());
    }
    if facts.orientation != 1 {
        return Err("has an EXIF orientation; name a picture that is stored upright".to_owned());
    }
    if encoded_len(&bytes) as u64 > config.recognition.max_encoded_bytes.0 {
        return Err("is longer than recognition.max_encoded_bytes once it is encoded".to_owned());
    }
    Ok(Picture {
        bytes: bytes.into(),
        format: facts.format,
    })
}

/// The picture turned by a quarter against the clock, as JPEG.
fn lying(bill: &Picture) -> image::ImageResult<Vec<u8>> {
    let mut reader = ImageReader::new(Cursor::new(&bill.bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_DECODED_BYTES);
    reader.limits(limits);
    let turned = reader.decode()?.rotate270().into_rgb8();
    let mut encoded = Vec::new();
    JpegEncoder::new_with_quality(&mut encoded, QUALITY).encode_image(&turned)?;
    Ok(encoded)
}

/// The JPEG with an EXIF orientation directly behind its first marker.
fn with_orientation(jpeg: &[u8]) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    [start, &EXIF, rest].concat()
}

/// White, as wide as high.
fn blank(side: u32) -> anyhow::Result<Picture> {
    let white = DynamicImage::from(GrayImage::from_pixel(side, side, Luma([255])));
    let mut encoded = Cursor::new(Vec::new());
    white
        .write_to(&mut encoded, ImageFormat::Png)
        .context("a blank picture cannot be made")?;
    Ok(Picture {
        bytes: encoded.into_inner().into(),
        format: Format::Png,
    })
}

/// The PNG with so much filling before its end that it is exactly so long, where it is not longer.
fn filled(png: &Picture, bytes: usize) -> Picture {
    let room = bytes.saturating_sub(png.bytes.len() + CHUNK_BYTES);
    let (picture, end) = png.bytes.split_at(png.bytes.len() - PNG_END_BYTES);
    let mut chunk = FILLING.to_vec();
    chunk.resize(FILLING.len() + room, 0);
    let length = u32::try_from(room).unwrap_or(0).to_be_bytes();
    let checksum = crc32fast::hash(&chunk).to_be_bytes();
    Picture {
        bytes: [picture, &length, &chunk, &checksum, end].concat().into(),
        format: Format::Png,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::inspect;

    #[test]
    fn every_picture_is_what_it_is_sent_for() {
        let none: [&Path; 0] = [];
        let pictures = CertifyPictures::new(&none, &Config::default()).unwrap();
        let facts = |picture: &Picture| inspect(&picture.bytes, 1).unwrap();
        let (upright, lying) = (facts(&pictures.bills[0]), facts(&pictures.lying));
        let turned = facts(&pictures.turned);
        assert_eq!((lying.width, lying.height), (upright.height, upright.width));
        assert_eq!((lying.orientation, turned.orientation), (1, 6));
        assert_eq!(turned.upright_sides(), (upright.width, upright.height));
        for (picture, side, bytes) in [
            (&pictures.large, 400, Some(5 << 20)),
            (&pictures.half, 400, Some(5 << 19)),
            (&pictures.blank, 400, None),
            (&pictures.small, 100, None),
            (&pictures.tiny, 10, None),
        ] {
            let facts = facts(picture);
            assert_eq!((facts.width, facts.height), (side, side));
            assert!(facts.is_ended);
            assert_eq!(picture.bytes.len(), bytes.unwrap_or(picture.bytes.len()));
        }
    }
}
