//! The orientation in EXIF data: how a picture has to be turned to stand upright.

use super::numbers::{be16, be32, le16, le32};

const UPRIGHT: u8 = 1;
const ORIENTATION_TAG: u16 = 0x0112;
/// A directory with more entries is none.
const MAX_ENTRIES: u16 = 1_000;

/// The orientation that EXIF data (a TIFF header and its first directory) names, 1 to 8. Data that
/// cannot be read means 1, as if there were none.
pub(super) fn orientation(exif: &[u8]) -> u8 {
    read(exif).unwrap_or(UPRIGHT)
}

fn read(exif: &[u8]) -> Option<u8> {
    let is_little = match exif.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at| {
        if is_little {
            le16(exif, at)
        } else {
            be16(exif, at)
        }
    };
    let long = |at| {
        if is_little {
            le32(exif, at)
        } else {
            be32(exif, at)
        }
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = short(directory)?.min(MAX_ENTRIES);
    for entry in 0..usize::from(entries) {
        let at = directory.checked_add(2 + entry * 12)?;
        if short(at)? == ORIENTATION_TAG {
            let value = u8::try_from(short(at.checked_add(8)?)?).ok()?;
            return (1..=8).contains(&value).then_some(value);
        }
    }
    None
}
