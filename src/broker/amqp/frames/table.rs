//! A table of headers, entry by entry, mended for lapin.
//!
//! lapin parses nested lists and tables by recursion, on a thread with a stack of 2 MiB: a header
//! of eight kilobytes, nested 1,700 times, ends the process. AMQP and RabbitMQ have no bound. So a
//! value that is nested too deeply is declared a byte array, and copies of the message carry it as
//! such.

use super::reader::{ByteReader, push_long, push_short};
use std::borrow::Cow;
use std::cmp::Reverse;

/// The levels of nesting that are kept, the table itself being the first. Clients use far fewer.
pub(super) const MAX_DEPTH: usize = 32;

/// The length before a name.
const LENGTH_BYTE: usize = 1;

/// The entries of a table up to the first one that cannot be read, after which no entry can be
/// found.
#[derive(Debug, Default)]
pub(super) struct TableEntries(Vec<Vec<u8>>);

impl TableEntries {
    pub(super) fn read(table: &[u8]) -> Self {
        let mut reader = ByteReader(table);
        let mut entries = Vec::new();
        while let Some(entry) = entry(&mut reader, 1) {
            entries.push(entry);
        }
        Self(entries)
    }

    pub(super) fn push_text(&mut self, name: &str, text: &str) {
        let mut entry = Vec::new();
        push_short(name.as_bytes(), &mut entry);
        entry.push(b'S');
        push_long(text.as_bytes(), &mut entry);
        self.0.push(entry);
    }

    /// The size of all entries in bytes.
    pub(super) fn size(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves out the largest entries until the rest fits into `room` bytes, the submitter's before
    /// those that the worker reads. Returns the number of entries that were left out.
    pub(super) fn shrink(&mut self, room: usize) -> usize {
        let before = self.0.len();
        let mut excess = self.size().saturating_sub(room);
        if excess > 0 {
            // Sorted once: a table of 128 KiB holds sixty thousand entries.
            let mut order: Vec<usize> = (0..before).collect();
            order.sort_by_key(|&index| (is_ours(&self.0[index]), Reverse(self.0[index].len())));
            for index in order {
                if excess == 0 {
                    break;
                }
                excess = excess.saturating_sub(self.0[index].len());
                self.0[index].clear();
            }
            self.0.retain(|entry| !entry.is_empty());
        }
        before - self.0.len()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.concat()
    }
}

fn is_ours(entry: &[u8]) -> bool {
    let name = entry
        .get(LENGTH_BYTE..LENGTH_BYTE + usize::from(entry[0]))
        .unwrap_or_default();
    name.starts_with(b"invoice-")
        || [b"x-delivery-count".as_slice(), b"x-death", b"traceparent"].contains(&name)
}

fn table(content: &[u8], depth: usize) -> Vec<u8> {
    let mut reader = ByteReader(content);
    std::iter::from_fn(|| entry(&mut reader, depth))
        .collect::<Vec<_>>()
        .concat()
}

fn list(content: &[u8], depth: usize) -> Vec<u8> {
    let (mut reader, mut out) = (ByteReader(content), Vec::new());
    while value(&mut reader, depth, &mut out).is_some() {}
    out
}

fn entry(reader: &mut ByteReader<'_>, depth: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    push_short(reader.short()?, &mut out);
    value(reader, depth, &mut out)?;
    Some(out)
}

/// Copies a value of one of the types that RabbitMQ and lapin know; writes nothing if it returns
/// `None`.
fn value(reader: &mut ByteReader<'_>, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    let kind = reader.byte()?;
    let width = match kind {
        b'A' | b'F' | b'S' | b'x' => {
            let content = reader.long()?;
            let (kind, content) = match kind {
                b'A' | b'F' if depth >= MAX_DEPTH => (b'x', Cow::Borrowed(content)),
                b'A' => (kind, Cow::Owned(list(content, depth + 1))),
                b'F' => (kind, Cow::Owned(table(content, depth + 1))),
                _ => (kind, Cow::Borrowed(content)),
            };
            out.push(kind);
            push_long(&content, out);
            return Some(());
        }
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'U' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'L' | b'l' | b'd' | b'T' => 8,
        _ => return None,
    };
    let bytes = reader.take(width)?;
    out.push(kind);
    out.extend_from_slice(bytes);
    Some(())
}

/// A table among a method's arguments.
pub(super) fn mended(content: &[u8]) -> Vec<u8> {
    table(content, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::parsing::parse_field_table;
    use proptest::prelude::*;

    #[test]
    fn an_entry_that_cannot_be_read_costs_itself_and_what_is_behind_it() {
        let sound = b"\x01aI\x00\x00\x00\x01";
        for broken in [
            b"\x01b?\x00".as_slice(),
            b"\x01bS\x00\x00\x00\x09abc",
            b"\x09b",
            b"\x01b",
        ] {
            assert_eq!(
                TableEntries::read(&[sound, broken].concat()).to_bytes(),
                sound,
                "{broken:?}"
            );
        }
        // Within a table of its own it costs nothing outside.
        let nested = [b"\x01tF\x00\x00\x00\x03\x01b?".as_slice(), sound].concat();
        assert_eq!(
            TableEntries::read(&nested).to_bytes(),
            [b"\x01tF\x00\x00\x00\x00".as_slice(), sound].concat()
        );
    }

    #[test]
    fn the_largest_of_a_stranger_is_left_out_first() {
        let mut entries = TableEntries::default();
        entries.push_text("small", "x");
        entries.push_text("large", &"x".repeat(900));
        entries.push_text("invoice-progress", &"x".repeat(2_000));
        assert_eq!(entries.shrink(2_100), 1);
        let read = String::from_utf8_lossy(&entries.to_bytes()).into_owned();
        assert!(
            read.contains("small") && read.contains("invoice-progress") && !read.contains("large")
        );
        assert_eq!(entries.shrink(100), 2);
        assert!(entries.is_empty());
    }

    #[test]
    fn sixty_thousand_entries_are_left_out_at_once() {
        // A name of no bytes, and no value.
        let mut entries = TableEntries::read(&b"\x00V".repeat(60_000));
        entries.push_text("invoice-progress", "x");
        assert_eq!(
            entries.shrink(100),
            60_000 - (100 - entry_bytes("invoice-progress", "x")) / 2
        );
        assert!(String::from_utf8_lossy(&entries.to_bytes()).contains("invoice-progress"));
    }

    fn entry_bytes(name: &str, text: &str) -> usize {
        let mut entries = TableEntries::default();
        entries.push_text(name, text);
        entries.size()
    }

    proptest! {
        #[test]
        fn the_library_reads_what_is_left_of_any_table(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            push_long(&mended(&bytes), &mut out);
            prop_assert!(parse_field_table(out.as_slice()).is_ok());
        }
    }
}
