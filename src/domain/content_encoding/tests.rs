use super::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;

const PLAIN: &[u8] = br#"{"code": 200, "data": {"Name": "a name"}}"#;
/// [`PLAIN`] as Node's zlib compresses it.
const BROTLI: &str = "1b2800401c076eacc54e10b4370f23547a8becb9852d9dbe00694914594596ada0585202\
                      24868d357dc4fad831";
/// Eight MiB of spaces, likewise.
const BROTLI_BOMB: &str = "9bffff7ff82540e2b14020f7fe0f";
/// [`PLAIN`] as `zstd -c` compresses it: with a checksum.
const ZSTD: &str = "28b52ffd04584901007b22636f6465223a203230302c202264617461223a207b224e616d6522\
                    3a202261206e616d65227d7d117d0344";

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn brotli() -> Vec<u8> {
    hex::decode(BROTLI).unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn undone(packed: &[u8], names: &str, max: usize) -> Result<Unpacked, UnpackError> {
    ContentEncodings::parse(names).unwrap().undo(packed, max)
}

fn whole(bytes: &[u8]) -> Unpacked {
    Unpacked {
        bytes: bytes.to_vec(),
        is_cut: false,
    }
}

/// The same bytes in every encoding.
fn packed() -> [(&'static str, Vec<u8>); 6] {
    [
        ("gzip", gzip(PLAIN)),
        ("deflate", zlib(PLAIN)),
        ("deflate", deflate(PLAIN)),
        ("br", brotli()),
        ("zstd", hex::decode(ZSTD).unwrap()),
        ("zstd", zstd(PLAIN)),
    ]
}

#[test]
fn every_encoding_is_undone_up_to_the_bound() {
    for (name, bytes) in packed() {
        assert_eq!(
            undone(&bytes, name, PLAIN.len()),
            Ok(whole(PLAIN)),
            "{name}"
        );
        let less = undone(&bytes, name, PLAIN.len() - 1);
        assert_eq!(less, Err(UnpackError::TooLarge), "{name}");
    }
    for (names, bytes) in [
        ("X-GZIP", gzip(PLAIN)),
        (" identity , aws-chunked,, ", PLAIN.to_vec()),
        ("gzip, gzip", gzip(&gzip(PLAIN))),
        ("deflate, gzip", gzip(&zlib(PLAIN))),
        ("br, gzip", gzip(&brotli())),
        ("br, zstd, deflate, gzip", gzip(&deflate(&zstd(&brotli())))),
        ("gzip", [gzip(&PLAIN[..9]), gzip(&PLAIN[9..])].concat()),
        ("zstd", [zstd(&PLAIN[..9]), zstd(&PLAIN[9..])].concat()),
        (
            "zstd",
            [
                &zstd(PLAIN),
                &b"\x5a\x2a\x4d\x18\x02\0\0\0ab"[..],
                &zstd(b""),
            ]
            .concat(),
        ),
        // Announced, and not so.
        ("gzip", PLAIN.to_vec()),
        ("zstd", PLAIN.to_vec()),
        ("br", PLAIN.to_vec()),
        ("deflate", PLAIN.to_vec()),
    ] {
        assert_eq!(undone(&bytes, names, 1_000), Ok(whole(PLAIN)), "{names}");
    }
}

#[test]
fn an_encoding_that_is_not_undone_is_named() {
    for (names, unknown) in [
        ("gzip, compress", "compress"),
        ("dcb", "dcb"),
        ("gzip,gzip,gzip,gzip,gzip", "gzip,gzip,gzip,gzip,gzip"),
    ] {
        let error = ContentEncodings::parse(names).unwrap_err();
        assert_eq!(error, UnknownEncoding(unknown.to_owned()));
    }
}

#[test]
fn what_breaks_off_yields_what_came_before() {
    for (name, bytes) in packed() {
        for length in 4..bytes.len() {
            let cut = undone(&bytes[..length], name, 1_000).unwrap();
            assert!(cut.is_cut, "{name}: {length} of {}", bytes.len());
            assert!(PLAIN.starts_with(&cut.bytes), "{name}: {length}");
        }
    }
}

#[test]
fn what_follows_the_end_is_no_damage() {
    for (name, bytes) in packed() {
        for behind in [&b"\0"[..], b"\r\n", &[0; 40], b"<html>It works!</html>"] {
            let bytes = [&bytes, behind].concat();
            assert_eq!(
                undone(&bytes, name, 1_000),
                Ok(whole(PLAIN)),
                "{name} {behind:?}"
            );
        }
    }
}

#[test]
fn what_is_damaged_is_refused() {
    let wrong_checksum = |mut bytes: Vec<u8>, from_behind: usize| {
        let at = bytes.len() - from_behind;
        bytes[at] ^= 1;
        bytes
    };
    for (name, bytes) in [
        ("gzip", wrong_checksum(gzip(PLAIN), 5)),
        ("gzip", vec![0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0]),
        ("deflate", wrong_checksum(zlib(PLAIN), 1)),
        ("deflate", b"\xff\xff\xff".to_vec()),
        ("zstd", wrong_checksum(hex::decode(ZSTD).unwrap(), 1)),
        ("zstd", b"\x28\xb5\x2f\xfd\x00\x58\x07\x00\x00".to_vec()),
        ("br", b"\xff\xff\xff\xff".to_vec()),
    ] {
        assert_eq!(
            undone(&bytes, name, 1_000),
            Err(UnpackError::Damaged),
            "{name} {bytes:x?}"
        );
    }
}

#[test]
fn a_bomb_costs_no_more_than_the_bound_in_any_layer() {
    let spaces = vec![b' '; 8 << 20];
    for (names, bomb) in [
        ("gzip", gzip(&spaces)),
        ("deflate", zlib(&spaces)),
        ("br", hex::decode(BROTLI_BOMB).unwrap()),
        ("zstd", zstd(&spaces)),
        // Its first layer alone is too large, and unpacks to nothing.
        ("gzip, gzip", gzip(&gzip(b"").repeat(100_000))),
        ("br, gzip", gzip(&hex::decode(BROTLI_BOMB).unwrap())),
    ] {
        assert!(bomb.len() < 20_000, "{names}: {}", bomb.len());
        assert_eq!(
            undone(&bomb, names, 1 << 20),
            Err(UnpackError::TooLarge),
            "{names}"
        );
    }
}

#[test]
fn a_window_beyond_the_bound_of_http_is_refused_before_it_is_allocated() {
    // One empty last block behind a header that asks for a window of 1 GiB.
    let bytes = b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00";
    assert_eq!(undone(bytes, "zstd", 1_000), Err(UnpackError::Damaged));
    let allowed = b"\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00";
    assert_eq!(undone(allowed, "zstd", 1_000), Ok(whole(b"")));
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        piece in 1_usize..200,
    ) {
        for (name, packed) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes)), ("deflate", deflate(&bytes))] {
            let encodings = ContentEncodings::parse(name).unwrap();
            let pieces = BufReader::with_capacity(piece, &packed[..]);
            prop_assert_eq!(encodings.undo(pieces, bytes.len()), Ok(whole(&bytes)));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        (name, start) in prop::sample::select(vec![
            ("gzip", &b"\x1f\x8b\x08\0"[..]),
            ("zstd", b"\x28\xb5\x2f\xfd"),
            ("br", b"\x1b"),
            ("deflate", b"\x78\x9c"),
        ]),
        is_begun: bool,
    ) {
        let start = if is_begun { start } else { &[] };
        let _ = undone(&[start, &bytes].concat(), name, 1_000);
    }
}
