//! The body of an answer while it arrives, and the JSON object in it.
//!
//! An answer was paid for once it was sent, so a complete object in the body makes the call good,
//! whatever happens to the connection after it.

use super::charset;
use super::encoding::{self, EncodingProblem};
use super::json::{Fields, with_controls_blanked};
use super::lenient;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use std::borrow::Cow;

/// The bound on an answer, both as it is sent and once its content encodings are undone. A bill
/// with twenty thousand lines is below it.
pub(super) const MAX_ANSWER_BYTES: usize = 8 << 20;

#[derive(Default)]
pub(super) struct AnswerBody {
    bytes: Vec<u8>,
    /// The content encodings, in the order of the header.
    encodings: Vec<String>,
    charset: Option<String>,
}

/// The reason why no object can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyProblem {
    #[error("the answer is not a JSON object")]
    NoObject,
    #[error("the answer is not a JSON object: {0}")]
    Encoded(#[from] EncodingProblem),
}

impl AnswerBody {
    pub(super) fn announced(headers: &HeaderMap) -> Self {
        let values = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let encodings = values
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        Self {
            bytes: Vec::new(),
            encodings,
            charset: content_type.and_then(charset::declared).map(str::to_owned),
        }
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            ..Self::default()
        }
    }

    /// Appends a chunk. Returns whether the bound was kept.
    pub(super) fn push(&mut self, chunk: &[u8]) -> bool {
        let fits = self.bytes.len() + chunk.len() <= MAX_ANSWER_BYTES;
        let room = MAX_ANSWER_BYTES - self.bytes.len();
        self.bytes
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
        fits
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the whole object has arrived.
    pub(super) fn is_complete(&self) -> bool {
        self.read(|_| ()).is_ok()
    }

    /// Applies `read` to the object's fields.
    pub(super) fn read<A>(&self, read: impl FnOnce(Fields<'_>) -> A) -> Result<A, BodyProblem> {
        self.read_text(|_, fields, _| read(fields))
    }

    /// Applies `read` to the object's text as strict JSON, to its fields, and to whether the body
    /// was strict JSON as it stands.
    pub(super) fn read_text<A>(
        &self,
        read: impl FnOnce(&str, Fields<'_>, bool) -> A,
    ) -> Result<A, BodyProblem> {
        let undone = encoding::undo(&self.bytes, &self.encodings, MAX_ANSWER_BYTES);
        // An unknown encoding may be a mistake in the header.
        let bytes = undone
            .as_ref()
            .map_or(Cow::Borrowed(self.bytes.as_slice()), |bytes| {
                Cow::Borrowed(bytes)
            });
        let text = charset::decode(&bytes, self.charset.as_deref());
        let blanked = with_controls_blanked(Cow::Borrowed(&text));
        if let Some(fields) = Fields::parse(&blanked) {
            return Ok(read(&blanked, fields, true));
        }
        let mended = lenient::first_object(&text);
        let mended = mended.as_deref();
        match mended.and_then(|text| Some((text, Fields::parse(text)?))) {
            Some((text, fields)) => Ok(read(text, fields, false)),
            None => Err(undone
                .err()
                .map_or(BodyProblem::NoObject, BodyProblem::Encoded)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content_encoding::tests::gzip;
    use reqwest::header::HeaderValue;

    fn name(
        headers: &[(&'static str, &'static str)],
        bytes: &[u8],
    ) -> Result<Option<String>, BodyProblem> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let mut body = AnswerBody::announced(&map);
        assert!(body.push(bytes));
        body.read(|mut fields| fields.text("Name"))
    }

    #[test]
    fn an_object_is_found_in_every_encoding_and_charset() {
        let gbk = encoding_rs::GBK
            .encode("{\"Name\": \"张三\", \"b\": NaN}")
            .0
            .into_owned();
        let found = Ok(Some("张三".to_owned()));
        assert_eq!(
            name(
                &[
                    ("content-type", "application/json; charset=GBK"),
                    ("content-encoding", "gzip")
                ],
                &gzip(&gbk)
            ),
            found
        );
        let twice = gzip(&gzip(&gbk));
        assert_eq!(
            name(
                &[
                    ("content-encoding", "gzip"),
                    ("content-encoding", "GZIP"),
                    ("content-type", "text/plain;charset=gb18030")
                ],
                &twice
            ),
            found
        );
        assert_eq!(
            name(
                &[("content-encoding", "compress")],
                "{\"Name\": \"张三\"}".as_bytes()
            ),
            found,
            "the header is wrong"
        );
        assert_eq!(
            name(
                &[("content-encoding", "utf-8")],
                "\u{feff}{\"Name\": \"张三\"}<".as_bytes()
            ),
            found
        );
    }

    #[test]
    fn a_defect_of_an_answer_is_reported() {
        assert_eq!(
            name(&[], b"<html>").unwrap_err().to_string(),
            "the answer is not a JSON object"
        );
        let compressed = name(&[("content-encoding", "compress")], b"\x1f\x9d\x90")
            .unwrap_err()
            .to_string();
        assert_eq!(
            compressed,
            "the answer is not a JSON object: its content encoding \"compress\" is not known here"
        );
        let bomb = gzip(&vec![b' '; MAX_ANSWER_BYTES + 1]);
        assert!(
            name(&[("content-encoding", "gzip")], &bomb)
                .unwrap_err()
                .to_string()
                .contains("longer than allowed")
        );
    }

    #[test]
    fn only_the_whole_object_is_complete() {
        let whole = b"{\"code\": 200, \"data\": {\"Name\": \"x\"}}";
        let mut body = AnswerBody::default();
        for byte in &whole[..whole.len() - 1] {
            assert!(body.push(&[*byte]) && !body.is_complete());
        }
        assert!(body.push(b"}") && body.is_complete());
        assert!(!body.push(&vec![b' '; MAX_ANSWER_BYTES]), "too long");
        assert_eq!(body.len(), MAX_ANSWER_BYTES);
        assert!(body.is_complete(), "and complete still");
    }
}
