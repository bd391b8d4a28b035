//! Headers nested more deeply than the library can read.
//!
//! lapin reads lists and tables within each other by recursion, on a thread with a stack of 2 MiB: a header of some eight kilobytes, nested
//! 1,700 times, ends the process, of every worker in turn that the message is delivered to, and of whoever looks at it in the failed queue.
//! AMQP and RabbitMQ know no bound. So here what is nested beyond all sense is declared a byte array on its way in: one byte changes, every
//! length stays, and a copy of the message carries it as such.

/// The table of headers itself is the first level. No client's own values come near it.
const MAX_DEPTH: usize = 32;

/// AMQP's frame type of properties and headers.
const CONTENT_HEADER: u64 = 2;
/// Class, weight and size of the body, in front of the flags.
const BEFORE_FLAGS: u64 = 12;
/// Content type and content encoding, short strings in front of the headers.
const SHORT_PROPERTIES: u64 = 0xc000;
const HEADERS: u64 = 0x2000;
const MORE_FLAGS: u64 = 1;

/// Follows the broker's bytes frame by frame, in whatever pieces they come.
#[derive(Debug)]
pub struct Nesting {
    item: Item,
    /// To pass over before the item begins.
    skip: u64,
    /// Bytes of the item that are still missing, and what the others say as a number.
    missing: u8,
    number: u64,
    /// Of the frame's content: its length, and how much of it was seen.
    length: u64,
    seen: u64,
    short_properties: u32,
    has_headers: bool,
    /// Where the lists and tables end that are being read, the innermost last.
    open: Vec<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Frame,
    Flags {
        first: bool,
    },
    ShortProperty,
    Container {
        is_table: bool,
    },
    /// The next of the innermost list or table, if there is one.
    Entry,
    Name,
    Type,
    Long,
}

#[derive(Debug)]
struct Open {
    end: u64,
    is_table: bool,
}

impl Default for Nesting {
    fn default() -> Self {
        Self {
            item: Item::Frame,
            skip: 0,
            missing: Item::Frame.bytes(),
            number: 0,
            length: 0,
            seen: 0,
            short_properties: 0,
            has_headers: false,
            open: Vec::new(),
        }
    }
}

impl Item {
    fn bytes(self) -> u8 {
        match self {
            // Type, channel and length.
            Self::Frame => 7,
            Self::Flags { .. } => 2,
            Self::ShortProperty | Self::Name | Self::Type => 1,
            Self::Container { .. } | Self::Long => 4,
            Self::Entry => 0,
        }
    }
}

impl Nesting {
    /// The next bytes of the stream, as they are to be read.
    pub fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= skipped as u64;
                self.seen += skipped as u64;
                bytes = &mut bytes[skipped..];
            } else if self.item == Item::Entry {
                self.entry();
            } else {
                let Some((byte, rest)) = bytes.split_first_mut() else { return };
                self.number = self.number << 8 | u64::from(*byte);
                self.seen += 1;
                self.missing -= 1;
                if self.missing == 0 {
                    self.read(byte);
                }
                bytes = rest;
            }
        }
    }

    /// The item is whole; `last` is its last byte.
    fn read(&mut self, last: &mut u8) {
        let number = self.number;
        match self.item {
            Item::Frame => {
                (self.length, self.seen) = (number & u64::from(u32::MAX), 0);
                if number >> 48 == CONTENT_HEADER { self.expect(BEFORE_FLAGS, Item::Flags { first: true }) } else { self.end_frame() }
            }
            Item::Flags { first } => {
                if first {
                    self.short_properties = (number & SHORT_PROPERTIES).count_ones();
                    self.has_headers = number & HEADERS != 0;
                }
                if number & MORE_FLAGS != 0 { self.expect(0, Item::Flags { first: false }) } else { self.properties(0) }
            }
            Item::ShortProperty => {
                self.short_properties -= 1;
                self.properties(number);
            }
            Item::Container { is_table } => {
                self.open.push(Open { end: self.seen + number, is_table });
                self.expect(0, Item::Entry);
            }
            Item::Name => self.expect(number, Item::Type),
            Item::Type => self.value(last),
            Item::Long => self.expect(number, Item::Entry),
            Item::Entry => {}
        }
    }

    fn properties(&mut self, skip: u64) {
        match (self.has_headers, self.short_properties) {
            (false, _) => self.end_frame(),
            (true, 0) => self.expect(skip, Item::Container { is_table: true }),
            (true, _) => self.expect(skip, Item::ShortProperty),
        }
    }

    fn entry(&mut self) {
        while self.open.last().is_some_and(|open| open.end == self.seen) {
            self.open.pop();
        }
        match self.open.last() {
            Some(open) if open.end > self.seen => self.expect(0, if open.is_table { Item::Name } else { Item::Type }),
            // All is read, or lengths contradict each other: lapin sees that before it goes any deeper.
            Some(_) | None => self.end_frame(),
        }
    }

    /// The types of values as RabbitMQ and lapin know them.
    fn value(&mut self, kind: &mut u8) {
        match *kind {
            b'A' | b'F' if self.open.len() >= MAX_DEPTH => {
                *kind = b'x';
                self.expect(0, Item::Long);
            }
            b'A' | b'F' => self.expect(0, Item::Container { is_table: *kind == b'F' }),
            b'S' | b'x' => self.expect(0, Item::Long),
            b'V' => self.expect(0, Item::Entry),
            b't' | b'b' | b'B' => self.expect(1, Item::Entry),
            b's' | b'U' | b'u' => self.expect(2, Item::Entry),
            b'I' | b'i' | b'f' => self.expect(4, Item::Entry),
            b'D' => self.expect(5, Item::Entry),
            b'L' | b'l' | b'd' | b'T' => self.expect(8, Item::Entry),
            _ => self.end_frame(),
        }
    }

    fn expect(&mut self, skip: u64, item: Item) {
        if self.seen + skip + u64::from(item.bytes()) > self.length {
            return self.end_frame();
        }
        (self.item, self.skip, self.missing, self.number) = (item, skip, item.bytes(), 0);
    }

    /// Passes over what is left of the frame, and the byte that ends it.
    fn end_frame(&mut self) {
        self.open.clear();
        self.skip = (self.length + 1).saturating_sub(self.seen);
        (self.item, self.missing, self.number) = (Item::Frame, Item::Frame.bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::parsing::parse_field_table;
    use proptest::prelude::*;

    /// A content header with a content type and this table, and the body's frame behind it.
    fn frames(table: &[u8]) -> Vec<u8> {
        let mut content = [[0, 60, 0, 0].as_slice(), &[0; 8], &[0xb0, 0], b"\x04text", &four(table), table, b"\x02"].concat();
        content = [&[2, 0, 1], four(&content).as_slice(), &content, &[0xce]].concat();
        [content.as_slice(), &[3, 0, 1, 0, 0, 0, 3], b"AAA\xce"].concat()
    }

    /// Where the table stands in those frames.
    const TABLE: usize = 7 + 12 + 2 + 5;

    fn four(bytes: &[u8]) -> [u8; 4] {
        u32::try_from(bytes.len()).unwrap().to_be_bytes()
    }

    /// A header `n` of lists, or tables with one name, within each other.
    fn nested(levels: usize, tables: bool) -> Vec<u8> {
        let inner = (0..levels).fold(Vec::new(), |inner, level| {
            let (kind, name): (u8, &[u8]) = if tables { (b'F', b"\x01n") } else { (b'A', b"") };
            let name = if level == 0 { b"" } else { name };
            [&[kind], four(&[name, &inner].concat()).as_slice(), name, &inner].concat()
        });
        [b"\x01n", inner.as_slice()].concat()
    }

    fn passed(frames: &[u8], piece: usize) -> Vec<u8> {
        let (mut frames, mut nesting) = (frames.to_vec(), Nesting::default());
        frames.chunks_mut(piece).for_each(|piece| nesting.pass(piece));
        frames
    }

    #[test]
    fn what_is_nested_beyond_the_bound_becomes_a_byte_array_and_nothing_else_changes() {
        for tables in [false, true] {
            for (levels, changes) in [(1, 0), (MAX_DEPTH - 1, 0), (MAX_DEPTH, 1), (20_000, 1)] {
                let sent = frames(&nested(levels, tables));
                for piece in [1, 3, 4096, usize::MAX] {
                    // Twice, so that the first message leaves the second where it begins.
                    let read = passed(&sent.repeat(2), piece);
                    let changed: Vec<(u8, u8)> =
                        sent.repeat(2).iter().copied().zip(read.iter().copied()).filter(|(sent, read)| sent != read).collect();
                    let kind = if tables { b'F' } else { b'A' };
                    assert_eq!(changed, vec![(kind, b'x'); 2 * changes], "{levels} levels in pieces of {piece}");
                    assert!(parse_field_table(&read[TABLE..]).is_ok());
                }
            }
        }
    }

    #[test]
    fn lists_beside_each_other_are_not_nested() {
        let list = [b"A".as_slice(), &four(b"V"), b"V"].concat();
        let sent = frames(&[b"\x01nA".as_slice(), &four(&list.repeat(100)), &list.repeat(100)].concat());
        assert_eq!(passed(&sent, 5), sent);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_strangers_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..20) {
            for bytes in [bytes.clone(), frames(&bytes)] {
                prop_assert_eq!(passed(&bytes, piece), passed(&bytes, usize::MAX));
            }
        }
    }
}
