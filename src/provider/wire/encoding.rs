//! Content encodings undone. We ask for none, but some proxies compress every answer.
//!
//! `br` and `zstd` are not undone: no proxy uses them unless the client asks for them, and each
//! would be another library.

use flate2::bufread::GzDecoder;
use flate2::read::{DeflateDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::Read;

/// A proxy before a proxy before a gateway; more would be a bomb.
const MAX_ENCODINGS: usize = 4;
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const BLOCK_BYTES: usize = 16 << 10;
/// The bytes of an encoding's name that are repeated in a message.
const MAX_NAME_BYTES: usize = 20;

/// Why an answer's bytes are not what the API wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EncodingProblem {
    #[error("its content encoding {0:?} is not known here")]
    Unknown(String),
    #[error("its content encoding {0} is damaged")]
    Damaged(&'static str),
    #[error("it is longer than allowed once its content encoding is undone")]
    TooLong,
}

/// Decodes what the server encoded, at most `max` bytes of it.
///
/// `names` are those of the `Content-Encoding` header, in its order. Headers lie in both
/// directions: gzip that was not announced is undone, and what does not begin as gzip was not
/// compressed. An encoding that breaks off yields what came before.
pub(super) fn undo<'a>(
    body: &'a [u8],
    names: &[String],
    max: usize,
) -> Result<Cow<'a, [u8]>, EncodingProblem> {
    if names.len() > MAX_ENCODINGS {
        return Err(EncodingProblem::Unknown(format!("{} of them", names.len())));
    }
    let mut bytes = Cow::Borrowed(body);
    for name in names.iter().rev() {
        match name.as_str() {
            "gzip" | "x-gzip" | "deflate" | "x-deflate" => {}
            "" | "identity" | "none" => continue,
            // A charset in the wrong header.
            name if encoding_rs::Encoding::for_label(name.as_bytes()).is_some() => continue,
            unknown => {
                let shown = unknown
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(MAX_NAME_BYTES)
                    .collect();
                return Err(EncodingProblem::Unknown(shown));
            }
        }
        if name.ends_with("gzip") {
            if bytes.starts_with(GZIP_MAGIC) {
                bytes = Cow::Owned(gunzip(&bytes, max)?);
            }
        } else if let Some(inflated) = inflate(&bytes, max)? {
            bytes = Cow::Owned(inflated);
        }
    }
    if bytes.starts_with(GZIP_MAGIC) {
        gunzip(&bytes, max).map(Cow::Owned)
    } else {
        Ok(bytes)
    }
}

/// One member after the other. What follows the last of them, padding say, is none, and costs
/// nothing.
fn gunzip(bytes: &[u8], max: usize) -> Result<Vec<u8>, EncodingProblem> {
    let (mut plain, mut rest) = (Vec::new(), bytes);
    while rest.starts_with(GZIP_MAGIC) {
        let mut decoder = GzDecoder::new(rest);
        match read_all(&mut decoder, max - plain.len())? {
            Decoded::Whole(member) => plain.extend_from_slice(&member),
            Decoded::Cut(member) => {
                plain.extend_from_slice(&member);
                break;
            }
            Decoded::Wrong => return Err(EncodingProblem::Damaged("gzip")),
        }
        rest = decoder.into_inner();
    }
    Ok(plain)
}

/// `deflate` is zlib by the standard and a bare stream by many servers. `None`: it was not
/// compressed at all.
fn inflate(bytes: &[u8], max: usize) -> Result<Option<Vec<u8>>, EncodingProblem> {
    if is_plain_object(bytes) {
        return Ok(None);
    }
    let zlib = read_all(ZlibDecoder::new(bytes), max);
    if let Ok(Decoded::Whole(bytes)) = zlib {
        return Ok(Some(bytes));
    }
    let bare = read_all(DeflateDecoder::new(bytes), max);
    match (zlib?, bare) {
        (_, Ok(Decoded::Whole(bytes))) => Ok(Some(bytes)),
        (Decoded::Cut(bytes), _) | (_, Ok(Decoded::Cut(bytes))) if !bytes.is_empty() => {
            Ok(Some(bytes))
        }
        (_, Err(problem)) => Err(problem),
        _ => Err(EncodingProblem::Damaged("deflate")),
    }
}

/// Bytes of a bare stream may be anything, but hardly these.
fn is_plain_object(bytes: &[u8]) -> bool {
    let inner = bytes
        .trim_ascii_start()
        .strip_prefix(b"{")
        .map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| matches!(inner.first(), Some(b'"' | b'}')))
}

enum Decoded {
    Whole(Vec<u8>),
    /// Its end is missing.
    Cut(Vec<u8>),
    Wrong,
}

fn read_all(mut encoded: impl Read, max: usize) -> Result<Decoded, EncodingProblem> {
    let mut plain = Vec::new();
    let mut block = [0; BLOCK_BYTES];
    loop {
        match encoded.read(&mut block) {
            Ok(0) => return Ok(Decoded::Whole(plain)),
            Ok(count) if plain.len() + count > max => return Err(EncodingProblem::TooLong),
            Ok(count) => plain.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(Decoded::Cut(plain));
            }
            Err(_) => return Ok(Decoded::Wrong),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    const PLAIN: &[u8] = br#"{"code": 200, "data": {"Name": "a name"}}"#;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
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

    fn undone(body: &[u8], names: &[&str]) -> Result<Vec<u8>, EncodingProblem> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        undo(body, &names, 1 << 20).map(Cow::into_owned)
    }

    #[test]
    fn every_encoding_that_a_proxy_uses_is_undone() {
        let two_members = [gzip(&PLAIN[..10]), gzip(&PLAIN[10..])].concat();
        for (body, names) in [
            (PLAIN.to_vec(), &[][..]),
            (PLAIN.to_vec(), &["identity", ""]),
            (PLAIN.to_vec(), &["utf-8"]),
            (gzip(PLAIN), &["gzip"]),
            (gzip(PLAIN), &["x-gzip"]),
            (gzip(PLAIN), &[]),
            (two_members, &["gzip"]),
            (zlib(PLAIN), &["deflate"]),
            (deflate(PLAIN), &["deflate"]),
            (gzip(&gzip(PLAIN)), &["gzip", "gzip"]),
            (gzip(&zlib(PLAIN)), &["deflate", "gzip"]),
            // Announced, and not so.
            (PLAIN.to_vec(), &["gzip"]),
            (PLAIN.to_vec(), &["deflate"]),
        ] {
            assert_eq!(undone(&body, names), Ok(PLAIN.to_vec()), "{names:?}");
        }
    }

    #[test]
    fn a_truncated_stream_yields_its_beginning_and_a_damaged_one_nothing() {
        let whole = gzip(PLAIN);
        assert_eq!(
            undone(&whole[..whole.len() - 5], &["gzip"]),
            Ok(PLAIN.to_vec()),
            "only the checksum is missing"
        );
        let bare = deflate(PLAIN);
        assert!(PLAIN.starts_with(&undone(&bare[..bare.len() / 2], &["deflate"]).unwrap()));
        let mut damaged = whole;
        let at = damaged.len() - 8;
        damaged[at] ^= 1;
        assert_eq!(
            undone(&damaged, &["gzip"]),
            Err(EncodingProblem::Damaged("gzip"))
        );
        assert_eq!(
            undone(b"\xff\xff\xff", &["deflate"]),
            Err(EncodingProblem::Damaged("deflate"))
        );
    }

    #[test]
    fn bytes_after_the_last_member_are_no_damage() {
        for behind in [
            &b"\0"[..],
            b"\r\n",
            &[0; 40],
            b"<html>It works! And works, and works.</html>",
        ] {
            assert_eq!(
                undone(&[&gzip(PLAIN), behind].concat(), &["gzip"]),
                Ok(PLAIN.to_vec()),
                "{behind:?}"
            );
            assert_eq!(
                undone(&[&zlib(PLAIN), behind].concat(), &["deflate"]),
                Ok(PLAIN.to_vec()),
                "{behind:?}"
            );
        }
    }

    #[test]
    fn an_unknown_encoding_is_named_and_a_bomb_is_left() {
        assert_eq!(
            undone(PLAIN, &["br"]),
            Err(EncodingProblem::Unknown("br".to_owned()))
        );
        assert_eq!(
            undone(PLAIN, &["x\u{1b}y"]),
            Err(EncodingProblem::Unknown("xy".to_owned()))
        );
        assert!(undone(PLAIN, &["gzip"; 5]).is_err());
        for (body, name) in [
            (gzip(&vec![b' '; 2 << 20]), "gzip"),
            (zlib(&vec![b' '; 2 << 20]), "deflate"),
        ] {
            assert_eq!(
                undone(&body, &[name]),
                Err(EncodingProblem::TooLong),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200), name in prop::sample::select(vec!["gzip", "deflate"])) {
            let _ = undone(&body, &[name]);
            let _ = undone(&[GZIP_MAGIC, &body].concat(), &[]);
        }
    }
}
