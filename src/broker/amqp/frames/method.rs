//! Methods from the broker, with their short strings and tables made valid. Lengths stay the same.

use super::reader::{ByteReader, push_long, push_short};
use super::table;

#[derive(Clone, Copy, Debug)]
enum MethodArgument {
    Bytes(usize),
    Short,
    Long,
    Table,
}

use MethodArgument::{Bytes, Long, Short, Table};

const CONNECTION_TUNE: (u16, u16) = (10, 30);

/// The arguments of the methods with text in them, by class and method.
fn arguments(method: (u16, u16)) -> &'static [MethodArgument] {
    match method {
        // connection.start
        (10, 10) => &[Bytes(2), Table, Long, Long],
        // connection.secure, channel.open-ok
        (10, 20) | (20, 11) => &[Long],
        // close of a connection and of a channel
        (10, 50) | (20, 40) => &[Bytes(2), Short],
        // connection: open-ok, blocked; queue.declare-ok; basic: consume-ok, cancel, cancel-ok,
        // get-empty
        (10, 41 | 60) | (50, 11) | (60, 21 | 30 | 31 | 72) => &[Short],
        // basic: return, deliver, get-ok
        (60, 50) => &[Bytes(2), Short, Short, Short],
        (60, 60) => &[Short, Bytes(9), Short, Short],
        (60, 71) => &[Bytes(9), Short, Short],
        _ => &[],
    }
}

/// The largest frame in bytes that the broker offers; `None` for any other method.
pub(super) fn frame_max_of_tune(payload: &[u8]) -> Option<u32> {
    let mut reader = ByteReader(payload);
    if (reader.u16()?, reader.u16()?) != CONNECTION_TUNE {
        return None;
    }
    reader.take(2)?;
    reader.u32()
}

pub(super) fn mended(payload: &[u8]) -> Vec<u8> {
    let mut reader = ByteReader(payload);
    let mut out = Vec::with_capacity(payload.len());
    if let (Some(class), Some(method)) = (reader.u16(), reader.u16()) {
        out.extend_from_slice(&class.to_be_bytes());
        out.extend_from_slice(&method.to_be_bytes());
        for argument in arguments((class, method)) {
            if copy(*argument, &mut reader, &mut out).is_none() {
                break;
            }
        }
    }
    // Flags and numbers, or bytes that cannot be read, which lapin refuses.
    let begun = if out.is_empty() { payload } else { reader.0 };
    out.extend_from_slice(begun);
    out
}

fn copy(argument: MethodArgument, reader: &mut ByteReader<'_>, out: &mut Vec<u8>) -> Option<()> {
    match argument {
        Bytes(length) => out.extend_from_slice(reader.take(length)?),
        Short => push_short(reader.short()?, out),
        Long => push_long(reader.long()?, out),
        Table => push_long(&table::mended(reader.long()?), out),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::protocol::parse_class;

    #[test]
    fn the_library_reads_every_method_whatever_its_text() {
        let gbk = b"\x04\xb5\xa5\xba\xc5".as_slice();
        let (tag, flag, count) = ([0; 8].as_slice(), [0].as_slice(), [0; 4].as_slice());
        let table = b"\x00\x00\x00\x0b\x02\xc4\xe3S\x00\x00\x00\x03abc".as_slice();
        let long = b"\x00\x00\x00\x05PLAIN".as_slice();
        for (method, arguments) in [
            ([0, 10, 0, 10], vec![[0, 9].as_slice(), table, long, long]),
            ([0, 10, 0, 20], vec![long]),
            ([0, 10, 0, 30], vec![[7, 255].as_slice(), count, &[0, 60]]),
            ([0, 10, 0, 41], vec![gbk]),
            (
                [0, 10, 0, 50],
                vec![[1, 64].as_slice(), gbk, &[0, 10, 0, 40]],
            ),
            ([0, 10, 0, 51], vec![]),
            ([0, 10, 0, 60], vec![gbk]),
            ([0, 10, 0, 61], vec![]),
            ([0, 20, 0, 11], vec![long]),
            ([0, 20, 0, 20], vec![flag]),
            (
                [0, 20, 0, 40],
                vec![[1, 64].as_slice(), gbk, &[0, 60, 0, 40]],
            ),
            ([0, 20, 0, 41], vec![]),
            ([0, 40, 0, 11], vec![]),
            ([0, 50, 0, 11], vec![gbk, count, count]),
            ([0, 50, 0, 21], vec![]),
            ([0, 50, 0, 31], vec![count]),
            ([0, 50, 0, 41], vec![count]),
            ([0, 60, 0, 11], vec![]),
            ([0, 60, 0, 21], vec![gbk]),
            ([0, 60, 0, 30], vec![gbk, flag]),
            ([0, 60, 0, 31], vec![gbk]),
            ([0, 60, 0, 50], vec![[1, 56].as_slice(), gbk, gbk, gbk]),
            ([0, 60, 0, 60], vec![gbk, tag, flag, gbk, gbk]),
            ([0, 60, 0, 71], vec![tag, flag, gbk, gbk, count]),
            ([0, 60, 0, 72], vec![gbk]),
            ([0, 60, 0, 80], vec![tag, flag]),
            ([0, 60, 0, 120], vec![tag, flag]),
            ([0, 85, 0, 11], vec![]),
        ] {
            let sent = [method.as_slice(), &arguments.concat()].concat();
            let read = mended(&sent);
            assert_eq!(read.len(), sent.len(), "{method:?}");
            let rest = parse_class(read.as_slice())
                .unwrap_or_else(|error| panic!("{method:?}: {error}"))
                .0;
            assert!(rest.is_empty(), "{method:?}");
        }
    }

    #[test]
    fn the_offered_frame_is_read_from_tune_alone() {
        assert_eq!(
            frame_max_of_tune(&[0, 10, 0, 30, 7, 255, 0, 2, 0, 0, 0, 60]),
            Some(131_072)
        );
        assert_eq!(
            frame_max_of_tune(&[0, 10, 0, 31, 7, 255, 0, 2, 0, 0, 0, 60]),
            None
        );
        assert_eq!(frame_max_of_tune(&[0, 10, 0, 30]), None);
    }
}
