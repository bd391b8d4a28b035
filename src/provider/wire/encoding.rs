//! The content encodings of an answer. We ask for none, but some proxies compress every answer.

use crate::domain::content_encoding::{ContentEncodings, UnknownEncoding, UnpackError, is_gzip};
use std::borrow::Cow;

/// The bytes of an encoding's name that a message repeats.
const MAX_NAME_BYTES: usize = 20;

/// Why an answer's bytes are not what the API wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EncodingProblem {
    #[error("its content encoding {0:?} is not known here")]
    Unknown(String),
    #[error("its content encoding is damaged")]
    Damaged,
    #[error("it is longer than allowed once its content encoding is undone")]
    TooLong,
}

/// Decodes what the server encoded, at most `max` bytes of it.
///
/// `names` are those of the `Content-Encoding` header, in its order. Headers lie in both
/// directions: gzip that was not announced is undone too. An encoding that breaks off yields what
/// came before: an object in it may be complete.
pub(super) fn undo<'a>(
    body: &'a [u8],
    names: &[String],
    max: usize,
) -> Result<Cow<'a, [u8]>, EncodingProblem> {
    // A charset in the wrong header is no encoding.
    let names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| encoding_rs::Encoding::for_label(name.as_bytes()).is_none())
        .collect();
    let encodings = ContentEncodings::parse(&names.join(","))?;
    let mut bytes = Cow::Borrowed(body);
    if !encodings.is_empty() {
        bytes = Cow::Owned(encodings.undo(body, max)?.bytes);
    }
    if is_gzip(&bytes) {
        bytes = Cow::Owned(ContentEncodings::gzip().undo(&*bytes, max)?.bytes);
    }
    Ok(bytes)
}

impl From<UnknownEncoding> for EncodingProblem {
    fn from(UnknownEncoding(name): UnknownEncoding) -> Self {
        let printable = name.chars().filter(char::is_ascii_graphic);
        Self::Unknown(printable.take(MAX_NAME_BYTES).collect())
    }
}

impl From<UnpackError> for EncodingProblem {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::TooLarge => Self::TooLong,
            UnpackError::Damaged => Self::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content_encoding::tests::gzip;

    const PLAIN: &[u8] = br#"{"code": 200, "data": {"Name": "a name"}}"#;

    fn undone(body: &[u8], names: &[&str]) -> Result<Vec<u8>, EncodingProblem> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        undo(body, &names, 1 << 20).map(Cow::into_owned)
    }

    #[test]
    fn headers_lie_in_both_directions() {
        for (body, names) in [
            (PLAIN.to_vec(), &[][..]),
            (PLAIN.to_vec(), &["utf-8"]),
            (PLAIN.to_vec(), &["gbk", "gzip"]),
            (gzip(PLAIN), &[]),
            (gzip(PLAIN), &["identity"]),
            (gzip(&gzip(PLAIN)), &["gzip"]),
            (PLAIN.to_vec(), &["br"]),
        ] {
            assert_eq!(undone(&body, names), Ok(PLAIN.to_vec()), "{names:?}");
        }
        let whole = gzip(PLAIN);
        assert_eq!(
            undone(&whole[..whole.len() - 5], &["gzip"]),
            Ok(PLAIN.to_vec()),
            "only the checksum is missing"
        );
    }

    #[test]
    fn a_body_that_is_not_undone_is_an_error_that_says_why() {
        for (body, names, problem) in [
            (
                PLAIN.to_vec(),
                &["compress"][..],
                EncodingProblem::Unknown("compress".to_owned()),
            ),
            (
                PLAIN.to_vec(),
                &["x\u{1b}y"],
                EncodingProblem::Unknown("xy".to_owned()),
            ),
            (
                b"\xff\xff\xff".to_vec(),
                &["deflate"],
                EncodingProblem::Damaged,
            ),
            (gzip(&vec![b' '; 2 << 20]), &[], EncodingProblem::TooLong),
            (
                gzip(&vec![b' '; 2 << 20]),
                &["gzip"],
                EncodingProblem::TooLong,
            ),
        ] {
            assert_eq!(undone(&body, names), Err(problem), "{names:?}");
        }
    }
}
