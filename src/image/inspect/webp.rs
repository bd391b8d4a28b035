//! A WebP's chunks: its sides, and how it has to be turned.

use super::exif;
use super::facts::{Colours, Flaw, ImageFacts};
use super::numbers::{le16, le32};
use crate::domain::picture::Format;

/// RIFF, a length, and WEBP.
const HEADER_BYTES: usize = 12;
const NO_SIDES: Flaw = Flaw::Damaged("it tells no possible dimensions");

pub(super) fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..HEADER_BYTES) == Some(b"WEBP")
}

pub(super) fn walk(
    bytes: &[u8],
    is_whole: bool,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let length = le32(bytes, 4).ok_or(Flaw::Ends)? as usize;
    let (width, height) = first_sides(bytes)?;
    *sides = Some((width, height));
    if is_whole && bytes.len() < length.saturating_add(8) {
        return Err(Flaw::Ends);
    }
    Ok(ImageFacts {
        format: Format::Webp,
        width,
        height,
        page: 1,
        orientation: orientation(bytes),
        colours: Colours::MaybeTransparent,
        channels: 4,
        is_progressive: false,
        metadata_bytes: 0,
        is_ended: true,
    })
}

/// The sides in the first chunk.
fn first_sides(bytes: &[u8]) -> Result<(u32, u32), Flaw> {
    let data = HEADER_BYTES + 8;
    match bytes
        .get(HEADER_BYTES..HEADER_BYTES + 4)
        .ok_or(Flaw::Ends)?
    {
        b"VP8 " => {
            let width = u32::from(le16(bytes, data + 6).ok_or(Flaw::Ends)? & 0x3fff);
            let height = u32::from(le16(bytes, data + 8).ok_or(Flaw::Ends)? & 0x3fff);
            if width == 0 || height == 0 {
                return Err(NO_SIDES);
            }
            Ok((width, height))
        }
        b"VP8L" => {
            let packed = le32(bytes, data + 1).ok_or(Flaw::Ends)?;
            Ok(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => {
            // Three bytes each, less one.
            let width = le32(bytes, data + 4).ok_or(Flaw::Ends)? & 0x00ff_ffff;
            let height = le32(bytes, data + 6).ok_or(Flaw::Ends)? >> 8;
            Ok((width + 1, height + 1))
        }
        _ => Err(Flaw::Damaged("its first chunk is of no known kind")),
    }
}

fn orientation(bytes: &[u8]) -> u8 {
    let mut at = HEADER_BYTES;
    while let (Some(kind), Some(length)) = (bytes.get(at..at + 4), le32(bytes, at + 4)) {
        let (start, length) = (at + 8, length as usize);
        let Some(data) = start
            .checked_add(length)
            .and_then(|end| bytes.get(start..end))
        else {
            break;
        };
        if kind == b"EXIF" {
            return exif::orientation(data.strip_prefix(b"Exif\0\0").unwrap_or(data));
        }
        at = start + length + length % 2;
    }
    1
}
