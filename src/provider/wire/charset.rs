//! Decodes the bytes of an answer to text.
//!
//! JSON is UTF-8, and some gateways write GBK. What cannot be decoded becomes U+FFFD, and text that
//! holds one is unreadable: see [`is_legible`].

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// The character that stands for bytes that could not be decoded.
pub(super) const UNDECODED: char = char::REPLACEMENT_CHARACTER;

/// Decodes the text by its byte order mark, by its own form, or by the charset of its header, in
/// this order, because headers are often set by a server that does not know what the application
/// writes.
///
/// Without a declared charset, text that is not UTF-8 but valid GB18030 is read as GB18030.
/// `ISO-8859-1` is ignored, because Java servers send it when no charset was set. A declared UTF-8
/// is believed, and its invalid bytes are lost.
pub(super) fn decode<'a>(bytes: &'a [u8], declared: Option<&str>) -> Cow<'a, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0;
    }
    if let Some(encoding) = unmarked_utf16(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let charset = declared.filter(|charset| {
        charset.is_ascii_compatible() && ![UTF_8, WINDOWS_1252].contains(charset)
    });
    match (str::from_utf8(bytes), charset) {
        (Ok(text), None) => Cow::Borrowed(text),
        (Ok(text), Some(_)) if text.is_ascii() || text.chars().any(is_three_bytes_long) => {
            Cow::Borrowed(text)
        }
        (_, Some(charset)) => charset.decode_without_bom_handling(bytes).0,
        (Err(_), None) if declared == Some(UTF_8) || is_rather_utf8(bytes) => {
            String::from_utf8_lossy(bytes)
        }
        (Err(_), None) => GB18030
            .decode_without_bom_handling_and_without_replacement(bytes)
            .unwrap_or_else(|| String::from_utf8_lossy(bytes)),
    }
}

/// Returns the parameter `charset` of a `Content-Type` header.
pub(super) fn declared(content_type: &str) -> Option<&str> {
    let parameters = content_type
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='));
    let (_, charset) = parameters
        .into_iter()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(charset.trim().trim_matches(['"', '\'']))
}

/// Whether every character could be decoded. Text that is not legible is shown to people, and never
/// compared.
pub fn is_legible(text: &str) -> bool {
    memchr::memchr(0xef, text.as_bytes()).is_none() || !text.contains(UNDECODED)
}

/// JSON begins with an ASCII character.
fn unmarked_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [1..=0x7f, 0, ..] => Some(UTF_16LE),
        [0, 1..=0x7f, ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// Chinese characters are three bytes long in UTF-8. Text in GBK hardly ever forms such a sequence
/// by accident; one of two bytes it does.
fn is_three_bytes_long(char: char) -> bool {
    char >= '\u{800}'
}

/// Damaged UTF-8 still has more whole characters than broken ones.
fn is_rather_utf8(bytes: &[u8]) -> bool {
    let (mut whole, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        whole += chunk
            .valid()
            .chars()
            .filter(|char| is_three_bytes_long(*char))
            .count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    whole > broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::GBK;
    use proptest::prelude::*;

    const TEXT: &str = r#"{"Name": "阿卜杜拉·买买提", "HospitalName": "浙江医院"}"#;

    fn gbk(text: &str) -> Vec<u8> {
        GBK.encode(text).0.into_owned()
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn text_is_read_by_what_it_is_and_by_what_its_header_says() {
        let marked = [b"\xef\xbb\xbf", TEXT.as_bytes()].concat();
        let marked_utf16 = [b"\xff\xfe", utf16(TEXT, u16::to_le_bytes).as_slice()].concat();
        for (bytes, declared) in [
            (TEXT.as_bytes().to_vec(), None),
            (TEXT.as_bytes().to_vec(), Some("UTF-8")),
            (TEXT.as_bytes().to_vec(), Some("no such charset")),
            (marked.clone(), None),
            (gbk(TEXT), Some("GBK")),
            (gbk(TEXT), Some("gb2312")),
            (gbk(TEXT), Some("GB18030")),
            (gbk(TEXT), None),
            (gbk(TEXT), Some("ISO-8859-1")),
            (utf16(TEXT, u16::to_le_bytes), None),
            (utf16(TEXT, u16::to_be_bytes), Some("utf-16")),
            (marked_utf16, Some("gbk")),
            // A header that is wrong.
            (TEXT.as_bytes().to_vec(), Some("GBK")),
            (TEXT.as_bytes().to_vec(), Some("ISO-8859-1")),
            (TEXT.as_bytes().to_vec(), Some("utf-16")),
            (marked, Some("GBK")),
        ] {
            assert_eq!(
                decode(&bytes, declared),
                TEXT,
                "{declared:?} {:x?}",
                &bytes[..4]
            );
        }
        // These two bytes are also a letter in UTF-8.
        assert_eq!(
            decode(b"{\"a\": \"\xc4\xa3\"}", Some("gbk")),
            "{\"a\": \"模\"}"
        );
        assert_eq!(decode(b"{\"a\": \"\xc4\xa3\"}", None), "{\"a\": \"ģ\"}");
        // Beyond GBK.
        assert_eq!(
            decode(&GB18030.encode("䶮㐂𠮷").0, Some("gb18030")),
            "䶮㐂𠮷"
        );
    }

    #[test]
    fn undecodable_bytes_are_not_guessed() {
        for (bytes, declared, expected) in [
            (
                &b"{\"a\": \"\xd5\xc5\"}"[..],
                Some("utf-8"),
                "{\"a\": \"\u{fffd}\u{fffd}\"}",
            ),
            (b"{\"a\": \"\xd5\"}", None, "{\"a\": \"\u{fffd}\"}"),
            (
                b"{\"a\": \"\xff\xff\"}",
                Some("gbk"),
                "{\"a\": \"\u{fffd}\u{fffd}\"}",
            ),
            (
                "{\"a\": \"浙江医院\", \"b\": \"\u{fffd}\"}".as_bytes(),
                None,
                "{\"a\": \"浙江医院\", \"b\": \"\u{fffd}\"}",
            ),
            (
                b"{\"a\": \"\xe6\xb5\x99\xe6\xb1\x9f\xe5\x8c\"}",
                None,
                "{\"a\": \"浙江\u{fffd}\"}",
            ),
        ] {
            assert_eq!(decode(bytes, declared), expected);
        }
        assert!(is_legible("阿卜杜拉（１）") && !is_legible("张\u{fffd}"));
    }

    #[test]
    fn the_charset_is_found_in_every_spelling_of_the_header() {
        for (header, expected) in [
            ("application/json", None),
            ("application/json;charset=GBK", Some("GBK")),
            (
                "application/json; Charset=\"gb18030\"; a=b",
                Some("gb18030"),
            ),
            ("application/json; a=b; charset = 'GBK' ", Some("GBK")),
            ("", None),
        ] {
            assert_eq!(declared(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), label in prop::option::of("[a-z0-9-]{0,10}")) {
            let _ = decode(&bytes, label.as_deref());
        }
    }
}
