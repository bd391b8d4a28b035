//! A BMP's header, of Windows or OS/2, from the bottom up or from the top down.

use super::facts::{Colours, Flaw, ImageFacts};
use super::numbers::{le16, le32};
use crate::domain::picture::Format;

const FILE_HEADER_BYTES: usize = 14;
/// The header of OS/2, whose sides have two bytes.
const CORE_HEADER_BYTES: u32 = 12;
/// A writer may leave out the padding of the last row.
const PADDING_BYTES: u64 = 3;

/// Whether a BMP begins here: two letters are little, so a header of possible length has to follow.
pub(super) fn is_bmp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BM")
        && le32(bytes, FILE_HEADER_BYTES).is_none_or(|length| matches!(length, 12..=124))
}

pub(super) fn walk(
    bytes: &[u8],
    is_whole: bool,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let is_core = le32(bytes, FILE_HEADER_BYTES).ok_or(Flaw::Ends)? == CORE_HEADER_BYTES;
    let (width, height, bits, compression) = if is_core {
        (
            i32::from(le16(bytes, 18).ok_or(Flaw::Ends)?),
            i32::from(le16(bytes, 20).ok_or(Flaw::Ends)?),
            le16(bytes, 24).ok_or(Flaw::Ends)?,
            0,
        )
    } else {
        (
            le32(bytes, 18).ok_or(Flaw::Ends)?.cast_signed(),
            le32(bytes, 22).ok_or(Flaw::Ends)?.cast_signed(),
            le16(bytes, 28).ok_or(Flaw::Ends)?,
            le32(bytes, 30).ok_or(Flaw::Ends)?,
        )
    };
    // A negative height means that the rows begin at the top.
    let height = height.unsigned_abs();
    let width = u32::try_from(width).unwrap_or(0);
    if width == 0 || height == 0 {
        return Err(Flaw::Damaged("it tells no possible dimensions"));
    }
    *sides = Some((width, height));
    match (compression, bits) {
        (0 | 3 | 6, 1 | 2 | 4 | 8 | 16 | 24 | 32) | (1, 8) | (2, 4) => {}
        (4 | 5, _) => return Err(Flaw::Unsupported("a BMP around a JPEG or PNG")),
        _ => return Err(Flaw::Damaged("its header names no possible colours")),
    }
    let pixels = u64::from(le32(bytes, 10).ok_or(Flaw::Ends)?);
    let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
    let is_packed = matches!(compression, 1 | 2);
    let end = if is_packed {
        pixels + 1
    } else {
        pixels.saturating_add(row.saturating_mul(u64::from(height)))
    };
    if is_whole && (bytes.len() as u64) < end.saturating_sub(PADDING_BYTES) {
        return Err(Flaw::Ends);
    }
    Ok(ImageFacts {
        format: Format::Bmp,
        width,
        height,
        page: 1,
        orientation: 1,
        colours: Colours::Plain,
        channels: if bits == 32 { 4 } else { 3 },
        is_progressive: false,
        metadata_bytes: 0,
        is_ended: true,
    })
}
