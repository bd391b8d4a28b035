//! From the bytes of a message to the text of a job: within the bounds on size and depth, unpacked,
//! and without its byte order mark.

use crate::domain::content_encoding::{ContentEncodings, UnpackError, Unpacked, is_gzip};
use std::borrow::Cow;

/// The deepest nesting of lists and objects, the body itself being the first level. Readers of
/// results stop at 64 levels (.NET) or overflow their stack somewhat later, and `metadata` is
/// echoed to them unchanged.
const MAX_LEVELS: usize = 64;
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// The longest foreign name in an error.
const MAX_NAME_CHARS: usize = 40;

/// The body as JSON text has to be sent, at most `max_bytes` of it, packed or not.
///
/// # Errors
/// What is wrong with it, without repeating any of it.
pub(super) fn unpacked<'a>(
    body: &'a [u8],
    content_encoding: Option<&str>,
    max_bytes: usize,
) -> Result<Cow<'a, [u8]>, String> {
    if body.len() > max_bytes {
        return Err(format!(
            "the body is larger than {max_bytes} bytes, the limit set by worker.max_job_bytes"
        ));
    }
    let named = content_encoding.unwrap_or_default();
    let encodings = ContentEncodings::parse(named).map_err(|unknown| {
        format!(
            "content_encoding is {}; this worker reads bodies without one, gzip, deflate, br and zstd",
            printable(&unknown.0)
        )
    })?;
    if encodings.is_empty() {
        return Ok(Cow::Borrowed(body));
    }
    let damaged = || {
        let named = printable(named.trim());
        format!("content_encoding is {named}, and the body is not a complete stream of it")
    };
    match encodings.undo(body, max_bytes) {
        Ok(Unpacked {
            bytes,
            is_cut: false,
        }) => Ok(Cow::Owned(bytes)),
        Ok(_) | Err(UnpackError::Damaged) => Err(damaged()),
        Err(UnpackError::TooLarge) => Err(format!(
            "the body is larger than {max_bytes} bytes once unpacked, the limit set by worker.max_job_bytes"
        )),
    }
}

/// # Errors
/// As [`unpacked`].
pub(super) fn text(body: &[u8]) -> Result<&str, String> {
    if let Some(charset) = other_charset(body) {
        return Err(format!("the body is {charset}; send it as UTF-8"));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let hint = if is_gzip(body) {
            ": it looks like gzip, which the property content_encoding has to say"
        } else {
            ""
        };
        format!("not UTF-8 from byte {}{hint}", error.valid_up_to())
    })?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if is_deeper_than(text, MAX_LEVELS) {
        return Err(format!(
            "the body is nested more than {MAX_LEVELS} levels deep"
        ));
    }
    Ok(text)
}

/// Another encoding, recognised by its byte order mark or by the zero byte beside the first
/// character, which is ASCII in every JSON text.
fn other_charset(body: &[u8]) -> Option<&'static str> {
    match body {
        [0xff, 0xfe, 0, 0, ..]
        | [0, 0, 0xfe, 0xff, ..]
        | [1..=255, 0, 0, 0, ..]
        | [0, 0, 0, 1..=255, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// Counted without recursion, before any parser sees the text. Meaningless for text that is not
/// JSON.
fn is_deeper_than(json: &str, levels: usize) -> bool {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > levels {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// A foreign name in printable form: it may be long, and in any script.
fn printable(name: &str) -> String {
    let short: String = name.chars().take(MAX_NAME_CHARS).collect();
    format!("{:?}", short.escape_default().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_outside_of_texts() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (json, levels, expected) in [
            (nested(64), 64, false),
            (nested(65), 64, true),
            (nested(120_000), 64, true),
            ("[".repeat(65), 64, true),
            (r#"{"a":[1],"b":[2],"c":{"d":[]}}"#.to_owned(), 3, false),
            (r#"{"a":[1],"b":[2],"c":{"d":[]}}"#.to_owned(), 2, true),
            (r#"{"a":"[[[[\"[[[","b":"\\","c":[]}"#.to_owned(), 2, false),
            (r#"{"a":"[","b":[[]]}"#.to_owned(), 2, true),
            ("[][][]".to_owned(), 1, false),
            ("]]]][".to_owned(), 1, false),
        ] {
            assert_eq!(
                is_deeper_than(&json, levels),
                expected,
                "{levels}: {}",
                &json[..json.len().min(40)]
            );
        }
    }

    #[test]
    fn other_charsets_are_named() {
        let utf16 = |mark: &[u8], text: &str| {
            [
                mark,
                &text
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>(),
            ]
            .concat()
        };
        for (body, expected) in [
            (utf16(b"\xff\xfe", "{}"), Some("UTF-16")),
            (utf16(b"", "{}"), Some("UTF-16")),
            (b"\xfe\xff\0{\0}".to_vec(), Some("UTF-16")),
            (b"\0{\0}".to_vec(), Some("UTF-16")),
            (b"{\0\0\0}\0\0\0".to_vec(), Some("UTF-32")),
            (b"\0\0\0{\0\0\0}".to_vec(), Some("UTF-32")),
            (b"{}".to_vec(), None),
            (b"\xef\xbb\xbf{}".to_vec(), None),
            (b"\0".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(other_charset(&body), expected, "{body:?}");
        }
    }

    #[test]
    fn a_foreign_name_is_short_and_printable() {
        assert_eq!(printable("br"), "\"br\"");
        assert_eq!(printable(&"x".repeat(255)).len(), MAX_NAME_CHARS + 2);
        assert!(printable("压缩\u{1b}[2J").is_ascii());
    }
}
