//! A JPEG's markers to its first scan, and the marker at its end.
//!
//! Fill bytes before a marker are legal; a few stray bytes between segments are what every decoder
//! steps over.

use super::exif;
use super::facts::{Colours, Flaw, ImageFacts};
use super::numbers::be16;
use crate::domain::picture::Format;
use memchr::{memchr, memrchr_iter};

/// More bytes that belong to no segment are not passed over.
const MAX_STRAY_BYTES: usize = 4_096;
const EXIF: &[u8] = b"Exif\0\0";
const ADOBE: &[u8] = b"Adobe";
/// A block of a baseline picture has two codes at least, of a progressive one a first code; a code
/// has a bit at least.
const BITS_OF_A_BLOCK: u64 = 2;
const BITS_OF_A_PROGRESSIVE_BLOCK: u64 = 1;

const TWO_FRAMES: Flaw = Flaw::Damaged("it has two frame headers");
const NO_FRAME: Flaw = Flaw::Damaged("its pixels come before its frame header");
const NO_SIZE: Flaw = Flaw::Damaged("it tells no possible dimensions");

struct Segment<'a> {
    code: u8,
    /// Empty for a marker that stands alone.
    data: &'a [u8],
}

pub(super) fn walk(
    bytes: &[u8],
    is_whole: bool,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let (mut at, mut stray) = (2, 0);
    let mut frame: Option<ImageFacts> = None;
    let (mut orientation, mut metadata_bytes) = (None, 0);
    let facts = loop {
        let segment = segment(bytes, &mut at, &mut stray)?;
        match segment.code {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xde | 0xf7 => {
                if frame.is_some() {
                    return Err(TWO_FRAMES);
                }
                frame = Some(frame_facts(&segment, sides)?);
            }
            0xda => break frame.ok_or(NO_FRAME)?,
            0xd9 => return Err(Flaw::Damaged("it ends before its pixels")),
            0xe1 => {
                metadata_bytes += segment.data.len();
                if let Some(exif) = segment.data.strip_prefix(EXIF) {
                    orientation.get_or_insert_with(|| exif::orientation(exif));
                }
            }
            0xee if segment.data.starts_with(ADOBE) => {}
            0xe2..=0xef | 0xfe => metadata_bytes += segment.data.len(),
            _ => {}
        }
    };
    let facts = ImageFacts {
        orientation: orientation.unwrap_or(1),
        metadata_bytes,
        ..facts
    };
    if is_whole {
        ended(facts, &bytes[at..])
    } else {
        Ok(facts)
    }
}

/// The next segment, behind which `at` then stands.
fn segment<'a>(bytes: &'a [u8], at: &mut usize, stray: &mut usize) -> Result<Segment<'a>, Flaw> {
    loop {
        let rest = bytes.get(*at..).ok_or(Flaw::Ends)?;
        let skipped = memchr(0xff, rest).ok_or(Flaw::Ends)?;
        let fill = rest[skipped..]
            .iter()
            .take_while(|byte| **byte == 0xff)
            .count();
        let code = *rest.get(skipped + fill).ok_or(Flaw::Ends)?;
        *stray += skipped;
        if *stray > MAX_STRAY_BYTES {
            return Err(Flaw::Damaged("a segment begins where none can"));
        }
        *at += skipped + fill + 1;
        match code {
            // No marker: the byte 255 itself.
            0x00 => *stray += 2,
            0x01 | 0xd0..=0xd8 => {}
            0xd9 => return Ok(Segment { code, data: &[] }),
            _ => {
                let length = usize::from(be16(bytes, *at).ok_or(Flaw::Ends)?);
                if length < 2 {
                    return Err(Flaw::Damaged("a segment has no possible length"));
                }
                let data = bytes.get(*at + 2..*at + length).ok_or(Flaw::Ends)?;
                *at += length;
                return Ok(Segment { code, data });
            }
        }
    }
}

fn frame_facts(
    &Segment { code, data }: &Segment,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let damaged = Flaw::Damaged("its frame header is too short");
    let (Some(&precision), Some(&components)) = (data.first(), data.get(5)) else {
        return Err(damaged);
    };
    let height = u32::from(be16(data, 1).ok_or(damaged)?);
    let width = u32::from(be16(data, 3).ok_or(damaged)?);
    if width > 0 && height > 0 {
        *sides = Some((width, height));
    }
    match (code, precision) {
        (0xf7, _) => return Err(Flaw::Unsupported("a JPEG-LS picture")),
        (0xc3, _) => return Err(Flaw::Unsupported("a lossless JPEG")),
        (0xc5..=0xc7 | 0xcd..=0xcf | 0xde, _) => {
            return Err(Flaw::Unsupported("a hierarchical JPEG"));
        }
        (0xc9..=0xcb, _) => {
            return Err(Flaw::Unsupported("a JPEG with arithmetic coding"));
        }
        (_, 12) => return Err(Flaw::Unsupported("a JPEG with 12 bits for each colour")),
        (_, 8) => {}
        _ => {
            return Err(Flaw::Damaged(
                "its frame header names no possible precision",
            ));
        }
    }
    if width == 0 {
        return Err(NO_SIZE);
    }
    if height == 0 {
        return Err(Flaw::Unsupported(
            "a JPEG that tells its height behind its pixels",
        ));
    }
    if data.len() < 6 + 3 * usize::from(components) {
        return Err(damaged);
    }
    let colours = match components {
        1 | 3 => Colours::Plain,
        4 => Colours::Print,
        _ => return Err(Flaw::Damaged("its frame header names no possible colours")),
    };
    Ok(ImageFacts {
        format: Format::Jpeg,
        width,
        height,
        page: 1,
        orientation: 1,
        colours,
        channels: components.min(3),
        is_progressive: code == 0xc2,
        metadata_bytes: 0,
        is_ended: false,
    })
}

/// The facts of a whole file, of which `scans` begins behind the first scan's header.
fn ended(facts: ImageFacts, scans: &[u8]) -> Result<ImageFacts, Flaw> {
    let mut marks = memrchr_iter(0xd9, scans);
    let end = marks.find(|end| *end > 0 && scans[end - 1] == 0xff);
    let scan_bytes = end.map_or(scans.len(), |end| end - 1) as u64;
    let blocks = u64::from(facts.width.div_ceil(8)) * u64::from(facts.height.div_ceil(8));
    let bits = if facts.is_progressive {
        BITS_OF_A_PROGRESSIVE_BLOCK
    } else {
        BITS_OF_A_BLOCK
    };
    if scan_bytes * 8 < blocks * bits {
        return Err(match end {
            Some(_) => Flaw::Damaged("its sides promise more pixels than it holds"),
            None => Flaw::Ends,
        });
    }
    Ok(ImageFacts {
        is_ended: end.is_some(),
        ..facts
    })
}
