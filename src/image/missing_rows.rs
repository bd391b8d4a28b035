//! How much of a JPEG is there whose end is missing. A decoder fills the rest with one colour.

use super::inspect::{ImageFacts, invalid};
use crate::domain::failure::Failure;
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use std::io::Cursor;

/// The rows that may be missing: those of the last blocks.
const MAY_BE_MISSING: usize = 16;
/// The colour of what is missing, before and after its conversion.
const FILLING: std::ops::RangeInclusive<u8> = 127..=129;

/// Decodes the picture, which takes milliseconds and the memory of its pixels.
///
/// # Errors
/// `image.corrupt`: more than the last rows is missing.
pub(super) fn has_its_rows(bytes: &[u8], facts: ImageFacts) -> Result<(), Failure> {
    // A decoder's panic on these bytes is the image's fault.
    let missing = std::panic::catch_unwind(|| missing_rows(bytes, facts));
    match missing {
        Ok(Some(rows)) if rows <= MAY_BE_MISSING => Ok(()),
        Ok(Some(rows)) => Err(invalid(
            "image.corrupt",
            format!(
                "the JPEG is cut off: {rows} of its {} rows are missing",
                facts.height
            ),
        )),
        Ok(None) | Err(_) => Err(invalid("image.corrupt", "the JPEG is cut off")),
    }
}

/// `None`: it cannot be decoded at all.
fn missing_rows(bytes: &[u8], facts: ImageFacts) -> Option<usize> {
    let decoder = JpegDecoder::new(Cursor::new(bytes)).ok()?;
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).ok()?];
    let row_bytes = facts.width as usize * usize::from(decoder.color_type().channel_count());
    decoder.read_image(&mut pixels).ok()?;
    let rows = pixels.chunks_exact(row_bytes);
    let is_filling = |row: &&[u8]| row.iter().all(|value| FILLING.contains(value));
    Some(rows.rev().take_while(is_filling).count())
}
