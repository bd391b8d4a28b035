//! A GIF's header. Its first picture is the one that counts.

use super::facts::{Colours, Flaw, ImageFacts};
use super::numbers::le16;
use crate::domain::picture::Format;

/// Its header, the screen and a block.
const LEAST_BYTES: usize = 14;

pub(super) fn is_gif(bytes: &[u8]) -> bool {
    bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")
}

pub(super) fn walk(
    bytes: &[u8],
    is_whole: bool,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let width = u32::from(le16(bytes, 6).ok_or(Flaw::Ends)?);
    let height = u32::from(le16(bytes, 8).ok_or(Flaw::Ends)?);
    if width == 0 || height == 0 {
        return Err(Flaw::Damaged("it tells no possible dimensions"));
    }
    *sides = Some((width, height));
    if is_whole && bytes.len() < LEAST_BYTES {
        return Err(Flaw::Ends);
    }
    Ok(ImageFacts {
        format: Format::Gif,
        width,
        height,
        page: 1,
        orientation: 1,
        colours: Colours::MaybeTransparent,
        channels: 4,
        is_progressive: false,
        metadata_bytes: 0,
        is_ended: true,
    })
}
