//! A PNG's chunks from its signature to its end, with their checksums.

use super::exif;
use super::facts::{Colours, Flaw, ImageFacts};
use super::numbers::be32;
use crate::domain::picture::Format;

pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Length, type and checksum of a chunk.
const FRAME_BYTES: usize = 12;
const HEADER_BYTES: usize = 13;
/// Deflate makes at most so many bytes of one.
const DEFLATE_MOST: u64 = 1_032;

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    is_sound: bool,
}

impl Chunk<'_> {
    /// A decoder cannot do without it.
    fn is_critical(&self) -> bool {
        self.kind[0].is_ascii_uppercase()
    }
}

/// Walks to IEND, or to the first IDAT of a file that is not whole. Chunks that a decoder may skip
/// may be damaged.
pub(super) fn walk(
    bytes: &[u8],
    is_whole: bool,
    sides: &mut Option<(u32, u32)>,
) -> Result<ImageFacts, Flaw> {
    let mut at = SIGNATURE.len();
    let header = chunk(bytes, &mut at)?;
    let mut facts = header_facts(&header, sides)?;
    let (bits, is_palette) = (pixel_bits(&header)?, header.data[9] == 3);
    let (mut has_palette, mut compressed) = (false, 0_u64);
    loop {
        if !is_whole && bytes.get(at + 4..at + 8) == Some(b"IDAT") {
            return Ok(facts);
        }
        let next = chunk(bytes, &mut at)?;
        if next.is_critical() && !next.is_sound {
            return Err(Flaw::Damaged("a checksum does not fit its chunk"));
        }
        match &next.kind {
            b"IDAT" => {
                if compressed == 0 && !is_zlib(next.data) {
                    return Err(Flaw::Damaged(
                        "its pixels are not compressed as they must be",
                    ));
                }
                compressed += next.data.len() as u64;
            }
            b"PLTE" => has_palette = true,
            b"IEND" => break,
            b"IHDR" => return Err(Flaw::Damaged("it has two headers")),
            b"tRNS" if next.is_sound => facts.colours = Colours::MaybeTransparent,
            b"eXIf" if next.is_sound => {
                facts.orientation = exif::orientation(next.data);
                facts.metadata_bytes += next.data.len();
            }
            _ if next.is_critical() => return Err(Flaw::Damaged("a chunk is of no known kind")),
            _ => facts.metadata_bytes += next.data.len(),
        }
    }
    if is_palette && !has_palette {
        return Err(Flaw::Damaged("its palette is missing"));
    }
    let row = (u64::from(facts.width) * u64::from(bits)).div_ceil(8);
    if row.saturating_mul(u64::from(facts.height)) > compressed.saturating_mul(DEFLATE_MOST) {
        return Err(Flaw::Damaged(
            "its sides promise more pixels than it can hold",
        ));
    }
    Ok(ImageFacts {
        is_ended: true,
        ..facts
    })
}

/// The next chunk, behind which `at` then stands.
fn chunk<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Chunk<'a>, Flaw> {
    let length = be32(bytes, *at).ok_or(Flaw::Ends)?;
    let rest = bytes.get(*at + 4..).ok_or(Flaw::Ends)?;
    let kind = *rest.first_chunk::<4>().ok_or(Flaw::Ends)?;
    if length > i32::MAX as u32 || !kind.iter().all(u8::is_ascii_alphabetic) {
        return Err(Flaw::Damaged("a chunk begins where none can"));
    }
    let length = length as usize;
    let sum = be32(rest, 4 + length).ok_or(Flaw::Ends)?;
    *at += FRAME_BYTES + length;
    Ok(Chunk {
        kind,
        data: &rest[4..4 + length],
        is_sound: crc32fast::hash(&rest[..4 + length]) == sum,
    })
}

fn header_facts(header: &Chunk, sides: &mut Option<(u32, u32)>) -> Result<ImageFacts, Flaw> {
    if header.kind != *b"IHDR" || header.data.len() != HEADER_BYTES {
        return Err(Flaw::Damaged("it does not begin with its header"));
    }
    if !header.is_sound {
        return Err(Flaw::Damaged("a checksum does not fit its chunk"));
    }
    let side = |at| be32(header.data, at).filter(|side| (1..=i32::MAX as u32).contains(side));
    let (Some(width), Some(height)) = (side(0), side(4)) else {
        return Err(Flaw::Damaged("it tells no possible dimensions"));
    };
    *sides = Some((width, height));
    let (colours, channels) = match header.data[9] {
        0 => (Colours::Plain, 1),
        4 => (Colours::MaybeTransparent, 2),
        6 => (Colours::MaybeTransparent, 4),
        _ => (Colours::Plain, 3),
    };
    Ok(ImageFacts {
        format: Format::Png,
        width,
        height,
        page: 1,
        orientation: 1,
        colours,
        channels: channels * if header.data[8] == 16 { 2 } else { 1 },
        is_progressive: false,
        metadata_bytes: 0,
        is_ended: false,
    })
}

/// The bits of a pixel as stored.
fn pixel_bits(header: &Chunk) -> Result<u8, Flaw> {
    let depth = header.data[8];
    match (header.data[9], depth) {
        (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => Ok(depth),
        (2, 8 | 16) => Ok(3 * depth),
        (4, 8 | 16) => Ok(2 * depth),
        (6, 8 | 16) => Ok(4 * depth),
        _ => Err(Flaw::Damaged("its header names no possible colours")),
    }
}

fn is_zlib(data: &[u8]) -> bool {
    data.first_chunk::<2>()
        .is_none_or(|start| start[0] & 15 == 8 && u16::from_be_bytes(*start) % 31 == 0)
}
