//! The properties of a message, mended for lapin.
//!
//! A property that is not UTF-8 cannot be compared, echoed or published to. It is taken out, so
//! that it is absent for the worker, and its bytes are written into a header of the worker's own.
//! That header travels with every copy of the message: it shows an operator the original bytes, and
//! keeps two messages that differ in nothing else two runs.

use super::reader::{ByteReader, push_long};
use super::table::TableEntries;
use crate::broker::run_id::UNREADABLE;
use sha2::{Digest, Sha256};

/// Class, weight and size of the body.
const BEFORE_FLAGS: usize = 12;
/// Another sixteen flags follow. They stand for no property, and lapin reads the first sixteen
/// only.
const MORE_FLAGS: u16 = 1;
/// The longest property in bytes that is written out in `invoice-unreadable`. That header has at
/// most ten properties in it, so it stays below a kilobyte.
const LONGEST_SHOWN: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PropertyType {
    Short,
    Table,
    Bytes(usize),
}

use PropertyType::{Bytes, Short, Table};

/// The properties in their order on the wire. The highest flag stands for the first one.
const PROPERTIES: [(&str, PropertyType); 14] = [
    ("content_type", Short),
    ("content_encoding", Short),
    ("headers", Table),
    ("delivery_mode", Bytes(1)),
    ("priority", Bytes(1)),
    ("correlation_id", Short),
    ("reply_to", Short),
    ("expiration", Short),
    ("message_id", Short),
    ("timestamp", Bytes(8)),
    ("type", Short),
    ("user_id", Short),
    ("app_id", Short),
    ("cluster_id", Short),
];

const HEADERS: usize = 2;

/// The payload of a content header in at most `room` bytes, as far as headers can be left out.
pub(super) fn mended(payload: &[u8], room: usize) -> Vec<u8> {
    let mut reader = ByteReader(payload);
    // A shorter payload is a defect of the broker, and lapin reports it.
    let Some((begin, flags)) = reader.take(BEFORE_FLAGS).zip(reader.u16()) else {
        return payload.to_vec();
    };
    let mut more = flags;
    while more & MORE_FLAGS != 0 {
        more = reader.u16().unwrap_or_default();
    }
    let mut properties: [Option<Vec<u8>>; PROPERTIES.len()] = Default::default();
    let (mut headers, mut has_headers) = (TableEntries::default(), false);
    let mut unreadable = Vec::new();
    for (index, (name, kind)) in PROPERTIES.into_iter().enumerate() {
        if flags & flag(index) == 0 {
            continue;
        }
        let mut property = Vec::new();
        match kind {
            Bytes(width) => {
                let Some(bytes) = reader.take(width) else {
                    break;
                };
                property.extend_from_slice(bytes);
            }
            Table => {
                let Some(table) = reader.long() else { break };
                (headers, has_headers) = (TableEntries::read(table), true);
                continue;
            }
            Short => {
                let Some(text) = reader.short() else { break };
                if std::str::from_utf8(text).is_err() {
                    unreadable.push(format!("{name}={}", shown(text)));
                    continue;
                }
                property.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                property.extend_from_slice(text);
            }
        }
        properties[index] = Some(property);
    }
    if !unreadable.is_empty() {
        headers.push_text(UNREADABLE, &unreadable.join(","));
    }
    shrink(&mut headers, &properties, room);
    if has_headers || !headers.is_empty() {
        let mut table = Vec::new();
        push_long(&headers.to_bytes(), &mut table);
        properties[HEADERS] = Some(table);
    }
    let present = (0..PROPERTIES.len())
        .filter(|&index| properties[index].is_some())
        .fold(0, |flags, index| flags | flag(index));
    let mut out = [begin, &present.to_be_bytes()].concat();
    properties
        .iter()
        .flatten()
        .for_each(|property| out.extend_from_slice(property));
    out
}

/// Leaves out headers until the payload fits. The broker sends content headers that are larger than
/// the negotiated frame, because a publisher may have negotiated a larger one and because the
/// broker adds headers of its own. The other properties always fit.
fn shrink(headers: &mut TableEntries, properties: &[Option<Vec<u8>>], room: usize) {
    const FLAGS_AND_LENGTH: usize = 2 + 4;
    let others: usize = properties.iter().flatten().map(Vec::len).sum();
    let left_out = headers.shrink(room.saturating_sub(BEFORE_FLAGS + FLAGS_AND_LENGTH + others));
    if left_out > 0 {
        tracing::warn!(
            headers = left_out,
            "a message's headers are larger than a frame of this connection; the largest were left out"
        );
    }
}

fn flag(index: usize) -> u16 {
    1 << (15 - index)
}

/// The bytes in hexadecimal digits if they are few, as in most names, else their digest.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= LONGEST_SHOWN {
        hex::encode(bytes)
    } else {
        format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(flags: u16, properties: &[u8]) -> Vec<u8> {
        [
            [0, 60, 0, 0].as_slice(),
            &[0; 8],
            &flags.to_be_bytes(),
            properties,
        ]
        .concat()
    }

    #[test]
    fn further_flags_and_bytes_behind_the_properties_are_left_out() {
        let sound = header(0x0400, b"\x01c");
        assert_eq!(mended(&header(0x0401, b"\x00\x00\x01c"), usize::MAX), sound);
        assert_eq!(mended(&header(0x0400, b"\x01cmore"), usize::MAX), sound);
        assert_eq!(
            mended(&header(0x0402, b"\x01c"), usize::MAX),
            sound,
            "a flag without a property"
        );
    }

    #[test]
    fn a_truncated_property_is_dropped_with_those_behind_it() {
        assert_eq!(
            mended(&header(0x0480, b"\x01c\x09mess"), usize::MAX),
            header(0x0400, b"\x01c")
        );
        assert_eq!(
            mended(&header(0x2400, b"\x00\x00\x00\x09abc"), usize::MAX),
            header(0, b"")
        );
    }

    #[test]
    fn a_long_property_is_set_aside_by_its_digest() {
        let read = mended(
            &header(0x0400, &[b"\xff".as_slice(), &[0xff; 255]].concat()),
            usize::MAX,
        );
        let text = String::from_utf8_lossy(&read).into_owned();
        assert!(
            text.contains("invoice-unreadable")
                && text.contains("correlation_id=sha256:")
                && read.len() < 150,
            "{text}"
        );
    }
}
