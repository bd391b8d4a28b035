//! A TIFF's directories, one for each page.

use super::facts::{Colours, Flaw, ImageFacts};
use super::numbers::{be16, be32, le16, le32};
use crate::domain::picture::Format;

/// More pages than a document on paper has; a chain of directories may also be a circle.
const MAX_PAGES: u32 = 1_000;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const COMPRESSION: u16 = 259;
const COLOURS: u16 = 262;
const ORIENTATION: u16 = 274;
const SAMPLES: u16 = 277;
/// A value of two bytes; one of four otherwise.
const SHORT: u16 = 3;
const CMYK: u32 = 5;

pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    [&b"II*\0"[..], b"MM\0*"]
        .iter()
        .any(|start| bytes.starts_with(start))
}

/// The page's facts, of pages that count from 1.
pub(super) fn walk(
    bytes: &[u8],
    page: u32,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let file = File {
        bytes,
        is_little: bytes.starts_with(b"II"),
    };
    let mut directory = file.long(4)?;
    for passed in 1..page.min(MAX_PAGES) {
        let entries = usize::from(file.short(directory)?);
        directory = file.long(directory + 2 + 12 * entries)?;
        if directory == 0 {
            return Err(Flaw::NoSuchPage(passed));
        }
    }
    let facts = file.facts(directory, sides)?;
    Ok(ImageFacts { page, ..facts })
}

struct File<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl File<'_> {
    fn short(&self, at: usize) -> Result<u16, Flaw> {
        let read = if self.is_little { le16 } else { be16 };
        read(self.bytes, at).ok_or(Flaw::Ends)
    }

    fn long(&self, at: usize) -> Result<usize, Flaw> {
        let read = if self.is_little { le32 } else { be32 };
        let value = read(self.bytes, at).ok_or(Flaw::Ends)?;
        // Four bytes fit into a place in memory.
        usize::try_from(value).map_err(|_| Flaw::Ends)
    }

    /// The first value of an entry, where that is a number.
    fn value(&self, entry: usize) -> Result<u32, Flaw> {
        if self.short(entry + 2)? == SHORT {
            self.short(entry + 8).map(u32::from)
        } else {
            self.long(entry + 8)
                .map(|value| u32::try_from(value).unwrap_or(u32::MAX))
        }
    }

    fn facts(&self, directory: usize, sides: &mut Option<(u32, u32)>) -> Result<ImageFacts, Flaw> {
        let entries = usize::from(self.short(directory)?);
        let (mut width, mut height, mut compression, mut colours) = (0, 0, 1, 1);
        let (mut orientation, mut samples) = (1, 1);
        for entry in (0..entries).map(|number| directory + 2 + 12 * number) {
            match self.short(entry)? {
                WIDTH => width = self.value(entry)?,
                HEIGHT => height = self.value(entry)?,
                COMPRESSION => compression = self.value(entry)?,
                COLOURS => colours = self.value(entry)?,
                ORIENTATION => orientation = self.value(entry)?,
                // Their number; the value may be elsewhere.
                SAMPLES => samples = self.value(entry)?,
                _ => {}
            }
        }
        if width == 0 || height == 0 {
            return Err(Flaw::Damaged("it tells no possible dimensions"));
        }
        *sides = Some((width, height));
        match compression {
            // None, LZW, JPEG, Deflate, PackBits, and fax of group 4.
            1 | 4 | 5 | 7 | 8 | 32_773 | 32_946 => {}
            2 | 3 => return Err(Flaw::Unsupported("a TIFF packed as a fax of group 3")),
            6 => return Err(Flaw::Unsupported("a TIFF with JPEG of the old kind")),
            _ => {
                return Err(Flaw::Unsupported(
                    "a TIFF packed in a way that is not known",
                ));
            }
        }
        Ok(ImageFacts {
            format: Format::Tiff,
            width,
            height,
            page: 1,
            orientation: u8::try_from(orientation)
                .ok()
                .filter(|value| (1..=8).contains(value))
                .unwrap_or(1),
            colours: if colours == CMYK {
                Colours::Print
            } else {
                Colours::Plain
            },
            channels: u8::try_from(samples.clamp(1, 4)).unwrap_or(4),
            is_progressive: false,
            metadata_bytes: 0,
            is_ended: true,
        })
    }
}
