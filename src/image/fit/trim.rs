//! A picture without what its pixels do not need: profiles, previews, comments, and whatever
//! follows its end.

use crate::domain::picture::Format;
use bytes::Bytes;
use memchr::memchr;

const PNG_SIGNATURE_BYTES: usize = 8;
const CHUNK_FRAME_BYTES: usize = 12;

/// The same picture, shorter. `None`: it cannot be told apart.
pub(super) fn trimmed(bytes: &[u8], format: Format) -> Option<Bytes> {
    match format {
        Format::Jpeg => jpeg(bytes).map(Bytes::from),
        Format::Png => png(bytes).map(Bytes::from),
        Format::Bmp | Format::Tiff | Format::Webp | Format::Gif => None,
    }
}

/// Keeps the segments from which pixels are made, and the markers JFIF and Adobe, which say what
/// their colours mean.
fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut kept = vec![0xff, 0xd8];
    let mut at = 2;
    loop {
        at += memchr(0xff, bytes.get(at..)?)?;
        let fill = bytes[at..].iter().take_while(|byte| **byte == 0xff).count();
        let code = *bytes.get(at + fill)?;
        at += fill + 1;
        match code {
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 => return None,
            _ => {
                let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
                let data = bytes.get(at..at + length.max(2))?;
                at += data.len();
                if !matches!(code, 0xe1..=0xed | 0xef | 0xfe) {
                    kept.extend_from_slice(&[0xff, code]);
                    kept.extend_from_slice(data);
                }
                if code == 0xda {
                    kept.extend_from_slice(&bytes[at..at + scans(&bytes[at..])]);
                    return Some(kept);
                }
            }
        }
    }
}

/// The length of the scans with the mark at their end.
fn scans(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(skipped) = bytes.get(at..).and_then(|rest| memchr(0xff, rest)) {
        at += skipped + 1;
        match bytes.get(at) {
            Some(0xd9) => return at + 1,
            // Tables between the scans of a progressive picture may hold any bytes.
            Some(0xc0..=0xcf | 0xda..=0xfe) => {
                let length = bytes.get(at + 1..).and_then(<[u8]>::first_chunk);
                at += 1 + length.map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
            }
            Some(_) | None => {}
        }
    }
    bytes.len()
}

/// Keeps the chunks from which pixels are made.
fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut kept = bytes.get(..PNG_SIGNATURE_BYTES)?.to_vec();
    let mut at = PNG_SIGNATURE_BYTES;
    loop {
        let length = u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize;
        let chunk = bytes.get(at..at + CHUNK_FRAME_BYTES + length)?;
        let kind = &chunk[4..8];
        if kind[0].is_ascii_uppercase() || matches!(kind, b"tRNS" | b"gAMA" | b"sRGB") {
            kept.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Some(kept);
        }
        at += chunk.len();
    }
}
