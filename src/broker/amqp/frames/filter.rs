//! Reads every method and content header before lapin does.
//!
//! lapin closes the connection when it cannot parse a frame, and RabbitMQ forwards frames that
//! lapin cannot parse: it does not check that short strings are UTF-8, has no bound on the nesting
//! of tables, and sends content headers that are larger than the negotiated frame. Any submitter
//! can write such a message, and it would close the connection of every worker in turn. So whatever
//! lapin would refuse is taken out of the frame: the message loses it, and the connection lives.

use super::layout::{
    CONTENT_BODY, CONTENT_HEADER, FRAME_HEADER, FRAME_OVERHEAD, HEARTBEAT, METHOD,
};
use super::{content_header, method};
use std::mem;

/// The longest frame that is mended, in bytes. RabbitMQ's default is 128 KiB.
const LONGEST_MENDED: usize = 16 << 20;
/// The smallest frame that a client may negotiate, in bytes.
const LEAST_FRAME_MAX: usize = 8192;

/// Takes the broker's bytes in pieces of any size and returns bytes that lapin can parse.
#[derive(Debug)]
pub struct FrameFilter {
    /// The beginning of a frame that is not complete yet.
    begun: Vec<u8>,
    /// The number of coming bytes that belong to a frame which is passed on unchanged.
    untouched: usize,
    ready: Vec<u8>,
    /// The number of `ready` bytes that were returned.
    returned: usize,
    /// The negotiated size of the largest frame in bytes; `None` before the negotiation.
    frame_max: Option<usize>,
    /// The size that the worker asks for; 0 leaves it to the broker.
    wanted_frame_max: u32,
}

impl FrameFilter {
    /// `wanted_frame_max` is the frame size in bytes that the worker asks for; 0 leaves it to the
    /// broker.
    pub fn new(wanted_frame_max: u32) -> Self {
        Self {
            begun: Vec::new(),
            untouched: 0,
            ready: Vec::new(),
            returned: 0,
            frame_max: None,
            wanted_frame_max,
        }
    }

    /// Adds the next bytes from the broker.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.untouched > 0 {
                let (passed, rest) = bytes.split_at(self.untouched.min(bytes.len()));
                self.ready.extend_from_slice(passed);
                self.untouched -= passed.len();
                bytes = rest;
                continue;
            }
            let wanted = self
                .payload_length()
                .map_or(FRAME_HEADER, |length| FRAME_OVERHEAD + length);
            let (taken, rest) = bytes.split_at((wanted - self.begun.len()).min(bytes.len()));
            self.begun.extend_from_slice(taken);
            bytes = rest;
            if let Some(length) = self.payload_length() {
                self.advance(length);
            }
        }
    }

    /// Moves ready bytes into the buffer, and returns their number.
    pub fn take(&mut self, into: &mut [u8]) -> usize {
        let ready = &self.ready[self.returned..];
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.returned += length;
        if self.returned == self.ready.len() {
            self.ready.clear();
            self.returned = 0;
        }
        length
    }

    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// `None` while the frame's header is not complete.
    fn payload_length(&self) -> Option<usize> {
        let length: [u8; 4] = self.begun.get(3..FRAME_HEADER)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(length)).ok()
    }

    /// Processes a frame whose header is complete.
    fn advance(&mut self, length: usize) {
        match self.begun[0] {
            METHOD | CONTENT_HEADER if length <= LONGEST_MENDED => {
                if self.begun.len() == FRAME_OVERHEAD + length {
                    self.end_frame();
                }
            }
            METHOD | CONTENT_HEADER | CONTENT_BODY | HEARTBEAT => {
                self.pass(FRAME_OVERHEAD + length - self.begun.len());
            }
            // No frame, for example the greeting of a broker with another version: lapin refuses
            // it.
            _ => self.pass(usize::MAX),
        }
    }

    fn pass(&mut self, length: usize) {
        self.ready.append(&mut self.begun);
        self.untouched = length;
    }

    fn end_frame(&mut self) {
        let frame = mem::take(&mut self.begun);
        let (header, rest) = frame.split_at(FRAME_HEADER);
        let Some((end, payload)) = rest.split_last() else {
            return;
        };
        let payload = if header[0] == METHOD {
            if let Some(offered) = method::frame_max_of_tune(payload) {
                self.frame_max = negotiated(self.wanted_frame_max, offered);
            }
            method::mended(payload)
        } else {
            let room = self
                .frame_max
                .map_or(usize::MAX, |frame_max| frame_max - FRAME_OVERHEAD);
            content_header::mended(payload, room)
        };
        self.ready.extend_from_slice(&header[..3]);
        // Fits: a mended payload is at most a little longer than the original.
        self.ready.extend_from_slice(
            &u32::try_from(payload.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        self.ready.extend_from_slice(&payload);
        self.ready.push(*end);
    }
}

/// The size that lapin and the broker agree on; `None` means no bound.
fn negotiated(wanted: u32, offered: u32) -> Option<usize> {
    let least = [wanted, offered]
        .into_iter()
        .filter(|frame_max| *frame_max > 0)
        .min()?;
    usize::try_from(least)
        .ok()
        .map(|frame_max| frame_max.max(LEAST_FRAME_MAX))
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;
    use lapin::protocol::basic::parse_properties;
    use proptest::prelude::*;

    pub(super) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        [
            &[kind, 0, 1],
            u32::try_from(payload.len())
                .unwrap()
                .to_be_bytes()
                .as_slice(),
            payload,
            &[0xce],
        ]
        .concat()
    }

    fn content_header(properties: &[u8]) -> Vec<u8> {
        frame(
            CONTENT_HEADER,
            &[[0, 60, 0, 0].as_slice(), &[0; 8], properties].concat(),
        )
    }

    fn tune(frame_max: u32) -> Vec<u8> {
        frame(
            METHOD,
            &[
                [0, 10, 0, 30, 7, 255].as_slice(),
                &frame_max.to_be_bytes(),
                &[0, 60],
            ]
            .concat(),
        )
    }

    fn passed_through(mut filter: FrameFilter, stream: &[u8], piece: usize) -> Vec<u8> {
        let mut read = Vec::new();
        for bytes in stream.chunks(piece) {
            filter.push(bytes);
            while !filter.is_empty() {
                let mut some = [0; 61];
                let length = filter.take(&mut some);
                read.extend_from_slice(&some[..length]);
            }
        }
        read
    }

    fn passed(stream: &[u8], piece: usize) -> Vec<u8> {
        passed_through(FrameFilter::new(0), stream, piece)
    }

    #[test]
    fn sound_frames_pass_as_they_are_in_any_pieces() {
        let properties = b"\xb0\x00\x04text\x00\x00\x00\x0a\x01nS\x00\x00\x00\x03abc\x02";
        let stream = [
            tune(131_072),
            frame(
                METHOD,
                b"\x00\x3c\x00\x3c\x03tag\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x04jobs",
            ),
            content_header(properties),
            frame(CONTENT_BODY, b"\xff\xfe\xfd not text"),
            frame(HEARTBEAT, b""),
        ]
        .concat();
        for piece in [1, 2, 3, 5, 64, usize::MAX] {
            assert_eq!(
                passed(&stream.repeat(2), piece),
                stream.repeat(2),
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn the_greeting_of_another_version_passes() {
        assert_eq!(passed(b"AMQP\x00\x01\x00\x00", 3), b"AMQP\x00\x01\x00\x00");
    }

    #[test]
    fn a_content_header_larger_than_the_negotiated_frame_is_cut_to_it() {
        let large = [
            b"\x01nS".as_slice(),
            &20_000_u32.to_be_bytes(),
            &vec![b'x'; 20_000],
        ]
        .concat();
        let properties = [
            b"\x24\x00".as_slice(),
            &u32::try_from(large.len()).unwrap().to_be_bytes(),
            &large,
            b"\x01c",
        ]
        .concat();
        let sent = content_header(&properties);
        let length = |wanted, offered| {
            passed_through(
                FrameFilter::new(wanted),
                &[tune(offered), sent.clone()].concat(),
                4096,
            )
            .len()
                - tune(0).len()
        };
        assert_eq!(length(0, 131_072), sent.len());
        assert_eq!(length(0, 0), sent.len(), "no bound was agreed on");
        for (wanted, offered) in [(8192, 131_072), (131_072, 8192), (0, 8192), (100, 131_072)] {
            assert!(length(wanted, offered) <= 8192, "{wanted} {offered}");
        }
    }

    /// What the library makes of a content header that has passed.
    fn read_by_the_library(frame: &[u8]) -> lapin::BasicProperties {
        assert_eq!((frame[0], frame[frame.len() - 1]), (CONTENT_HEADER, 0xce));
        assert_eq!(
            u32::from_be_bytes(frame[3..7].try_into().unwrap()) as usize,
            frame.len() - FRAME_OVERHEAD
        );
        let (rest, properties) =
            parse_properties(&frame[FRAME_HEADER + 12..frame.len() - 1]).unwrap();
        assert!(rest.is_empty());
        properties
    }

    #[test]
    fn a_property_that_is_not_utf8_is_absent_and_set_aside() {
        let gbk = b"\xb5\xa5\xba\xc5";
        let strings = [
            "content_type",
            "content_encoding",
            "correlation_id",
            "reply_to",
            "expiration",
            "message_id",
            "type",
            "user_id",
            "app_id",
            "cluster_id",
        ];
        let bits = [15, 14, 10, 9, 8, 7, 5, 4, 3, 2];
        for (name, bit) in strings.into_iter().zip(bits) {
            let sent =
                content_header(&[(1_u16 << bit).to_be_bytes().as_slice(), &[4], gbk].concat());
            let read = read_by_the_library(&passed(&sent, 7));
            let aside = read
                .headers()
                .as_ref()
                .and_then(|headers| headers.inner().get("invoice-unreadable").cloned());
            assert_eq!(
                aside,
                Some(lapin::types::AMQPValue::LongString(
                    format!("{name}=b5a5bac5").into()
                )),
                "{name}"
            );
            assert_eq!(
                read,
                lapin::BasicProperties::default().with_headers(read.headers().clone().unwrap()),
                "{name} is absent"
            );
        }
    }

    #[test]
    fn header_names_that_are_not_utf8_keep_their_value_under_a_mended_name() {
        let inner = [b"\x02\xc4\xe3I\x00\x00\x00\x07".as_slice()].concat();
        let table = [
            b"\x03\xc4\xe3xF".as_slice(),
            &u32::try_from(inner.len()).unwrap().to_be_bytes(),
            &inner,
        ]
        .concat();
        let sent = content_header(
            &[
                b"\x20\x00".as_slice(),
                &u32::try_from(table.len()).unwrap().to_be_bytes(),
                &table,
            ]
            .concat(),
        );
        let read = read_by_the_library(&passed(&sent, 5));
        assert_eq!(
            format!("{:?}", read.headers().as_ref().unwrap().inner()),
            "{ShortString(\"??x\"): FieldTable(FieldTable({ShortString(\"??\"): LongInt(7)}))}"
        );
    }

    #[test]
    fn a_table_nested_beyond_the_bound_becomes_a_byte_array_and_nothing_else_changes() {
        for tables in [false, true] {
            for (levels, changes) in [
                (1, 0),
                (table::MAX_DEPTH - 1, 0),
                (table::MAX_DEPTH, 1),
                (20_000, 1),
            ] {
                let table = nested(levels, tables);
                let sent = content_header(
                    &[
                        b"\x20\x00".as_slice(),
                        &u32::try_from(table.len()).unwrap().to_be_bytes(),
                        &table,
                    ]
                    .concat(),
                );
                for piece in [1, 3, 4096, usize::MAX] {
                    let read = passed(&sent.repeat(2), piece);
                    let changed: Vec<(u8, u8)> = sent
                        .repeat(2)
                        .iter()
                        .copied()
                        .zip(read.iter().copied())
                        .filter(|(sent, read)| sent != read)
                        .collect();
                    let kind = if tables { b'F' } else { b'A' };
                    assert_eq!(
                        changed,
                        vec![(kind, b'x'); 2 * changes],
                        "{levels} levels in pieces of {piece}"
                    );
                    read_by_the_library(&read[..sent.len()]);
                }
            }
        }
    }

    /// A header `n` of lists, or tables with one name, within each other.
    fn nested(levels: usize, tables: bool) -> Vec<u8> {
        let inner = (0..levels).fold(Vec::new(), |inner, level| {
            let (kind, name): (u8, &[u8]) = if tables {
                (b'F', b"\x01n")
            } else {
                (b'A', b"")
            };
            let name = if level == 0 { b"" } else { name };
            let content = [name, &inner].concat();
            [
                &[kind],
                u32::try_from(content.len())
                    .unwrap()
                    .to_be_bytes()
                    .as_slice(),
                &content,
            ]
            .concat()
        });
        [b"\x01n", inner.as_slice()].concat()
    }

    proptest! {
        #[test]
        fn the_library_reads_whatever_a_content_header_held(
            flags in any::<u16>(), strings in prop::collection::vec(any::<u8>(), 0..300), table in prop::collection::vec(any::<u8>(), 0..100),
            with_table in any::<bool>(), piece in 1_usize..40,
        ) {
            let table = if with_table { [u32::try_from(table.len()).unwrap().to_be_bytes().as_slice(), &table].concat() } else { table };
            let sent = content_header(&[flags.to_be_bytes().as_slice(), &table, &strings].concat());
            let read = passed(&sent, piece);
            read_by_the_library(&read);
            prop_assert_eq!(passed(&read, usize::MAX), read, "what was mended needs no mending");
        }

        #[test]
        fn pieces_make_no_difference_and_strangers_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..20) {
            for stream in [bytes.clone(), content_header(&bytes), frame(METHOD, &bytes)] {
                prop_assert_eq!(passed(&stream, piece), passed(&stream, usize::MAX));
            }
        }
    }
}
