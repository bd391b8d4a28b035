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

/// The library's reading of a content header that has passed.
fn read_by_the_library(frame: &[u8]) -> lapin::BasicProperties {
    assert_eq!((frame[0], frame[frame.len() - 1]), (CONTENT_HEADER, 0xce));
    assert_eq!(
        u32::from_be_bytes(frame[3..7].try_into().unwrap()) as usize,
        frame.len() - FRAME_OVERHEAD
    );
    let (rest, properties) = parse_properties(&frame[FRAME_HEADER + 12..frame.len() - 1]).unwrap();
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
        let sent = content_header(&[(1_u16 << bit).to_be_bytes().as_slice(), &[4], gbk].concat());
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
